// What a replica does not believe (replica.hpp, rule 3).
#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

// A publication of one entry, made by hand.
struct Forged {
    Swarm swarm;
    Member bob{swarm, 2};
    crypto::SigningKey key = test_key(50);
    Header header;
    Bytes entry_bytes;
    Role role = Role::write;

    Forged() {
        header.swarm = swarm.id;
        header.author = {key.public_key(), 1};
        header.clock = hybrid_time(kStartMs);
        header.grant = grant(0);
        set_entry(file_entry("a", 1), hybrid_time(kStartMs));
    }
    Bytes grant(std::uint64_t valid_until_ms) const {
        GrantLink link;
        link.subject = key.public_key();
        link.role = role;
        link.valid_until_ms = valid_until_ms;
        return grant_from_owner(swarm.owner, link);
    }
    void set_entry(Entry entry, HybridTime clock) {
        entry.clock = clock;
        entry_bytes = *encode_entry(entry);
        header.root = entry_hash_of(entry_bytes);
    }
    // Makes the next publication of the same author.
    void follow(const Bytes& before) {
        header.previous = decode_header(before)->hash;
        header.first = header.last = header.last + 1;
        header.clock += 1 << 16;
        header.grant.clear();
        set_entry(file_entry("a", header.last), header.clock);
    }
    Bytes signed_header() const { return *sign_header(header, key); }
    Bytes entries() const {
        EntriesMessage message;
        message.author = header.author;
        message.last = header.last;
        message.header_hash = decode_header(signed_header())->hash;
        message.items = {{ItemForm::entry, entry_bytes}};
        return encode_entries(message);
    }
    // Returns: why it was refused, or "" when it was applied.
    std::string outcome() {
        for (const Message& message : {Message{MessageKind::header, signed_header()},
                                       Message{MessageKind::entries, entries()}}) {
            if (const auto taken = bob.take(message); !taken.ok()) {
                return taken.error().message;
            }
        }
        return bob.replica().applied_of(header.author) >= header.last ? "" : "waits";
    }
    Bytes accepted() {
        REQUIRE(outcome() == "");
        return signed_header();
    }
};

bool mentions(const std::string& text, std::string_view word) {
    return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("a sound publication is applied, and so is the one after it") {
    Forged f;
    f.follow(f.accepted());
    CHECK(f.outcome() == "");
    CHECK(f.bob.replica().find("a")->entry.content.root == any_root(2));
}

TEST_CASE("a publication with any bit changed is refused") {
    Forged f;
    const Bytes good = f.signed_header();
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes other = good;
        other[at] ^= 0x10;
        const auto taken = f.bob.replica().apply_header(other, kStartMs);
        REQUIRE_FALSE(taken.ok());
        CHECK(taken.error().whose == Whose::peer);
        CHECK_FALSE(decode_header(ByteSpan(good).first(at)).ok());
    }
    CHECK(f.bob.rows.size() == Member(f.swarm, 2).rows.size());
}

TEST_CASE("a member who may only read cannot publish") {
    Forged f;
    f.role = Role::read;
    f.header.grant = f.grant(0);
    CHECK(mentions(f.outcome(), "only read"));
    CHECK_FALSE(f.bob.replica().find("a").has_value());
    CHECK(f.bob.replica().vector().empty());
    const std::size_t rows = f.bob.rows.size();
    CHECK(mentions(f.outcome(), "only read"));
    CHECK(f.bob.rows.size() == rows);  // nothing was kept

    Member reader(f.swarm, 60, Role::read);
    reader.write(file_entry("b", 1));
    CHECK(reader.replica().seal_local(reader.key, reader.grant).error().code == Code::read_only);
}

TEST_CASE("a grant of another swarm or node gives nothing") {
    Forged f;
    f.header.grant = Member(f.swarm, 61).grant;
    CHECK(mentions(f.outcome(), "another node"));
    Forged g;
    g.header.swarm = SwarmId{test_key(9).public_key().bytes};
    CHECK(mentions(g.outcome(), "another swarm"));
    Forged h;
    h.header.grant.clear();
    CHECK_FALSE(sign_header(h.header, h.key).ok());
}

TEST_CASE("what is published after the end of a membership does not count") {
    Forged f;
    f.header.grant = f.grant(kStartMs + 500);
    f.follow(f.accepted());
    f.header.clock = hybrid_time(kStartMs + 501);
    CHECK(mentions(f.outcome(), "after the end"));
    CHECK(f.bob.replica().applied_of(f.header.author) == 1);
}

TEST_CASE("clocks neither go back nor run ahead") {
    Forged f;
    f.follow(f.accepted());
    f.header.clock = hybrid_time(kStartMs);
    f.set_entry(file_entry("a", 2), f.header.clock);
    CHECK(mentions(f.outcome(), "goes back"));

    Forged entry_late;
    entry_late.set_entry(file_entry("a", 1), entry_late.header.clock + 1);
    CHECK(mentions(entry_late.outcome(), "out of order"));

    Forged ahead;
    ahead.header.clock = hybrid_time(kStartMs + kClockAheadMsMax + 1000);
    const auto taken = ahead.bob.replica().apply_header(ahead.signed_header(), kStartMs);
    CHECK(taken.error().whose == Whose::network);
    CHECK(taken.error().code == Code::try_again);
    CHECK(ahead.bob.replica().apply_header(ahead.signed_header(), kStartMs + 1000).ok());
}

TEST_CASE("a chain is not broken or skipped") {
    Forged f;
    f.follow(f.accepted());
    f.header.previous = any_root(3);
    const std::size_t rows = f.bob.rows.size();
    CHECK(*f.bob.replica().apply_header(f.signed_header(), kStartMs) == HeaderOutcome::alarm);
    CHECK(f.bob.rows.size() == rows);
    Forged early;
    early.follow(early.accepted());
    const Forged second = early;
    early.follow(early.signed_header());
    early.header.previous = any_root(3);
    CHECK(early.outcome() == "waits");
    REQUIRE(early.bob.take({MessageKind::header, second.signed_header()}).ok());
    const auto at_its_turn = early.bob.take({MessageKind::entries, second.entries()});
    REQUIRE_FALSE(at_its_turn.ok());
    CHECK(mentions(at_its_turn.error().message, "chain"));
    CHECK(*early.bob.replica().apply_header(early.signed_header(), kStartMs) ==
          HeaderOutcome::alarm);
    Forged g;
    g.follow(g.accepted());
    g.header.first = g.header.last = 3;
    CHECK(g.outcome() == "waits");
}

TEST_CASE("the same number with other content is an alarm, applied or parked") {
    Forged f;
    f.accepted();
    f.set_entry(file_entry("a", 99), f.header.clock);
    const auto alarm = f.bob.replica().apply_header(f.signed_header(), kStartMs);
    REQUIRE(alarm.ok());
    CHECK(*alarm == HeaderOutcome::alarm);
    CHECK(f.bob.replica().find("a")->entry.content.root == any_root(1));

    Forged g;
    REQUIRE(g.bob.replica().apply_header(g.signed_header(), kStartMs).ok());
    CHECK(*g.bob.replica().apply_header(g.signed_header(), kStartMs) == HeaderOutcome::parked);
    g.header.last = 2;
    CHECK(*g.bob.replica().apply_header(g.signed_header(), kStartMs) == HeaderOutcome::alarm);
}

TEST_CASE("who met the other history of an author first is never taken for a liar") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    Member carol(swarm, 3);
    alice.write(file_entry("a", 1));
    alice.seal();
    const MemoryKeyValue snapshot = alice.rows;  // of the whole machine: nobody can tell
    alice.write(file_entry("bobs", 1));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    alice.rows = snapshot;
    for (std::uint64_t i = 0; i < 3; ++i) {
        alice.write(file_entry("carols", i));
        alice.seal();
    }
    REQUIRE(carol.pull_from(alice).ok());

    carol.write(file_entry("hers", 1));  // waits for what bob has in another history
    carol.seal();
    const auto messages = carol.messages_for({});
    // In any order, and again whenever he lags.
    for (int round = 0; round < 3; ++round) {
        for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
            const auto taken = bob.take(*message);
            CHECK((taken.ok() || round == 0));
        }
    }
    CHECK(bob.replica().find("bobs").has_value());
    CHECK_FALSE(bob.replica().find("carols").has_value());
}

TEST_CASE("an old state shown again changes nothing") {
    Forged f;
    const Bytes first = f.accepted();
    f.follow(first);
    f.accepted();
    CHECK(*f.bob.replica().apply_header(first, kStartMs) == HeaderOutcome::duplicate);
    CHECK(f.bob.replica().applied_of(f.header.author) == 2);
}

TEST_CASE("an entry cannot replace what its author has not seen") {
    Forged f;
    f.bob.write(file_entry("a", 7));
    f.bob.seal();
    Entry entry = file_entry("a", 1);
    entry.base = {{{f.bob.author(), 1}}};
    f.set_entry(entry, f.header.clock);
    CHECK(mentions(f.outcome(), "had not seen"));
    Forged own;
    entry.base = {{{own.header.author, 1}}};
    own.set_entry(entry, own.header.clock);
    CHECK(mentions(own.outcome(), "had not seen"));
}

TEST_CASE("entries that are not what was signed are refused, whatever is changed") {
    Forged f;
    REQUIRE(f.bob.replica().apply_header(f.signed_header(), kStartMs).ok());
    const Bytes good = f.entries();
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes other = good;
        other[at] ^= 0x04;
        const auto taken = f.bob.replica().apply_entries(other);
        CHECK((!taken.ok() || taken->outcome == EntriesOutcome::unwanted));
    }
    EntriesMessage message = *decode_entries(good);
    message.uncles.push_back({});
    CHECK_FALSE(f.bob.replica().apply_entries(encode_entries(message)).ok());
    message = *decode_entries(good);
    message.index = 1;
    CHECK_FALSE(f.bob.replica().apply_entries(encode_entries(message)).ok());
    CHECK(f.bob.replica().apply_entries(good)->outcome == EntriesOutcome::whole);
}

TEST_CASE("strangers' unfinished publications are bounded, and those in turn always get in") {
    Forged f;
    f.header.previous = any_root(1);
    for (std::uint64_t i = 0; i < kParkedPerNodeMax; ++i) {
        f.header.first = f.header.last = 10 + i;
        REQUIRE(f.bob.replica().apply_header(f.signed_header(), kStartMs).ok());
    }
    f.header.first = f.header.last = 5000;
    const auto refused = f.bob.replica().apply_header(f.signed_header(), kStartMs);
    CHECK(refused.error().code == Code::busy);
    CHECK(refused.error().whose == Whose::network);
    Forged next;
    next.bob.rows = f.bob.rows;
    CHECK(next.outcome() == "");
}

TEST_CASE("publications with impossible numbers are refused before anything is kept") {
    Forged f;
    f.header.first = 0;
    CHECK_FALSE(sign_header(f.header, f.key).ok());
    f.header.first = 2;
    f.header.last = 1;
    CHECK_FALSE(sign_header(f.header, f.key).ok());
    f.header.last = f.header.first + kPublicationEntriesMax;
    f.header.previous = any_root(1);
    CHECK_FALSE(sign_header(f.header, f.key).ok());
    f.header.last = ~0ULL;
    CHECK_FALSE(sign_header(f.header, f.key).ok());
}

}  // namespace swarmfs::catalog
