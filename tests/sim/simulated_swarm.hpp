#pragma once
// Members in virtual time: SwarmCores and UploadQueues joined by links with a latency, each member
// with a bandwidth up and one down. Network, disk, clock and dice are simulated, so a seed replays a run exactly.
//
// Not simulated: bytes. A leaf is its number; a lie is a flag that the receiving session would find
// by hashing. A disk is a mask of leaves a chunk.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/core/dice.hpp"
#include "engine/swarm/suggestions.hpp"
#include "engine/swarm/swarm_core.hpp"
#include "engine/swarm/upload_queue.hpp"
#include "engine/swarm/upload_share.hpp"

namespace swarmfs::sim {

using swarm::ContentNumber;
using swarm::LeafMask;
using swarm::PeerNumber;

// A content on a simulated disk.
class Disk final : public swarm::ContentPort {
public:
    explicit Disk(const ContentId& id) : id_(id), masks_(chunk_count(id.size)) {}

    std::uint16_t leaf_mask(ChunkIndex chunk) const override { return masks_.at(chunk.value); }
    bool complete() const override { return missing() == 0; }
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const override;
    Result<> read_leaves(protocol::LeafRange, std::span<const MutableByteSpan>) override;
    Result<std::vector<Hash256>> proof(ChunkIndex, std::uint8_t) override;
    swarm::KnownTree known(ChunkIndex) const override { return {}; }
    Result<> store(protocol::LeafRange, std::span<const ByteSpan>,
                   const content::ChunkHashes&) override;

    const ContentId& id() const { return id_; }
    void put(ChunkIndex chunk, LeafMask leaves) { masks_.at(chunk.value) |= leaves; }
    void put_all();
    std::uint64_t missing() const;  // leaves

private:
    const ContentId id_;
    std::vector<std::uint16_t> masks_;
};

struct Member;

// One direction of one session: what a member serves to another, and what it opened there.
struct HalfSession {
    Member* to = nullptr;
    PeerNumber number{};  // of `to`, at the member that owns this half
    std::uint64_t session = 0;
    // Requesting: our handles at the other end.
    protocol::Handle next_handle = 1;
    std::map<ContentNumber, protocol::Handle> handles;
    std::map<protocol::Handle, ContentNumber> contents;
    std::map<protocol::Handle, std::shared_ptr<Disk>> disks;
    // Serving: the other end's handles here.
    std::map<protocol::Handle, ContentId> opened;
    swarm::UploadQueue uploads;
    swarm::UploadShare::Key share{};
    protocol::Handle full_for = 0;  // of the last request refused as full
};

struct Member final : public swarm::ContentPorts {
    std::string name;
    NodeId node;
    bool online = true;
    bool liar = false;         // offers everything, sends wrong leaves
    bool pretender = false;    // offers everything, refuses what it does not hold
    bool mute = false;         // receives, never answers
    double upload_rate = 0;    // bytes a second
    double download_rate = 0;  // bytes a second; 0: without bound
    TimePoint download_free{};
    bool sending = false;
    swarm::UploadShare share;
    swarm::Suggestions suggestions{0};
    std::map<swarm::UploadShare::Key, std::uint64_t> sharing;  // sessions
    std::uint64_t turn = 0;                                    // session served last
    std::unique_ptr<swarm::SwarmCore> core;
    std::map<ContentId, std::shared_ptr<Disk>> disks;
    std::map<PeerNumber, HalfSession> sessions;
    std::unordered_map<std::uint64_t, PeerNumber> numbers;     // of sessions
    std::map<ContentId, std::vector<ChunkIndex>> newly_whole;  // announced together
    std::uint32_t next_peer = 1;
    TimePoint wake = TimePoint::max();
    std::uint64_t leaves_received = 0;
    std::map<swarm::ReadId, Result<>> answers;
    std::map<swarm::FillId, TimePoint> filled;
    std::uint64_t sources_wanted = 0;

    Result<std::shared_ptr<swarm::ContentPort>> open(const ContentId& content,
                                                     swarm::Purpose purpose) override;
};

class SimulatedSwarm {
public:
    explicit SimulatedSwarm(std::uint64_t seed) : dice(seed) {}

    Member& add(const std::string& name, double upload_rate, swarm::SwarmOptions options = {});
    void connect(Member& a, Member& b);
    void disconnect(Member& a, Member& b);
    // Leaves and comes back later, with its disk but no sessions.
    void go_offline(Member& member);
    void come_online(Member& member);
    void publish(Member& member, const ContentId& content);

    // Does something at a member now, and carries out what follows from it.
    void act(Member& member, const std::function<void(swarm::SwarmCore&)>& event);
    void at(Duration in, std::function<void()> event);
    // Runs until `over` holds or nothing happens any more or the time is up.
    // Returns: whether it held.
    bool run_until(const std::function<bool()>& over, Duration at_most);

    TimePoint now() const { return now_; }
    // Fixed for each pair.
    Duration latency(const Member& a, const Member& b) const;
    Duration latency_min = std::chrono::milliseconds(1);
    Duration latency_max = std::chrono::milliseconds(40);
    SeededDice dice;
    std::vector<std::unique_ptr<Member>> members;
    std::size_t fills_done = 0;  // by all members together

private:
    struct Event {
        TimePoint at{};
        std::uint64_t order = 0;
        std::function<void()> happens;
        bool operator<(const Event& other) const {  // std::priority_queue serves the greatest
            return std::tie(other.at, other.order) < std::tie(at, order);
        }
    };
    // Runs `event` at the other end of a session, unless the session ends before.
    void send(Member& from, HalfSession& half,
              std::function<void(Member& there, HalfSession& back)> event);
    HalfSession* half_of(Member& member, std::uint64_t session);
    void carry_out(Member& member);
    void carry_out(Member& member, swarm::Action& action);
    void request(Member& from, const swarm::AskLeaves& ask);
    void serve(Member& member);
    void asked(Member& member, HalfSession& half, protocol::Request request);
    void refuse(Member& member, HalfSession& half, const protocol::Request& request,
                protocol::RefuseReason reason);
    void suggest(Member& there, HalfSession& back, protocol::Handle handle, const ContentId& id);
    void tell_ready(Member& member);
    void now_waits(Member& member, HalfSession& half);
    void deliver(Member& there, HalfSession& back, const swarm::UploadQueue::Next& leaf, bool lie);
    void arrive(Member& there, std::uint64_t session, const swarm::UploadQueue::Next& leaf);
    void announce(Member& member, const swarm::ChunksWhole& whole);
    void announce_all(Member& member, const ContentId& id);
    void announce_now(Member& member);

    std::priority_queue<Event> events_;
    std::uint64_t next_order_ = 1;
    std::uint64_t next_session_ = 1;
    TimePoint now_{std::chrono::hours(1)};
};

}  // namespace swarmfs::sim
