#pragma once
// What a TreeVolume stands on. All of it outlives the volume.

#include <functional>
#include <memory>
#include <string>

#include "engine/node/identity.hpp"
#include "engine/node/keep_wishes.hpp"
#include "engine/node/policy.hpp"
#include "engine/node/problems.hpp"
#include "engine/node/publisher.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/store/content_store.hpp"
#include "engine/store/database.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

struct TreeVolumeParts {
    std::string name;
    std::string home;
    Identity& identity;
    Tree& tree;
    store::Database& database;
    store::ContentStore& contents;
    Publisher& publisher;
    JobGroup& jobs;
    swarm::Swarm& swarm;
    const Clock& clock;
    Problems& problems;
    // The disk is full. Returns: whether there is more room now. May take a while, never waits
    // for the network, for a file or for a batch of this thread.
    std::function<bool()> make_room;
    std::function<std::shared_ptr<const Policy>()> policy;
    KeepWishes* wishes = nullptr;  // null: nothing can be asked
};

}  // namespace swarmfs::node
