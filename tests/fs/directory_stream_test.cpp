#include "fs/directory_stream.hpp"

#include <set>

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/support/fake_volume.hpp"

using namespace swarmfs;
using fs::DirectoryStream;
using node::kRootInode;
using test::FakeVolume;

namespace {

constexpr std::uint64_t kStart = fs::NamePositions::kFirstName;

const fs::NamePositions& positions() {
    static const fs::NamePositions all({1, 2});
    return all;
}

struct Taken {
    std::string name;
    std::uint64_t position;
    std::uint64_t next;
};

// Reads up to `count` entries from `position`.
std::vector<Taken> take(DirectoryStream& stream, FakeVolume& volume, std::uint64_t position,
                        std::size_t count, std::size_t expected = 7,
                        const fs::NamePositions& book = positions()) {
    std::vector<Taken> taken;
    const auto result = stream.read(volume, book, position, expected,
                                    [&](const node::DirectoryEntry& entry, std::uint64_t next) {
                                        if (taken.size() == count) {
                                            return false;
                                        }
                                        taken.push_back({entry.name, position, next});
                                        position = next;
                                        return true;
                                    });
    CHECK(result.ok());
    return taken;
}

std::string numbered(std::uint64_t number) {
    std::string digits = std::to_string(number);
    return "f" + std::string(5 - digits.size(), '0') + digits;
}

}  // namespace

TEST_CASE("every name comes once, in pages of any size") {
    FakeVolume volume;
    for (std::uint64_t i = 0; i < 100; ++i) {
        volume.remote_write(numbered(i), "");
    }
    for (const std::size_t page : {1U, 3U, 16U, 1000U}) {
        DirectoryStream stream(kRootInode);
        std::uint64_t position = kStart;
        std::uint64_t expected = 0;
        for (auto taken = take(stream, volume, position, page); !taken.empty();
             taken = take(stream, volume, position, page)) {
            for (const Taken& entry : taken) {
                CHECK(entry.name == numbered(expected++));
            }
            position = taken.back().next;
        }
        CHECK(expected == 100);
    }
}

TEST_CASE("a position means the same to every reader of a directory") {
    FakeVolume volume;
    for (std::uint64_t i = 0; i < 50; ++i) {
        volume.remote_write(numbered(i), "");
    }
    DirectoryStream one(kRootInode);
    const auto all = take(one, volume, kStart, 50);
    volume.remote_remove(numbered(20));
    volume.remote_write("f00019-new", "");
    DirectoryStream other(kRootInode);  // the kernel gave up the listing it kept
    const auto again = take(other, volume, all[18].next, 4);
    REQUIRE(again.size() == 4);
    CHECK(again[0].name == numbered(19));
    CHECK(again[1].name == "f00019-new");
    CHECK(again[2].name == numbered(21));
    CHECK(again[2].next == all[21].next);
}

TEST_CASE("the position of a name removed since is found again") {
    FakeVolume volume;
    for (std::uint64_t i = 0; i < 50; ++i) {
        volume.remote_write(numbered(i), "");
    }
    fs::NamePositions remembering({3, 4});
    const std::uint64_t after_20 = remembering.after(numbered(20));
    volume.remote_remove(numbered(20));
    DirectoryStream stream(kRootInode);
    std::vector<std::string> names;
    const auto collect = [&](const node::DirectoryEntry& entry, std::uint64_t) {
        names.push_back(entry.name);
        return true;
    };
    CHECK(stream.read(volume, remembering, after_20, 16, collect).error().code == Code::invalid);
    remembering.removed(kRootInode, numbered(20));
    CHECK(stream.read(volume, remembering, after_20, 16, collect).ok());
    CHECK(names.front() == numbered(21));
    CHECK(names.size() == 29);
}

TEST_CASE("only so many removed names are remembered") {
    fs::NamePositions positions({5, 6});
    for (std::size_t i = 0; i <= fs::NamePositions::kRemovedMax; ++i) {
        positions.removed(kRootInode, std::to_string(i));
    }
    CHECK_FALSE(positions.removed_name(kRootInode, positions.after("0")).has_value());
    CHECK(positions.removed_name(kRootInode, positions.after("1")) == "1");
}

TEST_CASE("positions are SipHash-2-4 of the name") {
    // The first vectors of the reference implementation, whose key is 00 01 .. 0f.
    const fs::NamePositions positions({0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL});
    const auto shown = [](std::uint64_t hash) { return 3 + (hash & ((1ULL << 62) - 1)); };
    std::string text;
    CHECK(positions.after(text) == shown(0x726fdb47dd0e0e31ULL));
    text += '\0';
    CHECK(positions.after(text) == shown(0x74f839c593dc67fdULL));
    for (char c = 1; c < 15; ++c) {
        text += c;
    }
    CHECK(positions.after(text) == shown(0xa129ca6149be45e5ULL));
}

TEST_CASE("names removed while they are listed hide no others") {
    FakeVolume volume;
    std::set<std::string> left;
    for (std::uint64_t i = 0; i < 200; ++i) {
        volume.remote_write(numbered(i), "");
        left.insert(numbered(i));
    }
    DirectoryStream stream(kRootInode);
    std::uint64_t position = kStart;
    for (auto taken = take(stream, volume, position, 10); !taken.empty();
         taken = take(stream, volume, position, 10)) {
        for (const Taken& entry : taken) {  // what rm -r does
            volume.remote_remove(entry.name);
            CHECK(left.erase(entry.name) == 1);
        }
        position = taken.back().next;
    }
    CHECK(left.empty());
}

TEST_CASE("names that stay are neither skipped nor repeated, whatever else changes") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SeededDice dice(seed);
        FakeVolume volume;
        fs::NamePositions remembering({seed, seed});
        std::set<std::string> staying;
        for (std::uint64_t i = 0; i < 120; ++i) {
            volume.remote_write(numbered(10 * i), "");
            if (i % 3 != 0) {
                staying.insert(numbered(10 * i));
            }
        }
        DirectoryStream stream(kRootInode);
        std::vector<Taken> seen;
        std::uint64_t position = kStart;
        int seeks = 0;
        for (;;) {
            const auto taken = take(stream, volume, position, 1 + dice.below(9), 5, remembering);
            if (taken.empty()) {
                break;
            }
            seen.insert(seen.end(), taken.begin(), taken.end());
            position = taken.back().next;
            if (dice.below(6) == 0 && seeks < 10) {  // seekdir
                ++seeks;
                seen.resize(1 + dice.below(seen.size()));
                position = seen.back().next;
            }
            const std::string name = numbered(dice.below(1200));
            if (staying.count(name) == 0) {
                if (volume.exists(name)) {
                    volume.remote_remove(name);
                    remembering.removed(kRootInode, name);
                } else {
                    volume.remote_write(name, "");
                }
            }
        }
        std::multiset<std::string> names;
        for (const Taken& entry : seen) {
            names.insert(entry.name);
        }
        for (const std::string& name : staying) {
            CHECK_MESSAGE(names.count(name) == 1, "seed " << seed << " name " << name);
        }
    }
}
