#pragma once
// One real session over a pipe, and at the other end a link that says what the test wants. All of
// it runs on this thread, in turns that the test gives: nothing is waited for.

#include <boost/asio/io_context.hpp>
#include <optional>

#include "engine/async/task_group.hpp"
#include "engine/swarm/session.hpp"
#include "tests/swarm/memory_member.hpp"
#include "tests/swarm/pipe_link.hpp"

namespace swarmfs::test {

class LoneSession {
public:
    // The session answers; the other end has dialled. `rank` is the session's node.
    explicit LoneSession(std::uint8_t rank = 1);
    ~LoneSession();

    // A hello that holds.
    protocol::Hello hello() const;
    // Sends frames in one record, and lets the session take them.
    template <class... Frames>
    void say(const Frames&... frames) {
        Bytes record;
        (protocol::encode(protocol::Frame(frames), record), ...);
        say_bytes(record);
    }
    void say_bytes(Bytes record);
    void command(swarm::SessionCommand command);
    // The other end closes the link.
    void hang_up();

    bool ended() const { return ended_.has_value(); }
    const Error& why() const { return *ended_; }
    // What the session told of, but for its end.
    std::vector<swarm::SessionEvent> events;
    // What it said, one record after another; decoded by FrameReader.
    std::vector<Bytes> said;

    MemoryContents contents;
    // Where the session asks what to take on; other places of it are the test's.
    swarm::UploadGate& uploads() { return *uploads_; }

private:
    void run();

    boost::asio::io_context context_;
    SystemClock clock_;
    std::shared_ptr<swarm::UploadGate> uploads_ = std::make_shared<swarm::UploadGate>(clock_, 1);
    crypto::SystemDice dice_;
    NamedMember member_;
    std::unique_ptr<transport::SecureLink> peer_;
    async::TaskGroup tasks_{context_.get_executor()};
    std::shared_ptr<swarm::Session> session_;
    std::optional<Error> ended_;
};

}  // namespace swarmfs::test
