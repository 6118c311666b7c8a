#pragma once
// What a member in memory remembers of others.

#include <map>
#include <mutex>

#include "engine/swarm/ports.hpp"

namespace swarmfs::test {

// A test takes its rows to the next member. Thread: any.
class MemoryStandings final : public swarm::StandingPort {
public:
    struct Rows {
        std::map<NodeId, swarm::Standing> standings;
        std::map<NodeId, swarm::Ban> bans;
    };
    explicit MemoryStandings(Rows rows) : rows_(std::move(rows)) {}
    std::vector<swarm::Ban> bans() override;
    swarm::Standing of(const NodeId& node) override;
    void keep(const NodeId& node, const swarm::Standing& standing) override;
    void keep_ban(const swarm::Ban& ban) override;
    Rows rows();

private:
    std::mutex mutex_;
    Rows rows_;
};

}  // namespace swarmfs::test
