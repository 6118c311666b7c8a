#include "tests/swarm/memory_standings.hpp"

namespace swarmfs::test {

std::vector<swarm::Ban> MemoryStandings::bans() {
    const std::lock_guard lock(mutex_);
    std::vector<swarm::Ban> all;
    for (const auto& [node, ban] : rows_.bans) {
        all.push_back(ban);
    }
    return all;
}
swarm::Standing MemoryStandings::of(const NodeId& node) {
    const std::lock_guard lock(mutex_);
    return rows_.standings[node];
}
void MemoryStandings::keep(const NodeId& node, const swarm::Standing& standing) {
    const std::lock_guard lock(mutex_);
    rows_.standings[node] = standing;
}
void MemoryStandings::keep_ban(const swarm::Ban& ban) {
    const std::lock_guard lock(mutex_);
    rows_.bans[ban.node] = ban;
}
MemoryStandings::Rows MemoryStandings::rows() {
    const std::lock_guard lock(mutex_);
    return rows_;
}

}  // namespace swarmfs::test
