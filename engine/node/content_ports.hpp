#pragma once
// The store as the swarm sees it: joins swarm/ports.hpp to store/content_store.hpp. Thread: any.

#include "engine/store/content_store.hpp"
#include "engine/swarm/ports.hpp"

namespace swarmfs::node {

class StorePorts final : public swarm::ContentPorts {
public:
    explicit StorePorts(store::ContentStore& contents) : contents_(contents) {}
    Result<std::shared_ptr<swarm::ContentPort>> open(const ContentId& content,
                                                     swarm::Purpose purpose) override;

private:
    store::ContentStore& contents_;
};

}  // namespace swarmfs::node
