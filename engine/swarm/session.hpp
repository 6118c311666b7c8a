#pragma once
// One session: the conversation with one member over one secure link, from hello to goodbye.
//
//   state      may arrive                                    leaves by
//   greeting   hello, goodbye                                a hello that holds -> running
//   running    everything but hello                          goodbye, an error, silence -> ended
//   ended      nothing is looked at any more
//
// Rules:
//   1. A reader, a writer and a watchdog on the link's thread; the first of them to end ends all.
//   2. The writer sends what is small first (opens, requests, answers), then the catalog, then
//      leaves, most urgent first. It builds no more at a time than the link takes in some
//      milliseconds, so that what is urgent overtakes.
//   3. The engine thread is told in batches, and the reader waits while too much of what it told
//      has not been looked at.
//   4. A peer that makes us owe it more than 4 MiB of small frames does not read: it is dropped.
//   5. Ten seconds of silence are answered by a ping; 25 seconds end the session.
//   6. After our goodbye nothing that the peer says counts. The link stays until the peer has ended
//      its side, for a short while at most.   Why: closing a socket with unread input resets it, and the
//      goodbye would be lost with it; a peer that goes on for ever must not be kept.
//   7. Addresses a peer tells are taken in as a trickle; the rest is dropped.   Why: each is kept,
//      judged and dialled, and telling it costs nothing.
//   8. Under a limit on what is sent (throttle.hpp), leaves and their proofs are built once the
//      limit lets them go. Everything else is neither counted nor held back: a request, a refusal,
//      the catalog.   Why: they are small, and what waits for them is a person or the truth.
//   9. What a peer asks to have confirmed is looked up as a trickle, counted in names of a path; the
//      rest is answered as busy.   Why: looking costs the engine thread, asking costs nothing.
// Thread: the link's, unless a call says otherwise.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>

#include "engine/async/event.hpp"
#include "engine/async/task.hpp"
#include "engine/core/clock.hpp"
#include "engine/protocol/peer_frames.hpp"
#include "engine/swarm/fetch_side.hpp"
#include "engine/swarm/serve_side.hpp"
#include "engine/swarm/trickle.hpp"
#include "engine/transport/secure_link.hpp"

namespace swarmfs::swarm {

class Session : public std::enable_shared_from_this<Session> {
public:
    // Called on the link's thread with what happened, in order; SessionEnded comes last. The events
    // weigh `weight` until looked_at(weight).
    using Tell = std::function<void(std::vector<SessionEvent> events, std::uint64_t weight)>;

    struct Parts {
        Clock& clock;
        ContentPorts& contents;
        MemberPort& member;
        SwarmOptions options;
    };
    Session(std::unique_ptr<transport::SecureLink> link, Parts parts, Tell tell);
    ~Session();

    // Starts the conversation. Once.
    void start();

    // Thread: any. In order; ignored once ended.
    void command(std::vector<SessionCommand> commands);
    void looked_at(std::uint64_t weight);
    // Ends it without a word.
    void abort();

    // Thread: any.
    std::uint64_t leaf_bytes_sent() const { return leaf_bytes_sent_.load(); }
    const std::string& link_kind() const { return link_kind_; }

private:
    enum class State : std::uint8_t { greeting, running, ended };

    async::Task<> converse(std::shared_ptr<Session> self);
    async::Task<> read();
    async::Task<> write();
    async::Task<> watch();

    void end(Error why);
    Error closed_here() const;  // after our goodbye
    Result<> take_record(ByteSpan record);
    Result<> greet(const protocol::Frame& frame);
    Result<> take(const protocol::Frame& frame);
    Result<> take_vector(const protocol::Vector& vector);
    void take_hints(std::vector<protocol::PeerHint> hints);
    void take_confirm(const protocol::Confirm& confirm);
    void ping(TimePoint now);
    Result<> take_pong(const protocol::Pong& pong);
    void obey(SessionCommand& command);
    void send_vector(const SendVector& vector);
    void build();
    void build_small();
    void build_catalog();
    void build_leaves();
    void adapt(std::size_t bytes, Duration took);
    void tell_all();
    void may_be_asked();

    Parts parts_;
    Tell tell_;
    std::unique_ptr<transport::SecureLink> link_;
    async::Executor executor_;
    std::string link_kind_;

    State state_ = State::greeting;
    std::optional<Error> why_;
    std::optional<std::string> goodbye_;
    TimePoint goodbye_at_ = TimePoint::max();
    TimePoint started_{};
    TimePoint heard_at_{};
    TimePoint ping_at_{};  // when the ping under way was sent
    std::uint64_t ping_nonce_ = 0;
    bool ping_open_ = false;
    Trickle hints_;     // rule 7
    Trickle confirms_;  // rule 9
    FetchSide fetch_;
    ServeSide serve_;
    Bytes small_;  // frames to send, one after another
    std::deque<Bytes> catalog_;
    std::vector<protocol::VectorItem> vector_;  // being received
    std::vector<SessionEvent> events_;          // besides those of fetch_
    transport::RecordBuilder records_;
    std::size_t batch_bytes_;
    RateGate::Place up_;  // since hello
    TimePoint leaves_again_at_ = TimePoint::max();
    async::Signal to_write_;
    async::Signal to_watch_;
    async::Signal looked_;
    std::uint64_t unseen_ = 0;  // weight of events not looked at

    std::atomic<std::uint64_t> leaf_bytes_sent_{0};
};

}  // namespace swarmfs::swarm
