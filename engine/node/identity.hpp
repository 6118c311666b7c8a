#pragma once
// Who this node is in one swarm, and whether others are whom they say: the hello of both ends.
//
// A hello carries a node id, the grant that makes it a member, and the node key's signature over
// the handshake's hash for its side of it. The hash covers both static keys and the read secret, so
// a hello can be neither replayed on another link nor reflected to its sender. Thread: any.

#include "engine/catalog/grant.hpp"
#include "engine/core/clock.hpp"
#include "engine/crypto/signature.hpp"
#include "engine/swarm/ports.hpp"

namespace swarmfs::node {

class Identity final : public swarm::MemberPort {
public:
    Identity(crypto::SigningKey key, SwarmId swarm, Bytes grant, std::uint16_t listen_port,
             const Clock& clock);

    NodeId self() const override { return key_.public_key(); }
    protocol::Hello make_hello(const Hash256& handshake_hash, swarm::Side own_side) override;
    Result<> check_hello(const protocol::Hello& hello, const Hash256& handshake_hash,
                         swarm::Side their_side) override;

    const crypto::SigningKey& key() const { return key_; }
    const Bytes& grant() const { return grant_; }
    // What this node may do now.
    // Errors: permission when its grant has ended.   Cost: none.
    Result<catalog::Role> role() const { return role_at(clock_.wall_ms()); }
    Result<catalog::Role> role_at(std::uint64_t wall_ms) const;

private:
    const crypto::SigningKey key_;
    const SwarmId swarm_;
    const Bytes grant_;
    const std::uint16_t listen_port_;
    const Clock& clock_;
    // What the own grant says. Its signatures do not change, so they are checked once; every change
    // of a name asks for the role.
    const Result<catalog::Membership> own_;
};

}  // namespace swarmfs::node
