#pragma once
// Asks connected members what they hold of contents that nobody here wants to have.
//
// Rules:
//   1. A survey opens the content at everyone who is connected when it begins, takes in what they
//      say to hold, and closes it again; no place is made for it here, and nothing is asked for.
//   2. It is over when everyone has answered or left; kDeadline after its begin at the latest. Who
//      holds a part of a large content says so in several frames, so these have kSettle to come.
//   3. kAtOnceMax run at a time; the others wait in the order they came, kWaitingMax of them.
//   4. Its numbers are none that SwarmCore gives: the highest bit is set.
// Pure but for the callbacks, which are handed out by take_over(); one thread.

#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/swarm/swarm_actions.hpp"

namespace swarmfs::swarm {

class Surveys {
public:
    static constexpr std::size_t kAtOnceMax = 64;
    static constexpr std::size_t kWaitingMax = 4096;
    static constexpr Duration kDeadline = std::chrono::seconds(5);
    static constexpr Duration kSettle = std::chrono::milliseconds(250);
    // What one frame of holdings covers at least (kHoldingBytesMax says at most).
    static constexpr std::uint64_t kOneFrameChunks = 8192;
    // Chunks of which it is remembered who holds them in part: 4 TiB.
    static constexpr std::uint64_t kPartialChunksMax = std::uint64_t{1} << 24;

    using Peers = std::vector<std::pair<PeerNumber, NodeId>>;
    struct Over {
        Survey found;
        SurveyDone done;
    };

    static bool is_one(ContentNumber number) {
        return (static_cast<std::uint32_t>(number) & kBit) != 0;
    }

    // Returns: false when too many wait; `done` is dropped.
    bool begin(const ContentId& content, SurveyDone done);
    void holding(PeerNumber peer, ContentNumber number, protocol::HoldingKind kind,
                 ChunkIndex first, ByteSpan bitmap, TimePoint now);
    void peer_left(PeerNumber peer);
    // All of them are over, as far as they came.
    void end_all();

    // Begins what may begin and ends what is over. `connected` are those to ask.
    // Returns: what to open and to close.
    std::vector<Action> decide(const Peers& connected, TimePoint now);
    TimePoint next_wake() const;
    // Whether decide() has something to begin.
    bool waits() const { return !waiting_.empty() && running_.size() < kAtOnceMax; }
    std::vector<Over> take_over() { return std::exchange(over_, {}); }

private:
    static constexpr std::uint32_t kBit = 0x8000'0000;
    struct Asked {
        NodeId node;
        bool answered = false;
        Holdings held;
    };
    struct Running {
        ContentId content;
        SurveyDone done;
        std::map<PeerNumber, Asked> asked;
        TimePoint ends_at{};
    };
    void end(const Running& survey);

    std::map<ContentNumber, Running> running_;
    std::deque<std::pair<ContentId, SurveyDone>> waiting_;
    std::vector<Over> over_;
    std::uint32_t next_ = 0;
};

}  // namespace swarmfs::swarm
