#pragma once
// How two members come to share a channel: XXpsk0_25519_AESGCM_SHA256, then sealed records
// (records.hpp). No I/O here.
//
//   message one   = 00 30  e:32 tag:16                       initiator to responder
//   message two   = 00 60  e:32 s:32 tag:16 tag:16           responder to initiator
//   message three = 00 40  s:32 tag:16 tag:16                initiator to responder
//
// Rules:
//   1. psk = HKDF(read secret, "swarmfs psk"); prologue = "swarmfs", protocol version, swarm id. So
//      only members of the same swarm, speaking the same version, get past message one, and a
//      stranger is refused there before any Diffie-Hellman.
//   2. A responder in several swarms tries each against message one, at most kSwarmsTriedMax.
//   3. Messages carry no payload in this version, so each has one length; any other is refused.
//   4. The first failure ends the handshake and wipes its keys. Nothing is said to the other end;
//      whoever owns the link closes it.
//   5. Who replays a recorded message one makes a responder work (two Diffie-Hellmans) but can
//      neither read its answer nor answer it: the deadline of the link ends that.
//   6. Two ends may dial at once; that makes two channels. Which one stays is the session's matter.
// Who the other end is, its hello proves by a signature over the handshake's hash: a static key is
// no node's name.
// Thread: one at a time.

#include <array>
#include <memory>
#include <vector>

#include "engine/channel/noise.hpp"
#include "engine/channel/records.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::channel {

// Fixed by the protocol.
inline constexpr std::size_t kHandshakeMessages = 3;
inline constexpr std::array<std::size_t, kHandshakeMessages> kHandshakeMessageBytes{48, 96, 64};
inline constexpr std::size_t kHandshakeMessageBytesMax = 96;

// Chosen by us: a stranger's message costs about 4 microseconds a swarm, so a quarter of a
// millisecond at most.
inline constexpr std::size_t kSwarmsTriedMax = 64;

// What a member brings to a handshake.
struct ChannelSecrets {
    crypto::Secret32 read_secret;
    SwarmId swarm;
    crypto::X25519KeyPair own_static;
};

struct ChannelKeys {
    SendCipher send;
    ReceiveCipher receive;
    Hash256 handshake_hash;
    crypto::X25519PublicKey remote_static;
    std::size_t swarm_index = 0;  // of the responder's candidates
};

//   initiator: start ──send one──> awaiting_two ──send three──> finished
//   responder: awaiting_one ──send two──> awaiting_three ─────> finished
//   any failure leads to failed; keys() to taken
class Handshake {
public:
    static Handshake initiator(const ChannelSecrets& secrets, Dice& dice);
    // Requires: at most kSwarmsTriedMax candidates.
    static Handshake responder(std::vector<ChannelSecrets> candidates, Dice& dice);

    // Returns: message one with its length. Requires: an initiator's first call.
    Result<Bytes> start();
    // Takes the next message, without its length. Returns: what to send, perhaps nothing.
    // Errors: a peer error, now and at every later call.
    Result<Bytes> receive(ByteSpan message);
    bool finished() const { return state_ == State::finished; }
    // Diffie-Hellman operations so far: what the other end has cost us.
    std::size_t diffie_hellmans() const { return diffie_hellmans_; }

    // Requires: finished(). Once.
    ChannelKeys keys();

private:
    enum class State : std::uint8_t {
        start,           // of an initiator: nothing may arrive
        awaiting_one,    // of a responder
        awaiting_two,    // of an initiator
        awaiting_three,  // of a responder
        finished,        // nothing may arrive; records are for the ciphers
        taken,
        failed,
    };

    Handshake(NoiseRole role, State state, Dice& dice) : role_(role), state_(state), dice_(&dice) {}
    Result<Bytes> receive_one(ByteSpan message);
    Result<Bytes> receive_two(ByteSpan message);
    Result<Bytes> receive_three(ByteSpan message);
    Result<Bytes> write(State next);
    Error fail(const char* why);

    NoiseRole role_;
    State state_;
    Dice* dice_;
    std::vector<ChannelSecrets> candidates_;  // of a responder, until one is chosen
    std::unique_ptr<NoiseHandshake> noise_;   // a responder's exists once a swarm is chosen
    std::size_t swarm_index_ = 0;
    std::size_t diffie_hellmans_ = 0;
};

}  // namespace swarmfs::channel
