// What waits for its turn at a replica is bounded, whoever sends it (replica.hpp, rule 8).
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/catalog/replica_rows.hpp"
#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

Bytes grant_of(const crypto::SigningKey& owner, const crypto::SigningKey& key) {
    GrantLink link;
    link.subject = key.public_key();
    link.role = Role::write;
    return grant_from_owner(owner, link);
}

// The first publication of an incarnation: one file.
struct First {
    Bytes header;
    Bytes entries;
};
First first_of(const SwarmId& swarm, const crypto::SigningKey& key, const Bytes& grant,
               std::uint64_t incarnation, const std::string& path) {
    Entry entry = file_entry(path, incarnation);
    entry.clock = hybrid_time(kStartMs) + incarnation;
    const Bytes bytes = *encode_entry(entry);
    Header header;
    header.swarm = swarm;
    header.author = {key.public_key(), incarnation};
    header.root = entry_hash_of(bytes);
    header.clock = entry.clock;
    header.grant = grant;
    First first{*sign_header(header, key), {}};
    EntriesMessage message;
    message.author = header.author;
    message.last = 1;
    message.header_hash = decode_header(first.header)->hash;
    message.items = {{ItemForm::entry, bytes}};
    first.entries = encode_entries(message);
    return first;
}

std::uint64_t parked_in(const Member& member) {
    return rows::decode_number(member.rows.get(rows::single_key(rows::kParkedCount)));
}

template <typename Thing>
void shuffle(std::vector<Thing>& things, Dice& dice) {
    for (std::size_t i = things.size(); i > 1; --i) {
        std::swap(things[i - 1], things[dice.below(i)]);
    }
}

}  // namespace

TEST_CASE("who was not let in leaves nothing here, under however many keys") {
    const Swarm swarm;
    Member bob(swarm, 2);
    const std::size_t rows = bob.rows.size();
    for (std::uint64_t i = 0; i < 200; ++i) {
        const crypto::SigningKey stranger = test_key(5000 + i);
        const First forged =
            first_of(swarm.id, stranger, grant_of(stranger, stranger), i, "forged");
        const auto refused = bob.replica().apply_header(forged.header, kStartMs);
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().whose == Whose::peer);
    }
    CHECK(bob.rows.size() == rows);
}

TEST_CASE("a header that shows no grant is not wanted before one of its author that does") {
    const Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    for (std::uint64_t i = 0; i < 3; ++i) {
        alice.write(file_entry("a", i));
        alice.seal();
    }
    const auto messages = alice.messages_for({});
    const std::size_t rows = bob.rows.size();
    REQUIRE(bob.take(messages[4]).ok());
    CHECK(bob.last_header == HeaderOutcome::unwanted);
    CHECK(bob.rows.size() == rows);
    REQUIRE(bob.take(messages[0]).ok());
    REQUIRE(bob.take(messages[4]).ok());
    CHECK(bob.last_header == HeaderOutcome::parked);
}

TEST_CASE("one writer parks a bounded number of publications, under however many incarnations") {
    const Swarm swarm;
    Member bob(swarm, 2);
    const crypto::SigningKey mallory = test_key(70);
    const Bytes grant = grant_of(swarm.owner, mallory);
    for (std::uint64_t i = 1; i <= 3 * kParkedPerNodeMax; ++i) {
        REQUIRE(bob.replica()
                    .apply_header(first_of(swarm.id, mallory, grant, i, "m").header, kStartMs)
                    .ok());
        REQUIRE(parked_in(bob) <= kParkedPerNodeMax);
    }
    Member alice(swarm, 1);
    alice.write(file_entry("a", 1));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    CHECK(bob.replica().find("a").has_value());
}

TEST_CASE("many node keys together park a bounded number, and what is in turn still gets in") {
    const Swarm swarm;
    Member bob(swarm, 2);
    Member alice(swarm, 1);
    for (std::uint64_t i = 0; i < kParkedMax + 100; ++i) {
        const crypto::SigningKey key = test_key(10'000 + i);
        const First first = first_of(swarm.id, key, grant_of(swarm.owner, key), 1, "m");
        REQUIRE(bob.replica().apply_header(first.header, kStartMs).ok());
        REQUIRE(parked_in(bob) <= kParkedMax);
    }
    for (std::uint64_t i = 0; i < 10; ++i) {
        alice.write(file_entry("a", i));
        alice.seal();
        REQUIRE(bob.pull_from(alice).ok());
        CHECK(bob.replica().vector().of(alice.author()) == i + 1);
    }
}

TEST_CASE("a publication that was dropped to make room leaves no row behind, and may come again") {
    const Swarm swarm;
    Member bob(swarm, 2);
    const crypto::SigningKey mallory = test_key(70);
    const Bytes grant = grant_of(swarm.owner, mallory);
    Member alice(swarm, 1);
    alice.key = mallory;
    alice.grant = grant;
    REQUIRE(alice.replica().start_incarnation(mallory.public_key(), 5).ok());
    for (std::uint64_t i = 0; i < 2; ++i) {
        alice.write(file_entry("a", i));
        alice.seal();
    }
    const auto messages = alice.messages_for({});
    REQUIRE(bob.take(messages[0]).ok());
    REQUIRE(bob.take(messages[2]).ok());
    REQUIRE(bob.take(messages[3]).ok());  // whole, and waits
    for (std::uint64_t i = 100; i < 100 + 2 * kParkedPerNodeMax; ++i) {
        const First first = first_of(swarm.id, mallory, grant, i, "m");
        REQUIRE(bob.replica().apply_header(first.header, kStartMs).ok());
    }
    std::size_t left = 0;
    for (const rows::Table table : {rows::kWaiting, rows::kReady, rows::kEntries}) {
        const rows::Key key(table);
        bob.rows.scan(key, key, [&](ByteSpan, ByteSpan) {
            ++left;
            return true;
        });
    }
    const bool whole_kept =
        bob.rows.get(rows::dot_key(rows::kParked, {alice.author(), 2})).has_value();
    CHECK(left == (whole_kept ? 2 : 0));
    REQUIRE(bob.pull_from(alice).ok());
    CHECK(bob.replica().vector().of(alice.author()) == 2);
}

TEST_CASE(
    "a writer with thousands of incarnations keeps nobody out, in whatever order they arrive") {
    const Swarm swarm;
    const crypto::SigningKey mallory = test_key(70);
    const Bytes grant = grant_of(swarm.owner, mallory);
    std::vector<First> firsts;
    for (std::uint64_t i = 1; i <= kAuthorsMax + 50; ++i) {
        firsts.push_back(first_of(swarm.id, mallory, grant, i, "m" + std::to_string(i % 900)));
    }
    SeededDice dice(3);
    Member bob(swarm, 2);
    Member carol(swarm, 3);
    Member alice(swarm, 1);
    alice.write(file_entry("a", 1));
    alice.seal();
    for (Member* member : {&bob, &carol}) {
        shuffle(firsts, dice);
        std::size_t taken = 0;
        for (const First& first : firsts) {
            if (++taken == firsts.size() / 2 && member == &bob) {
                REQUIRE(member->pull_from(alice).ok());
            }
            REQUIRE(member->take({MessageKind::header, first.header}).ok());
            REQUIRE(member->take({MessageKind::entries, first.entries}).ok());
        }
        REQUIRE(member->pull_from(alice).ok());
    }
    CHECK(bob.replica().vector() == carol.replica().vector());
    CHECK(bob.replica().vector().size() == firsts.size() + 1);
    CHECK(picture_of(bob.replica()) == picture_of(carol.replica()));
    // A vector still fits its bounds, and names the members with few incarnations.
    const VersionVector told = bob.replica().vector_to_tell();
    CHECK(told.size() <= kAuthorsMax);
    CHECK(told.of(alice.author()) == 1);

    // A newcomer, and a member who has to begin anew while changes wait to be signed.
    bob.write(file_entry("a", 7));
    bob.write(deleted_entry("m5"));
    bob.write(file_entry("a", 8));
    REQUIRE(bob.replica().start_incarnation(bob.key.public_key(), 4711).ok());
    bob.seal();
    REQUIRE(carol.pull_from(bob).ok());
    CHECK(carol.replica().find("a")->entry.content.root == any_root(8));
    CHECK(carol.replica().heads("a").versions.size() == 1);
    CHECK(picture_of(bob.replica()) == picture_of(carol.replica()));
    carol.write(file_entry("by carol", 1));
    carol.seal();
    REQUIRE(bob.pull_from(carol).ok());
    CHECK(bob.replica().find("by carol").has_value());
}

TEST_CASE(
    "a version that stands again for want of names is asked for where only its stub is here") {
    const Swarm swarm;
    const crypto::SigningKey mallory = test_key(70);
    const Bytes grant = grant_of(swarm.owner, mallory);
    Member bob(swarm, 2);
    const Dot withheld{{mallory.public_key(), kSeenPerHeaderMax + 6}, 1};
    Bytes honest;
    for (std::uint64_t i = 1; i <= withheld.author.incarnation; ++i) {
        const First first = first_of(swarm.id, mallory, grant, i, "m");
        honest = first.entries;
        EntriesMessage entries = *decode_entries(first.entries);
        const Bytes stub = encode_stub(*stub_of_item(entries.items[0]));
        if (i == withheld.author.incarnation) {
            entries.items[0] = {ItemForm::stub, stub};
        }
        REQUIRE(bob.take({MessageKind::header, first.header}).ok());
        REQUIRE(bob.take({MessageKind::entries, encode_entries(entries)}).ok());
    }
    for (const char* name : {"x", "y"}) {  // two headers name everybody
        bob.write(file_entry(name, 1));
        bob.seal();
    }
    bob.write(file_entry("m", 7));
    CHECK(bob.replica().bodiless_heads(10).empty());
    REQUIRE(bob.replica().start_incarnation(bob.key.public_key(), 4711).ok());
    CHECK(bob.replica().bodiless_heads(10) == std::vector<Dot>{withheld});
    bob.seal();
    REQUIRE(bob.take({MessageKind::entries, honest}).ok());
    CHECK(bob.replica().bodiless_heads(10).empty());
    CHECK(bob.replica().view("m").settled);
}

}  // namespace swarmfs::catalog
