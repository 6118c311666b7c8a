#include "engine/node/identity.hpp"

#include <string>

namespace swarmfs::node {
namespace {

std::string_view purpose_of(swarm::Side side) {
    return side == swarm::Side::initiator ? "hello of the initiator" : "hello of the responder";
}

Error not_a_member(const std::string& why) {
    return caller_error(Code::permission,
                        "this node is no member now (" + why +
                            "); ask for a new invite and join with it: swarmfs join INVITE");
}

}  // namespace

Identity::Identity(crypto::SigningKey key, SwarmId swarm, Bytes grant, std::uint16_t listen_port,
                   const Clock& clock)
    : key_(std::move(key)),
      swarm_(swarm),
      grant_(std::move(grant)),
      listen_port_(listen_port),
      clock_(clock),
      own_(catalog::verify_grant_chain(grant_, swarm_, key_.public_key(), clock.wall_ms())) {}

protocol::Hello Identity::make_hello(const Hash256& handshake_hash, swarm::Side own_side) {
    protocol::Hello hello;
    hello.node = key_.public_key();
    hello.listen_port = listen_port_;
    hello.grant = grant_;
    hello.signature = key_.sign(purpose_of(own_side), handshake_hash.span()).bytes;
    return hello;
}

Result<> Identity::check_hello(const protocol::Hello& hello, const Hash256& handshake_hash,
                               swarm::Side their_side) {
    if (hello.version != protocol::kProtocolVersion) {
        return peer_error("it speaks version " + std::to_string(hello.version) +
                              " of the protocol, this node speaks " +
                              std::to_string(protocol::kProtocolVersion),
                          Code::unsupported);
    }
    if (hello.node == self()) {
        return peer_error("it is this node itself", Code::invalid);
    }
    const crypto::Signature signature{hello.signature};
    if (!crypto::verify(hello.node, purpose_of(their_side), handshake_hash.span(), signature)) {
        return peer_error("its hello is not signed by the node it names", Code::permission);
    }
    auto member = catalog::verify_grant_chain(hello.grant, swarm_, hello.node, clock_.wall_ms());
    return member.ok() ? done() : Result<>(member.error());
}

Result<catalog::Role> Identity::role_at(std::uint64_t wall_ms) const {
    if (!own_.ok()) {
        return not_a_member(own_.error().message);
    }
    if (own_->valid_until_ms != 0 && wall_ms > own_->valid_until_ms) {
        return not_a_member("its membership has ended");
    }
    return own_->role;
}

}  // namespace swarmfs::node
