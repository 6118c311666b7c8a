#include "engine/catalog/replica.hpp"

#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

// What somebody sends who withholds a version: the same, with a stub of its first entry.
Message with_a_stub(const Message& message) {
    EntriesMessage entries = *decode_entries(message.second);
    const Bytes stub = encode_stub(*stub_of_item(entries.items[0]));
    entries.items[0] = {ItemForm::stub, stub};
    return {message.first, encode_entries(entries)};
}

}  // namespace

TEST_CASE("what one member writes, another finds after pulling") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    alice.write(file_entry("docs/readme", 1));
    CHECK(alice.replica().unsealed() == 1);
    CHECK(alice.replica().find("docs/readme").has_value());
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    const auto found = bob.replica().find("docs/readme");
    REQUIRE(found.has_value());
    CHECK(found->entry.content.root == any_root(1));
    CHECK(bob.replica().vector() == alice.replica().vector());
    CHECK(bob.touched == std::vector<std::string>{"docs", "docs/readme"});
    CHECK(bob.replica().view("docs").shows == Shows::implicit_directory);
}

TEST_CASE("thousands of entries under one signature arrive as a whole") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    for (std::uint64_t i = 0; i < 3000; ++i) {
        Entry entry = file_entry("d/" + std::to_string(i), i);
        if (i % 500 == 0) {
            entry.extensions["xattr"] = Bytes(15'000, 7);  // makes groups smaller
        }
        alice.write(std::move(entry));
    }
    alice.seal();
    auto messages = alice.messages_for({});
    CHECK(messages.size() > 12);
    for (const Message& message : messages) {
        CHECK(message.second.size() <= kCatalogMessageBytesMax);
        CHECK(bob.replica().vector().empty());
        REQUIRE(bob.take(message).ok());
    }
    CHECK(bob.replica().applied_of(alice.author()) == 3000);
    CHECK(picture_of(bob.replica()) == picture_of(alice.replica()));
}

TEST_CASE("entries arrive in any order and twice, also after their publication was applied") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    for (std::uint64_t i = 0; i < 700; ++i) {
        alice.write(file_entry(std::to_string(i), i));
    }
    alice.seal();
    auto messages = alice.messages_for({});
    std::reverse(messages.begin() + 1, messages.end());
    CHECK(bob.take(messages[1]).ok());
    CHECK(bob.last_entries == EntriesOutcome::unwanted);
    for (int round = 0; round < 2; ++round) {
        for (const Message& message : messages) {
            REQUIRE(bob.take(message).ok());
        }
    }
    CHECK(bob.last_header == HeaderOutcome::duplicate);
    CHECK(bob.last_entries == EntriesOutcome::known);
    CHECK(picture_of(bob.replica()) == picture_of(alice.replica()));
}

TEST_CASE("a version replaces what its author had seen and nothing else") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    alice.write(file_entry("a", 1));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    bob.write(file_entry("a", 2));  // has seen alice's
    bob.seal();
    alice.write(file_entry("a", 3));  // has not seen bob's
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    REQUIRE(alice.pull_from(bob).ok());
    CHECK(picture_of(alice.replica()) == picture_of(bob.replica()));
    const View view = alice.replica().view("a");
    REQUIRE(view.beside.size() == 1);
    CHECK(view.beside[0].name.starts_with("a.conflict-20251121T071320Z-"));
    const auto copy = bob.replica().find(view.beside[0].name);
    REQUIRE(copy.has_value());
    CHECK(copy->dot == view.beside[0].version.dot);

    // The next version settles it for everybody.
    alice.write(file_entry("a", 4));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    CHECK(bob.replica().view("a").beside.empty());
}

TEST_CASE("a base limits what a version replaces") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    const Dot old = alice.write(file_entry("a", 1));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    alice.write(file_entry("a", 2));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    Entry late = file_entry("a", 3);  // the program had opened the first version
    late.base = {{old}};
    bob.write(late);
    bob.seal();
    REQUIRE(alice.pull_from(bob).ok());
    CHECK(alice.replica().heads("a").versions.size() == 2);
    CHECK(picture_of(alice.replica()) == picture_of(bob.replica()));
}

TEST_CASE("a conflict copy goes away by a deletion that replaces only it") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    alice.write(file_entry("a", 1));
    bob.write(file_entry("a", 2));
    alice.seal();
    bob.seal();
    REQUIRE(alice.pull_from(bob).ok());
    const View view = alice.replica().view("a");
    REQUIRE(view.beside.size() == 1);
    Entry gone = deleted_entry("a");
    gone.base = {{view.beside[0].version.dot}};
    alice.write(gone);
    CHECK(alice.replica().view("a").beside.empty());
    CHECK(alice.replica().view("a").main == view.main);
}

TEST_CASE("a live child revives its parents, and a file in their place steps aside") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    alice.write(directory_entry("d"));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    bob.write(file_entry("d/new", 1));
    bob.seal();
    alice.write(deleted_entry("d"));
    alice.write(file_entry("d", 9));
    alice.seal();
    REQUIRE(alice.pull_from(bob).ok());
    REQUIRE(bob.pull_from(alice).ok());
    const View view = bob.replica().view("d");
    CHECK(view.shows == Shows::implicit_directory);
    REQUIRE(view.beside.size() == 1);
    CHECK(view.beside[0].version.entry.content.root == any_root(9));
    CHECK(picture_of(alice.replica()) == picture_of(bob.replica()));

    bob.write(deleted_entry("d/new"));
    CHECK(bob.replica().view("d").shows == Shows::version);
    CHECK(bob.replica().view("d").beside.empty());
}

TEST_CASE("losers that want the same name are numbered, around what really has that name") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    const std::string stem(240, 'x');
    alice.write(file_entry(stem + "1", 1));
    alice.write(file_entry(stem + "2", 2));
    alice.seal();
    bob.now_ms += 5000;
    bob.write(file_entry(stem + "1", 3));
    bob.write(file_entry(stem + "2", 4));
    bob.seal();
    REQUIRE(bob.pull_from(alice).ok());
    const std::string first = bob.replica().view(stem + "1").beside.at(0).name;
    const std::string second = bob.replica().view(stem + "2").beside.at(0).name;
    CHECK(second == first + "-2");

    Replica replica = bob.replica();
    REQUIRE(replica.append_local(file_entry(first, 5), bob.now_ms).ok());
    // The losers' names move up, and whoever shows names is told of all of them.
    CHECK(replica.take_touched() ==
          std::vector<std::string>{first, first + "-2", first + "-3", stem + "1", stem + "2"});
    CHECK(replica.view(stem + "1").beside.at(0).name == first + "-2");
    CHECK(replica.view(stem + "2").beside.at(0).name == first + "-3");
    REQUIRE(replica.append_local(deleted_entry(first), bob.now_ms).ok());
    CHECK(replica.view(stem + "2").beside.at(0).name == second);
}

TEST_CASE("a publication waits for what its author had seen") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    Member carol(swarm, 3);
    alice.write(file_entry("a", 1));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    bob.write(file_entry("a", 2));
    bob.seal();
    VersionVector without_bob = bob.replica().vector();
    VersionVector only_alice_known;
    only_alice_known.raise(alice.author(), 1);
    for (const Message& message : bob.messages_for(only_alice_known)) {
        REQUIRE(carol.take(message).ok());
    }
    CHECK(carol.replica().vector().empty());
    CHECK_FALSE(carol.replica().find("a").has_value());
    for (const Message& message : alice.messages_for({})) {
        REQUIRE(carol.take(message).ok());
    }
    CHECK(carol.replica().vector() == bob.replica().vector());
    CHECK(carol.replica().find("a")->entry.content.root == any_root(2));
}

TEST_CASE("nothing of others is applied while local entries are unsigned") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    alice.write(file_entry("a", 1));
    alice.seal();
    bob.write(file_entry("b", 1));
    for (const Message& message : alice.messages_for({})) {
        CHECK(bob.take(message).error().code == Code::busy);  // kept all the same
    }
    CHECK_FALSE(bob.replica().find("a").has_value());
    bob.seal();
    CHECK(bob.advance().ok());
    CHECK(bob.replica().find("a").has_value());
}

TEST_CASE("superseded entries shrink to stubs after seven days, and replicas still end equal") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    std::vector<Dot> old;
    for (std::uint64_t i = 0; i < 10; ++i) {
        old.push_back(alice.write(file_entry("a", i)));
        alice.now_ms += 1000;
    }
    const Dot current = old.back();
    alice.seal();
    CHECK(alice.replica().compact(alice.now_ms, 100) == 0);
    alice.now_ms += kKeepSupersededMs + 1000;
    CHECK(alice.replica().compact(alice.now_ms, 4) == 4);
    CHECK(alice.replica().compact(alice.now_ms, 100) == 5);
    CHECK_FALSE(alice.replica().version(old[0]).has_value());
    CHECK(alice.replica().version(current).has_value());
    bob.now_ms = alice.now_ms;
    REQUIRE(bob.pull_from(alice).ok());
    CHECK(picture_of(bob.replica()) == picture_of(alice.replica()));
    CHECK(bob.replica().bodiless_heads(10).empty());
}

TEST_CASE("what was replaced or deleted is visited in that order, with when, until it shrinks") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    const Dot first = alice.write(file_entry("a", 1));
    const Dot other = alice.write(file_entry("b", 2));
    alice.now_ms += 1000;
    const Dot second = alice.write(file_entry("a", 3));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    bob.now_ms = alice.now_ms + 1000;
    Entry gone;
    gone.kind = EntryKind::deleted;
    gone.path = "b";
    const Dot removal = bob.write(gone);
    bob.seal();
    REQUIRE(alice.pull_from(bob).ok());
    for (Member* member : {&alice, &bob}) {
        std::vector<Dot> visited;
        std::vector<HybridTime> times;
        member->replica().for_each_superseded([&](HybridTime at, const Version& version) {
            visited.push_back(version.dot);
            times.push_back(at);
            return true;
        });
        CHECK(visited == std::vector<Dot>{first, other});
        CHECK(times == std::vector<HybridTime>{member->replica().version(second)->entry.clock,
                                               member->replica().version(removal)->entry.clock});
        std::size_t count = 0;
        member->replica().for_each_superseded(
            [&](HybridTime, const Version&) { return ++count < 1; });
        CHECK(count == 1);
        CHECK(member->replica().compact(bob.now_ms + kKeepSupersededMs + 1000, 1) == 1);
        visited.clear();
        member->replica().for_each_superseded([&](HybridTime, const Version& version) {
            visited.push_back(version.dot);
            return true;
        });
        CHECK(visited == std::vector<Dot>{other});
    }
}

TEST_CASE("a version that counts cannot be withheld by calling it old") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    alice.write(file_entry("a", 1));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());
    alice.write(file_entry("a", 2));
    alice.seal();
    auto messages = alice.messages_for(bob.replica().vector());
    REQUIRE(messages.size() == 2);
    REQUIRE(bob.take(messages[0]).ok());
    REQUIRE(bob.take(with_a_stub(messages[1])).ok());
    CHECK(bob.replica().bodiless_heads(10).size() == 1);
    CHECK_FALSE(bob.replica().view("a").settled);
    const auto filled = bob.replica().apply_entries(messages[1].second);
    REQUIRE(filled.ok());
    CHECK(filled->touched == std::vector<std::string>{"a"});
    CHECK(bob.replica().bodiless_heads(10).empty());
    CHECK(bob.replica().find("a")->entry.content.root == any_root(2));
}

TEST_CASE("a copy beside a path of which a version is withheld stays, whatever takes its name") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    Member carol(swarm, 3);
    const Dot lost = alice.write(file_entry("a", 1));
    alice.seal();
    bob.now_ms += 1000;
    bob.write(file_entry("a", 2));
    bob.seal();
    carol.write(deleted_entry("a"));
    carol.seal();
    REQUIRE(bob.pull_from(alice).ok());
    const std::string copy = bob.replica().view("a").beside.at(0).name;
    const auto shown = [&](const std::string& name) -> std::optional<Dot> {
        const auto version = bob.replica().find(name);
        return version ? std::optional(version->dot) : std::nullopt;
    };
    const auto messages = carol.messages_for({});
    REQUIRE(bob.take(messages[0]).ok());
    REQUIRE(bob.take(with_a_stub(messages[1])).ok());
    CHECK_FALSE(bob.replica().view("a").settled);
    CHECK(shown(copy) == lost);

    bob.touched.clear();
    const Dot real = bob.write(file_entry(copy, 3));
    CHECK(bob.touched == std::vector<std::string>{"a", copy, numbered(copy, 2)});
    CHECK(shown(copy) == real);
    CHECK(shown(numbered(copy, 2)) == lost);
    bob.write(deleted_entry(copy));
    CHECK(shown(copy) == lost);
    CHECK_FALSE(shown(numbered(copy, 2)).has_value());
    bob.seal();

    // Settled, it shows what it did; nobody would look at the copy again.
    bob.touched.clear();
    REQUIRE(bob.take(messages[1]).ok());
    CHECK(bob.touched == std::vector<std::string>{"a"});
    CHECK(bob.replica().view("a").settled);
    CHECK(shown(copy) == lost);
}

TEST_CASE("a new incarnation carries over what was not signed, and the old one becomes history") {
    Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    alice.write(file_entry("a", 1));
    alice.seal();
    const MemoryKeyValue backup = alice.rows;
    alice.write(file_entry("b", 2));
    alice.seal();
    REQUIRE(bob.pull_from(alice).ok());

    alice.rows = backup;
    const Dot first = alice.write(file_entry("c", 3));
    Entry second = file_entry("c", 4);
    second.base = {{first}};
    alice.write(second);
    const auto messages = bob.messages_for(alice.replica().vector());
    REQUIRE(alice.take(messages[0]).error().code == Code::busy);  // advance asks to seal first
    CHECK(alice.last_header == HeaderOutcome::forked);
    REQUIRE(alice.replica().start_incarnation(alice.key.public_key(), 77).ok());
    CHECK(alice.replica().unsealed() == 2);
    CHECK(alice.replica().heads("c").versions.size() == 1);
    alice.seal();
    for (const Message& message : messages) {
        REQUIRE(alice.take(message).ok());
    }
    CHECK(alice.replica().find("b").has_value());
    REQUIRE(bob.pull_from(alice).ok());
    CHECK(bob.replica().find("c")->entry.content.root == any_root(4));
    CHECK(picture_of(bob.replica()) == picture_of(alice.replica()));
}

TEST_CASE("current paths and children can be walked in pieces") {
    Swarm swarm;
    Member alice(swarm, 1);
    for (std::uint64_t i = 0; i < 20; ++i) {
        alice.write(file_entry("d/" + std::to_string(i), i));
    }
    alice.write(deleted_entry("d/3"));
    std::size_t seen = 0;
    Hash256 from;
    for (bool more = true; more;) {
        more = false;
        alice.replica().for_each_current(from,
                                         [&](const Hash256& hash, const std::string&, const View&) {
                                             if (hash != from) {
                                                 ++seen;
                                                 from = hash;
                                                 more = true;
                                             }
                                             return !more;
                                         });
        if (more) {  // continue behind it
            for (std::size_t i = from.bytes.size(); i-- > 0;) {
                if (++from.bytes[i] != 0) {
                    break;
                }
            }
        }
    }
    CHECK(seen == 19);
    std::vector<std::string> names;
    alice.replica().for_each_child("d", "10", [&](std::string_view name) {
        names.emplace_back(name);
        return names.size() < 2;
    });
    CHECK(names == std::vector<std::string>{"11", "12"});
}

}  // namespace swarmfs::catalog
