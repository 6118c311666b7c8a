#include "engine/node/version_follower.hpp"

#include <algorithm>

#include "engine/core/log.hpp"

namespace swarmfs::node {
namespace {

constexpr std::size_t kLeavesAtOnce = 8;
constexpr Duration kLeafDeadline = std::chrono::seconds(30);

}  // namespace

void VersionFollower::start() {
    listener_ = parts_.tree.add_listener(
        [this](const std::vector<store::NameChange>& changes) { hear(changes); });
}

void VersionFollower::stop() {
    parts_.tree.remove_listener(listener_);
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    news_.clear();
    current_.reset();
}

void VersionFollower::hear(const std::vector<store::NameChange>& changes) {
    const std::lock_guard lock(mutex_);
    for (const store::NameChange& change : changes) {
        const bool large = !change.name.empty() && change.content.size >= kBytesMin;
        if (large && !stopped_ && news_.size() < kNewsMax) {
            news_.push_back(change);
        }
    }
    if (!news_.empty() && !busy_) {
        busy_ = true;
        post();
    }
}

void VersionFollower::post() {
    parts_.jobs.post(Lane::small, [self = shared_from_this()] { self->work(); });
}

// Until leaves are under way, which call back, or nothing is left.
// Requires: busy_, and nothing is under way.
void VersionFollower::work() {
    auto one = next();
    while (one && !go_on(*one)) {
        one = next();
    }
}

// Returns: what is followed already, or comes next; nothing, and is idle then, when there is none.
std::optional<VersionFollower::Followed> VersionFollower::next() {
    while (true) {
        store::NameChange change;
        {
            const std::lock_guard lock(mutex_);
            if (current_) {
                return std::exchange(current_, std::nullopt);
            }
            if (stopped_ || news_.empty()) {
                busy_ = false;
                return std::nullopt;
            }
            change = std::move(news_.front());
            news_.pop_front();
        }
        if (auto found = followed(change)) {
            return found;
        }
    }
}

std::optional<VersionFollower::Followed> VersionFollower::followed(
    const store::NameChange& change) const {
    const auto now = parts_.tree.view().names.lookup(change.parent, change.name);
    if (!now.ok() || now->kind != store::InodeKind::file || now->content == change.content ||
        now->content.size < kBytesMin) {
        return std::nullopt;
    }
    const auto older = parts_.contents.open(change.content);
    if (!older.ok() || (*older)->stored_bytes() < kBytesMin) {
        return std::nullopt;
    }
    Followed found;
    found.fresh = now->content;
    found.older = change.content;
    if (now->dot) {
        found.author = now->dot->author.node;
    }
    return found;
}

// Returns: whether leaves are under way that may tell more.
bool VersionFollower::go_on(Followed& one) {
    parts_.cache.wait_for_place(one.fresh);
    const auto inherited = parts_.contents.inherit(one.fresh, one.older, kLeavesAtOnce);
    if (!inherited.ok()) {
        log_warning("node", "taking over what a new version shares with the one before failed: " +
                                inherited.error().message);
        return false;
    }
    if (inherited->bytes > 0) {
        one.taken_over += inherited->bytes;
        parts_.swarm.content_arrived(one.fresh);
    }
    const auto pays = kLeavesFree + static_cast<std::size_t>(one.taken_over / kLeafPays);
    if (inherited->ask_for.empty() || one.leaves >= pays) {
        return false;
    }
    one.leaves += inherited->ask_for.size();
    ask(one, inherited->ask_for);
    return true;
}

void VersionFollower::ask(const Followed& one, const std::vector<LeafIndex>& leaves) {
    const auto asking = std::make_shared<Asking>();
    asking->open = leaves.size();
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) {
            return;
        }
        current_ = one;
    }
    for (const LeafIndex leaf : leaves) {
        swarm::ReadRequest request;
        request.content = one.fresh;
        request.offset = leaf.value * kLeafBytes;
        request.length = 1;
        request.deadline = parts_.clock.now() + kLeafDeadline;
        request.likely = one.author;
        parts_.swarm.read(std::move(request),
                          [self = shared_from_this(), asking](const Result<>& fetched) {
                              self->asked(asking, fetched.ok());
                          });
    }
}

void VersionFollower::asked(const std::shared_ptr<Asking>& asking, bool arrived) {
    bool any = false;
    {
        const std::lock_guard lock(asking->mutex);
        asking->any = asking->any || arrived;
        if (--asking->open > 0) {
            return;
        }
        any = asking->any;
    }
    const std::lock_guard lock(mutex_);
    if (stopped_) {
        return;
    }
    if (!any) {
        current_.reset();  // rule 5
    }
    post();
}

}  // namespace swarmfs::node
