#pragma once
// A swarm without anybody in it, for what needs one beside what it tests.

#include <atomic>

#include "engine/swarm/swarm.hpp"

namespace swarmfs::test {

// Nobody is there: what is asked is never answered; or said to have arrived, though it has not.
class NoSwarm : public swarm::Swarm {
public:
    std::atomic<bool> arrives = false;
    void adopt(std::unique_ptr<transport::SecureLink>, bool, std::string) override {}
    void note_dialling(int) override {}
    bool connected_to(const NodeId&) const override { return false; }
    std::size_t connected() const override { return 0; }
    bool banned(const NodeId&) const override { return false; }
    void block(const NodeId&) override {}
    void unblock(const NodeId&) override {}
    void send_hints(const NodeId&, std::vector<protocol::PeerHint>) override {}
    swarm::ReadId read(swarm::ReadRequest, swarm::ReadDone answer) override {
        if (arrives) {
            answer(done());
        }
        return 1;
    }
    void cancel_read(swarm::ReadId) override {}
    void note_read(const ContentId&, std::uint64_t, std::uint64_t) override {}
    void end_reading(const ContentId&, swarm::ReadAgain) override {}
    swarm::FillId fill(swarm::FillRequest, swarm::FillProgressed) override { return 1; }
    void cancel_fill(swarm::FillId) override {}
    void survey(const ContentId& content, swarm::SurveyDone done) override {
        done(swarm::Survey{content, {}, {}});
    }
    void send_take(const NodeId&, const ContentId&) override {}
    void content_arrived(const ContentId&) override {}
    void set_paused(bool) override {}
    bool send_catalog(const NodeId&, swarm::CatalogFrame) override { return true; }
    void broadcast_vector() override {}
    swarm::ConfirmId confirm(swarm::ConfirmRequest, swarm::ConfirmDone) override { return 1; }
    void cancel_confirm(swarm::ConfirmId) override {}
    std::vector<swarm::PeerStatistics> peers() override { return {}; }
    std::vector<swarm::ContentSource> sources(const ContentId&) override { return {}; }
    void close(std::function<void()> closed) override { closed(); }
};

}  // namespace swarmfs::test
