#pragma once
// The store as the swarm sees it: joins swarm/ports.hpp to store/content_store.hpp. Thread: any.

#include <functional>

#include "engine/core/key_value.hpp"
#include "engine/node/cache_keeper.hpp"
#include "engine/node/problems.hpp"
#include "engine/store/content_store.hpp"
#include "engine/swarm/ports.hpp"

namespace swarmfs::node {

class StorePorts final : public swarm::ContentPorts {
public:
    // `completed` is called when a content has become whole by what was fetched. Any thread.
    using Completed = std::function<void(const ContentId&)>;
    // `disk_full` when there was no room for what was fetched. Any thread; it must be quick. `cache`
    // outlives it.
    StorePorts(store::ContentStore& contents, CacheKeeper& cache, Problems& problems,
               Completed completed, std::function<void()> disk_full)
        : contents_(contents),
          cache_(cache),
          problems_(problems),
          completed_(std::move(completed)),
          disk_full_(std::move(disk_full)) {}
    Result<std::shared_ptr<swarm::ContentPort>> open(const ContentId& content,
                                                     swarm::Purpose purpose) override;

private:
    store::ContentStore& contents_;
    CacheKeeper& cache_;
    Problems& problems_;
    const Completed completed_;
    const std::function<void()> disk_full_;
};

}  // namespace swarmfs::node
