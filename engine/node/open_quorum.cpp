#include "engine/node/open_quorum.hpp"

namespace swarmfs::node {

OpenQuorum::OpenQuorum(Parts parts) : parts_(std::move(parts)) {
    parts_.tree.add_listener(
        [weak = std::weak_ptr(self_)](const std::vector<store::NameChange>& changes) {
            if (const auto self = weak.lock()) {
                (*self)->look_at(changes);
            }
        });
}

std::uint32_t OpenQuorum::of(const store::InodeRecord& record) const {
    const std::shared_ptr<const Policy> policy = parts_.policy();
    if (policy->read_quorum_max() <= 1) {
        return 1;
    }
    const auto path = parts_.tree.view().names.path_of(record);
    return path.ok() && *path != Policy::kFileName ? policy->of(*path).read_quorum : 1;
}

std::uint32_t OpenQuorum::of(store::Inode inode) const {
    if (parts_.policy()->read_quorum_max() <= 1) {
        return 1;
    }
    const auto record = parts_.tree.view().names.find(inode);
    return record.ok() ? of(*record) : 1;
}

OpenQuorum::Ticket OpenQuorum::confirm(const std::shared_ptr<OpenFile>& file, std::uint32_t quorum,
                                       Duration deadline, Done done) {
    Pending pending;
    pending.inode = file->inode();
    pending.current = [file, &tree = parts_.tree]() -> std::optional<store::InodeRecord> {
        std::unique_lock lock(file->mutex());
        if (file->staged) {
            return std::nullopt;
        }
        store::InodeRecord record = file->record;
        lock.unlock();
        // Where it was renamed or given a mode since, that is what others show.
        if (auto now = tree.view().names.find(record.inode); now.ok()) {
            record = *std::move(now);
        }
        return record.dot ? std::optional(std::move(record)) : std::nullopt;
    };
    pending.quorum = quorum;
    pending.done = std::move(done);
    {
        const std::lock_guard lock(file->mutex());
        pending.name = file->record.name;
    }
    return begin(std::move(pending), deadline);
}

OpenQuorum::Ticket OpenQuorum::confirm(const store::InodeRecord& record, std::uint32_t quorum,
                                       Duration deadline, Done done) {
    Pending pending;
    pending.inode = record.inode;
    pending.name = record.name;
    pending.current = [record] { return record.dot ? std::optional(record) : std::nullopt; };
    pending.quorum = quorum;
    pending.done = std::move(done);
    return begin(std::move(pending), deadline);
}

OpenQuorum::Ticket OpenQuorum::begin(Pending pending, Duration deadline) {
    pending.deadline =
        deadline == Duration::zero() ? TimePoint::max() : parts_.clock.now() + deadline;
    Ticket ticket = 0;
    {
        const std::lock_guard lock(mutex_);
        ticket = next_++;
        pending_.emplace(ticket, std::move(pending));
        ++count_;
    }
    ask(ticket);
    return ticket;
}

// Asking takes the file's mutex, so it is begun and settled under ours, and looked at in between.
void OpenQuorum::ask(Ticket ticket) {
    Current current;
    std::uint64_t round = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = pending_.find(ticket);
        if (found == pending_.end()) {
            return;
        }
        round = ++found->second.round;
        current = found->second.current;
        if (found->second.asked != 0) {
            parts_.swarm.cancel_confirm(found->second.asked);
        }
    }
    swarm::ConfirmRequest request;
    const std::optional<store::InodeRecord> record = current();
    if (record) {
        const auto path = parts_.tree.view().names.path_of(*record);
        request.version = {record->dot->author, record->dot->sequence};
        request.path = path.ok() ? *path : "";
    }
    const auto finished = [this, ticket, round](Result<> outcome) {
        parts_.jobs.post(Lane::reads,
                         [this, ticket, round, outcome = std::move(outcome)]() mutable {
                             end(ticket, round, std::move(outcome));
                         });
    };
    if (record && request.path.empty()) {  // a directory above it is gone
        finished(caller_error(Code::not_found, "it has no name any more"));
        return;
    }
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(ticket);
    if (found == pending_.end() || found->second.round != round) {
        return;
    }
    Pending& pending = found->second;
    pending.dot = record ? record->dot : std::nullopt;
    request.others = pending.quorum - 1;
    request.deadline = pending.deadline;
    // The callback runs on the engine thread, never within the call.
    pending.asked = parts_.swarm.confirm(std::move(request), finished);
    if (pending.cancelled) {
        parts_.swarm.cancel_confirm(pending.asked);
    }
}

void OpenQuorum::end(Ticket ticket, std::uint64_t round, Result<> outcome) {
    Pending pending;
    {
        const std::lock_guard lock(mutex_);
        const auto found = pending_.find(ticket);
        if (found == pending_.end() || found->second.round != round) {
            return;
        }
        pending = std::move(found->second);
        pending_.erase(found);
        --count_;
    }
    const bool cancelled = !outcome.ok() && outcome.error().code == Code::cancelled;
    if (!cancelled && pending.dot && replaced(pending.inode, *pending.dot)) {
        outcome = caller_error(Code::not_found, "another version came while it was being opened");
    }
    if (outcome.ok()) {
        parts_.problems.worked(Doing::opening, pending.name);
    } else if (!cancelled && outcome.error().code != Code::not_found) {
        parts_.problems.failed(
            Doing::opening, pending.name,
            "\"" + pending.name + "\" could not be opened: " + outcome.error().message);
    }
    pending.done(std::move(outcome));
}

bool OpenQuorum::replaced(store::Inode inode, const catalog::Dot& dot) const {
    const auto now = parts_.tree.view().names.find(inode);
    return !now.ok() || now->dot != dot;
}

void OpenQuorum::cancel(Ticket ticket) {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(ticket);
    if (found == pending_.end()) {
        return;
    }
    found->second.cancelled = true;
    if (found->second.asked != 0) {
        parts_.swarm.cancel_confirm(found->second.asked);
    }
}

// ---- what happens meanwhile ----

template <class Which>
std::vector<OpenQuorum::Ticket> OpenQuorum::tickets(const Which& which) {
    std::vector<Ticket> some;
    if (count_ > 0) {
        const std::lock_guard lock(mutex_);
        for (const auto& [ticket, pending] : pending_) {
            if (which(pending)) {
                some.push_back(ticket);
            }
        }
    }
    return some;
}

// Rule 2.
void OpenQuorum::published(store::Inode inode) {
    for (const Ticket ticket : tickets(
             [inode](const Pending& pending) { return pending.inode == inode && !pending.dot; })) {
        ask(ticket);
    }
}

// Rule 1: who waits for a version that is not shown any more need not wait for his deadline. On a
// worker, since the tree waits for its listeners.
void OpenQuorum::look_at(const std::vector<store::NameChange>& changes) {
    const auto concerned = tickets([&changes](const Pending& pending) {
        return std::any_of(changes.begin(), changes.end(), [&](const store::NameChange& change) {
            return change.inode == pending.inode;
        });
    });
    for (const Ticket ticket : concerned) {
        parts_.jobs.post(Lane::reads, [this, ticket] {
            std::unique_lock lock(mutex_);
            const auto found = pending_.find(ticket);
            if (found == pending_.end() || !found->second.dot) {
                return;
            }
            const store::Inode inode = found->second.inode;
            const catalog::Dot dot = *found->second.dot;
            const std::uint64_t round = found->second.round;
            const swarm::ConfirmId asked = found->second.asked;
            lock.unlock();
            if (replaced(inode, dot)) {
                end(ticket, round, caller_error(Code::not_found, "replaced"));
                parts_.swarm.cancel_confirm(asked);
            }
        });
    }
}

}  // namespace swarmfs::node
