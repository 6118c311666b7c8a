#pragma once
// A peer that says exactly what a test wants, frame by frame, over a real secure link.

#include <memory>
#include <vector>

#include "engine/protocol/peer_frames.hpp"
#include "tests/swarm/memory_member.hpp"

namespace swarmfs::test {

class ScriptedPeer {
public:
    explicit ScriptedPeer(std::uint8_t rank);
    ~ScriptedPeer();

    // Handshake only. Returns: whether it was let in.
    bool dial(const MemoryMember& member);
    void hello();

    // Sends frames in one record.
    template <class... Frames>
    void say(const Frames&... frames) {
        Bytes record;
        (protocol::encode(frames, record), ...);
        say_bytes(record);
    }
    void say_bytes(const Bytes& record);
    // One frame of what the other end sent, its spans valid until the next call; nothing once it
    // has closed or cut the link.
    std::optional<protocol::Frame> hear();
    // Skips others. Returns: nothing once the link has ended.
    template <class Wanted>
    std::optional<Wanted> hear_a() {
        while (const auto frame = hear()) {
            if (const auto* wanted = std::get_if<Wanted>(&*frame)) {
                return *wanted;
            }
        }
        return std::nullopt;
    }
    // Waits for the end of the link.
    void hear_the_end() {
        while (hear()) {
        }
    }
    void hang_up();
    // A write has failed.
    bool broken() const { return broken_; }
    const Hash256& handshake_hash() const { return link_->handshake_hash(); }

private:
    NamedMember member_;
    crypto::SystemDice dice_;
    async::IoThreads threads_{1, "scripted"};
    std::unique_ptr<transport::SecureLink> link_;
    bool broken_ = false;
    std::vector<Bytes> records_;
    std::size_t next_record_ = 0;
    std::unique_ptr<protocol::FrameReader> frames_;
    Bytes current_;
};

}  // namespace swarmfs::test
