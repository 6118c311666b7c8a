#pragma once
// How much that nobody waits for is taken on for sending, by all sessions of a node together.
//
//   request ── admit ──┬─ taken on: waits in the session's UploadQueue ── sent
//                      └─ the rest is refused as full: the peer stands in line ── ready: it asks anew
//
// Rules:
//   1. What waits for all peers together is what is sent in 0.3 s, as measured while something waits.
//      Why: what waits here is asked of nobody else. With a queue of seconds at every slow member,
//      the last chunks of everybody stand in one; with none, a link idles for a round trip.
//   2. Until a quarter of a second was measured it is a chunk and what was sent so far; never less
//      than half a chunk.   Why: as TCP starts. A fast link is known within milliseconds, and a slow
//      one has not taken on a minute's work by then.
//   3. A request is taken on whole while there is room at all; where 0.3 s is less than a chunk, its
//      first leaves are.
//   4. What somebody waits for (urgent, ahead) is always taken on, and counts.
//   5. While nobody else has anything waiting, a session is admitted whatever it asks for.   Why: it
//      delays only itself, and knows its own limits.
//   6. Who is refused stands in line, once, and is told in that order when there is room for a chunk.
//      A chunk of it is kept for a second, or until nothing waits here any more.   Why: no polling, no
//      storm of requests for the same room, and who was told and does not come holds up nobody.
//   7. A session of which nothing was sent for two seconds does not count, and is not admitted.   Why:
//      who asks and does not read must not fill everybody's queue.
// Pure; one thread. Cost: O(log sessions) a call, O(sessions) twice a second.

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::swarm {

class UploadShare {
public:
    enum class Key : std::uint32_t {};  // one session; never used again

    // Chosen by us: rules 1, 2, 6 and 7.
    static constexpr double kQueueSeconds = 0.3;
    static constexpr double kMeasuredAfterSeconds = 0.25;
    static constexpr std::uint64_t kQueueMin = kChunkBytes / 2;
    static constexpr Duration kKeptFor = std::chrono::seconds(1);
    static constexpr Duration kStalledAfter = std::chrono::seconds(2);

    Key join(TimePoint now);
    void leave(Key key, TimePoint now);

    // The peer asks for `bytes` that nobody waits for. Returns: how many of them to take on; when
    // that is less, it stands in line. Nothing waits yet: waits() follows.
    std::uint64_t admit(Key key, std::uint64_t bytes, TimePoint now);
    // So much waits for it now: something was taken on, or is not wanted any more.
    void waits(Key key, std::uint64_t bytes, TimePoint now);
    // Of that, so much is sent. Requires: it waited.
    void sent(Key key, std::uint64_t bytes, TimePoint now);
    // Returns: whom to tell that it may ask again. After each of the above but admit().
    std::vector<Key> ready(TimePoint now);

    std::uint64_t waiting() const { return waiting_; }  // what counts of it
    std::uint64_t queue_bytes() const;                  // rules 1 and 2
    std::size_t sessions() const { return sessions_.size(); }

private:
    struct Session {
        std::uint64_t waiting = 0;
        TimePoint sent_at{};   // last, or when something began to wait
        bool stalled = false;  // rule 7
        bool in_line = false;
        bool told = false;  // and has not asked since
    };

    void measure(TimePoint now);
    void put(Session& session, std::uint64_t bytes, TimePoint now);
    void find_stalled(TimePoint now);
    std::uint64_t kept(TimePoint now);

    std::map<Key, Session> sessions_;
    std::deque<Key> line_;
    std::deque<std::pair<TimePoint, Key>> told_;
    std::uint64_t waiting_ = 0;     // of sessions that are not stalled
    std::size_t with_waiting_ = 0;  // how many of them have something waiting
    // Decaying alike: what was sent, and for how long something waited.
    double measured_bytes_ = 0;
    double measured_seconds_ = 0;
    TimePoint measured_at_{};
    std::uint64_t sent_ = 0;
    TimePoint looked_at_{};  // for those that are stalled
    std::uint32_t next_ = 1;
};

}  // namespace swarmfs::swarm
