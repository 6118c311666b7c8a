#include "fs/pending_reads.hpp"

namespace swarmfs::fs {

std::uint64_t PendingReads::begin() {
    const std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
    Shard& in = shard(number);
    const std::scoped_lock lock(in.mutex);
    in.reads.emplace(number, Pending{});
    return number;
}

bool PendingReads::started(std::uint64_t number, node::ReadTicket ticket) {
    Shard& in = shard(number);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.reads.find(number);
    if (found == in.reads.end()) {
        return false;
    }
    found->second.ticket = ticket;
    return found->second.interrupted;
}

void PendingReads::end(std::uint64_t number) {
    Shard& in = shard(number);
    const std::scoped_lock lock(in.mutex);
    in.reads.erase(number);
}

std::optional<node::ReadTicket> PendingReads::interrupt(std::uint64_t number) {
    Shard& in = shard(number);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.reads.find(number);
    if (found == in.reads.end()) {
        return std::nullopt;
    }
    found->second.interrupted = true;
    return found->second.ticket == 0 ? std::nullopt : std::optional(found->second.ticket);
}

std::vector<node::ReadTicket> PendingReads::interrupt_all() {
    std::vector<node::ReadTicket> tickets;
    for (Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        for (auto& [number, read] : in.reads) {
            read.interrupted = true;
            if (read.ticket != 0) {
                tickets.push_back(read.ticket);
            }
        }
    }
    return tickets;
}

std::size_t PendingReads::size() const {
    std::size_t count = 0;
    for (const Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        count += in.reads.size();
    }
    return count;
}

}  // namespace swarmfs::fs
