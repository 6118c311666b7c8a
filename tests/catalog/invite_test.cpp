#include "engine/catalog/invite.hpp"

#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

struct Inviting {
    Swarm swarm;
    SeededDice dice{5};

    Invite draft() {
        Invite invite;
        invite.swarm = swarm.id;
        invite.name = "holiday";
        dice.fill(invite.read_secret);
        invite.trackers = {"http://localhost:8080"};
        invite.bootstrap = {"[::1]:6881", "192.0.2.1:6881"};
        return invite;
    }
    Invite make(Role role = Role::write) {
        return *make_invite(draft(), role, kStartMs, kInviteUseMs, swarm.owner, {}, dice);
    }
};

}  // namespace

TEST_CASE("an invite comes back from its text, blanks around it or not") {
    Inviting i;
    const Invite invite = i.make();
    const std::string text = to_text(invite);
    CHECK(text.starts_with("swarmfs1:"));
    const auto back = parse_invite(" \n" + text + "\r\n", kStartMs);
    REQUIRE(back.ok());
    CHECK(*back == invite);
    CHECK(back->role() == Role::write);
    CHECK(looks_like_invite(text));
    CHECK_FALSE(needs_password(text).has_value());
}

TEST_CASE("whoever holds an invite makes himself a member with nobody online") {
    Inviting i;
    const Invite invite = i.make(Role::read);
    const NodeId node = test_key(77).public_key();
    const auto grant = invite.grant_for(node, kStartMs + 1000);
    REQUIRE(grant.ok());
    CHECK(verify_grant_chain(*grant, i.swarm.id, node, kStartMs)->role == Role::read);
    CHECK(invite.grant_for(node, kStartMs - 60'000).ok());  // his clock is behind
}

TEST_CASE("an invite cut anywhere says that it was cut short or damaged") {
    Inviting i;
    const std::string text = to_text(i.make());
    std::size_t cut_short = 0;
    for (std::size_t at = 9; at < text.size(); ++at) {
        const auto parsed = parse_invite(text.substr(0, at), kStartMs);
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().code == Code::invalid);
        cut_short += parsed.error().message.find("cut short") != std::string::npos ? 1 : 0;
    }
    CHECK(cut_short == text.size() - 9);
}

TEST_CASE("an invite with any character changed is refused") {
    Inviting i;
    const std::string text = to_text(i.make());
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string other = text;
        other[at] = other[at] == 'A' ? 'B' : 'A';
        CHECK_FALSE(parse_invite(other, kStartMs).ok());
    }
    CHECK_FALSE(parse_invite(text + "A", kStartMs).ok());
    CHECK_FALSE(parse_invite(text + "AAAA", kStartMs).ok());
}

TEST_CASE("what is no invite, a later version, and an expired one each say so") {
    Inviting i;
    const std::string text = to_text(i.make());
    CHECK(parse_invite("", kStartMs).error().code == Code::invalid);
    CHECK(parse_invite("magnet:?xt=1", kStartMs).error().message.find("not an invite") !=
          std::string::npos);
    const auto later = parse_invite("swarmfs2:" + text.substr(9), kStartMs);
    CHECK(later.error().code == Code::unsupported);
    CHECK(later.error().message.find("version 2") != std::string::npos);
    const auto expired = parse_invite(text, kStartMs + kInviteUseMs + 1);
    CHECK(expired.error().code == Code::permission);
    CHECK(expired.error().message.find("expired") != std::string::npos);
    CHECK(parse_invite(std::string("swarmfs1:") + std::string(9000, 'A'), kStartMs).error().code ==
          Code::invalid);
}

TEST_CASE("a password-protected invite names its swarm and opens with the password alone") {
    Inviting i;
    const Invite invite = i.make();
    const std::string text = *to_text_with_password(invite, "correct horse", i.dice);
    CHECK(needs_password(text) == "holiday");
    CHECK(parse_invite(text, kStartMs).error().message.find("protected by a password") !=
          std::string::npos);
    const auto wrong = parse_invite(text, kStartMs, "wrong");
    CHECK(wrong.error().code == Code::permission);
    CHECK(wrong.error().message.find("is wrong") != std::string::npos);
    CHECK(*parse_invite(text, kStartMs, "correct horse") == invite);
}

TEST_CASE("an invite made by somebody without the right is refused") {
    Inviting i;
    CHECK(make_invite(i.draft(), Role::write, kStartMs, 0, test_key(9), {}, i.dice).error().code ==
          Code::permission);
    GrantLink link;
    const auto writer = test_key(10);
    link.subject = writer.public_key();
    link.role = Role::write;
    const Bytes grant = grant_from_owner(i.swarm.owner, link);
    CHECK(make_invite(i.draft(), Role::read, kStartMs, 0, writer, grant, i.dice).error().code ==
          Code::permission);
    link.role = Role::admin;
    const auto by_admin = make_invite(i.draft(), Role::write, kStartMs, 0, writer,
                                      grant_from_owner(i.swarm.owner, link), i.dice);
    REQUIRE(by_admin.ok());
    CHECK(parse_invite(to_text(*by_admin), kStartMs).ok());

    Invite foreign = i.make();
    foreign.swarm = SwarmId{test_key(9).public_key().bytes};
    CHECK(parse_invite(to_text(foreign), kStartMs).error().code == Code::permission);
}

}  // namespace swarmfs::catalog
