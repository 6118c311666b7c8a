#include "engine/catalog/merge.hpp"

#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

Version version(Entry entry, std::uint64_t author, std::uint64_t clock) {
    entry.clock = clock;
    return {{{any_node(author), 1}, 1}, std::move(entry)};
}

}  // namespace

TEST_CASE("edit beats delete, whatever the clocks say") {
    const std::vector<Version> heads = {version(deleted_entry("a"), 1, 900),
                                        version(file_entry("a", 1), 2, 100)};
    const Decision decision = decide(heads, false);
    CHECK(decision.shows == Shows::version);
    CHECK(decision.winner == 1);
    CHECK(decision.beside.empty());
    CHECK(decide(std::span(heads).first(1), false).shows == Shows::nothing);
}

TEST_CASE("a directory beats a file, which stays beside it") {
    const std::vector<Version> heads = {version(file_entry("a", 1), 1, 900),
                                        version(directory_entry("a"), 2, 100),
                                        version(directory_entry("a"), 3, 200)};
    const Decision decision = decide(heads, false);
    CHECK(decision.winner == 2);
    CHECK(decision.beside == std::vector<std::size_t>{0});
}

TEST_CASE("what lives below makes a path a directory") {
    const std::vector<Version> file = {version(file_entry("a", 1), 1, 900)};
    CHECK(decide(file, true).shows == Shows::implicit_directory);
    CHECK(decide(file, true).beside == std::vector<std::size_t>{0});
    CHECK(decide({}, true).shows == Shows::implicit_directory);
    CHECK(decide({}, false).shows == Shows::nothing);
}

TEST_CASE("the latest of equals wins, and twins are shown once") {
    const std::vector<Version> heads = {
        version(file_entry("a", 1), 1, 100), version(file_entry("a", 2), 2, 300),
        version(file_entry("a", 1), 3, 200), version(file_entry("a", 2), 4, 250)};
    const Decision decision = decide(heads, false);
    CHECK(decision.winner == 1);
    CHECK(decision.beside == std::vector<std::size_t>{2});
}

TEST_CASE("conflict names tell when and by whom, and fit 255 bytes") {
    const AuthorId author{
        *NodeId::from_hex("0123abcd00000000000000000000000000000000000000000000000000000000"), 1};
    const std::string name = conflict_name("notes.txt", hybrid_time(kStartMs), author);
    CHECK(name == "notes.txt.conflict-20251121T071320Z-0123abcd");
    CHECK(as_conflict_name(name) == name);
    CHECK(as_conflict_name(numbered(name, 2)) == name);
    CHECK(as_conflict_name(numbered(name, 9999)) == name);
    CHECK_FALSE(as_conflict_name(name + "-1").has_value());
    CHECK_FALSE(as_conflict_name(name + "-02").has_value());
    CHECK_FALSE(as_conflict_name("notes.txt").has_value());
    CHECK_FALSE(as_conflict_name(".conflict-20251121T071320Z-0123abcd").has_value());

    std::string bees;
    while (bees.size() + 4 <= 255) {
        bees += "\xF0\x9F\x90\x9D";
    }
    const std::string cut = numbered(conflict_name(bees, hybrid_time(kStartMs), author), 9999);
    CHECK(cut.size() <= kNameBytesMax);
    CHECK(check_name(cut).ok());
    CHECK(as_conflict_name(cut).has_value());
}

TEST_CASE("stamps are UTC dates") {
    CHECK(utc_stamp(0) == "19700101T000000Z");
    CHECK(utc_stamp(951'782'400'000) == "20000229T000000Z");
    CHECK(utc_stamp(4'102'444'799'999) == "20991231T235959Z");
    CHECK(utc_stamp(~0ULL) == "99991231T235959Z");
}

}  // namespace swarmfs::catalog
