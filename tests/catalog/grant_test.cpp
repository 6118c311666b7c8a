#include "engine/catalog/grant.hpp"

#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

struct Chain {
    Swarm swarm;
    crypto::SigningKey invite = test_key(2);
    crypto::SigningKey node = test_key(3);

    GrantLink invite_link(Role role) const {
        GrantLink link;
        link.kind = SubjectKind::invite;
        link.subject = invite.public_key();
        link.role = role;
        link.issued_ms = 1000;
        link.use_until_ms = 5000;
        return link;
    }
    GrantLink node_link(Role role, const crypto::SigningKey& key) const {
        GrantLink link;
        link.subject = key.public_key();
        link.role = role;
        link.issued_ms = 2000;
        return link;
    }
    Bytes through_invite(Role role) const {
        return *extend_grant(grant_from_owner(swarm.owner, invite_link(role)), swarm.id, invite,
                             node_link(role, node));
    }
};

}  // namespace

TEST_CASE("a node is admitted through an invite without anybody online") {
    const Chain c;
    const Bytes chain = c.through_invite(Role::write);
    const auto member = verify_grant_chain(chain, c.swarm.id, c.node.public_key(), 1ULL << 40);
    REQUIRE(member.ok());
    CHECK(member->role == Role::write);
    CHECK(member->valid_until_ms == 0);
    CHECK(chain.size() <= kGrantBytesMax);
}

TEST_CASE("a grant is worth nothing to another node, swarm, or with any bit changed") {
    const Chain c;
    const Bytes chain = c.through_invite(Role::read);
    CHECK_FALSE(verify_grant_chain(chain, c.swarm.id, test_key(9).public_key(), 0).ok());
    CHECK_FALSE(
        verify_grant_chain(chain, SwarmId{test_key(9).public_key().bytes}, c.node.public_key(), 0)
            .ok());
    for (std::size_t at = 0; at < chain.size(); ++at) {
        Bytes other = chain;
        other[at] ^= 0x01;
        CHECK_FALSE(verify_grant_chain(other, c.swarm.id, c.node.public_key(), 0).ok());
        CHECK_FALSE(
            verify_grant_chain(ByteSpan(chain).first(at), c.swarm.id, c.node.public_key(), 0).ok());
    }
}

TEST_CASE("roles never grow along a chain") {
    const Chain c;
    const Bytes invite = grant_from_owner(c.swarm.owner, c.invite_link(Role::read));
    CHECK_FALSE(extend_grant(invite, c.swarm.id, c.invite, c.node_link(Role::write, c.node)).ok());
    CHECK(extend_grant(invite, c.swarm.id, c.invite, c.node_link(Role::read, c.node)).ok());
}

TEST_CASE("an invite's key admits nodes and makes no invites") {
    const Chain c;
    const Bytes invite = grant_from_owner(c.swarm.owner, c.invite_link(Role::admin));
    GrantLink second = c.invite_link(Role::read);
    second.issued_ms = 2000;
    CHECK_FALSE(extend_grant(invite, c.swarm.id, c.invite, second).ok());
}

TEST_CASE("only an admin invites, and four links are enough for it") {
    const Chain c;
    GrantLink second = c.invite_link(Role::write);
    const crypto::SigningKey other = test_key(4);
    const crypto::SigningKey guest = test_key(5);
    second.subject = other.public_key();
    second.issued_ms = 3000;
    CHECK_FALSE(extend_grant(c.through_invite(Role::write), c.swarm.id, c.node, second).ok());
    const auto three = extend_grant(c.through_invite(Role::admin), c.swarm.id, c.node, second);
    REQUIRE(three.ok());
    GrantLink last = c.node_link(Role::write, guest);
    last.issued_ms = 4000;
    const auto four = extend_grant(*three, c.swarm.id, other, last);
    REQUIRE(four.ok());
    CHECK(verify_grant_chain(*four, c.swarm.id, guest.public_key(), 0)->role == Role::write);
    CHECK(four->size() == kGrantBytesMax);
    CHECK_FALSE(extend_grant(*four, c.swarm.id, guest, last).ok());
}

TEST_CASE("an expired invite admits nobody, and those it admitted stay") {
    const Chain c;
    const Bytes invite = grant_from_owner(c.swarm.owner, c.invite_link(Role::write));
    GrantLink late = c.node_link(Role::write, c.node);
    late.issued_ms = 5001;
    CHECK(extend_grant(invite, c.swarm.id, c.invite, late).error().code == Code::permission);
    late.issued_ms = 5000;
    const Bytes chain = *extend_grant(invite, c.swarm.id, c.invite, late);
    CHECK(verify_grant_chain(chain, c.swarm.id, c.node.public_key(), 9'000'000).ok());
}

TEST_CASE("a membership ends when the earliest end of its chain has passed") {
    const Chain c;
    GrantLink invite = c.invite_link(Role::write);
    invite.valid_until_ms = 8000;
    const Bytes first = grant_from_owner(c.swarm.owner, invite);
    GrantLink node = c.node_link(Role::write, c.node);
    node.valid_until_ms = 20'000;
    const Bytes chain = *extend_grant(first, c.swarm.id, c.invite, node);
    CHECK(verify_grant_chain(chain, c.swarm.id, c.node.public_key(), 8000)->valid_until_ms == 8000);
    CHECK(verify_grant_chain(chain, c.swarm.id, c.node.public_key(), 8001).error().code ==
          Code::permission);
}

}  // namespace swarmfs::catalog
