#pragma once
// The policy in force: follows the file that says it (policy.hpp) as the tree changes.
//
// Rules:
//   1. The file is looked at when the tree changed; where its content is another one, it is fetched,
//      read on a worker, and in force from then on. No file: everything once.
//   2. A file that cannot be fetched, read or understood leaves in force what was; the problem
//      stands in `swarmfs status` until the file is right or gone, and reading is tried again every
//      kAgainEvery.
//   3. A file that is being written for the first time is none yet.
// Thread: engine, but for policy().

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <boost/asio/steady_timer.hpp>

#include "engine/core/ids.hpp"
#include "engine/node/policy.hpp"
#include "engine/node/problems.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/store/content_store.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class PolicyWatch : public std::enable_shared_from_this<PolicyWatch> {
public:
    // Shorter than Problems remembers.
    static constexpr auto kAgainEvery = std::chrono::minutes(1);

    // Outlives it, from the first look() to stop().
    struct Parts {
        boost::asio::io_context& engine;
        Tree& tree;
        store::ContentStore& contents;
        swarm::Swarm& swarm;
        JobGroup& jobs;
        Problems& problems;
    };
    explicit PolicyWatch(const Parts& parts) : parts_(parts), again_timer_(parts.engine) {}

    // Never null. Thread: any.
    std::shared_ptr<const Policy> policy() const {
        const std::lock_guard lock(policy_mutex_);
        return policy_;
    }
    // Called after the policy in force became another one.
    void on_changed(std::function<void()> act) { on_changed_ = std::move(act); }

    // The tree may have changed.   Cost: one look-up of a name, and more when the file changed.
    void look();
    // Nothing of Parts is used any more once jobs that were posted are over.
    void stop();

private:
    void fetch(const store::InodeRecord& record);
    void read(const ContentId& content);
    void use(const ContentId& content, Result<Policy> policy);
    void take(Policy policy);
    void failed(const Error& why);
    void forget_fill();

    const Parts parts_;
    std::function<void()> on_changed_;
    boost::asio::steady_timer again_timer_;
    std::optional<ContentId> looked_at_;  // in force, or on its way
    swarm::FillId fill_ = 0;
    bool stopped_ = false;
    mutable std::mutex policy_mutex_;
    std::shared_ptr<const Policy> policy_ = std::make_shared<const Policy>();
};

}  // namespace swarmfs::node
