#pragma once
// The store as the swarm sees it: joins swarm/ports.hpp to store/content_store.hpp. Thread: any.

#include <functional>

#include "engine/core/key_value.hpp"
#include "engine/node/problems.hpp"
#include "engine/store/content_store.hpp"
#include "engine/swarm/ports.hpp"

namespace swarmfs::node {

class StorePorts final : public swarm::ContentPorts {
public:
    // `completed` is called when a content has become whole by what was fetched. Any thread.
    using Completed = std::function<void(const ContentId&)>;
    StorePorts(store::ContentStore& contents, Problems& problems, Completed completed)
        : contents_(contents), problems_(problems), completed_(std::move(completed)) {}
    Result<std::shared_ptr<swarm::ContentPort>> open(const ContentId& content,
                                                     swarm::Purpose purpose) override;

private:
    store::ContentStore& contents_;
    Problems& problems_;
    const Completed completed_;
};

}  // namespace swarmfs::node
