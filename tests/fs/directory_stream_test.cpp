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

constexpr std::uint64_t kStart = DirectoryStream::kFirstEntry;

struct Taken {
    std::string name;
    std::uint64_t position;
    std::uint64_t next;
};

// Reads up to `count` entries from `position`.
std::vector<Taken> take(DirectoryStream& stream, FakeVolume& volume, std::uint64_t position,
                        std::size_t count, std::size_t expected = 7) {
    std::vector<Taken> taken;
    const auto result = stream.read(volume, position, expected,
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

TEST_CASE("going back yields what followed, less what is gone") {
    FakeVolume volume;
    for (std::uint64_t i = 0; i < 50; ++i) {
        volume.remote_write(numbered(i), "");
    }
    DirectoryStream stream(kRootInode);
    const auto all = take(stream, volume, kStart, 50);
    volume.remote_remove(numbered(20));
    volume.remote_remove(numbered(21));
    volume.remote_write("f00019-new", "");
    const auto again = take(stream, volume, all[18].next, 3);
    REQUIRE(again.size() == 3);
    CHECK(again[0].name == numbered(19));
    CHECK(again[1].name == numbered(22));
    CHECK(again[2].name == numbered(23));
    CHECK(again[1].next == all[22].next);
}

TEST_CASE("a position that was never handed out is refused") {
    FakeVolume volume;
    DirectoryStream stream(kRootInode);
    const auto result = stream.read(volume, kStart + 1, 7, [](auto&, auto) { return true; });
    CHECK(result.error().code == Code::invalid);
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
            const auto taken = take(stream, volume, position, 1 + dice.below(9), 5);
            if (taken.empty()) {
                break;
            }
            for (const Taken& entry : taken) {
                // After going back, the same position may only yield what it yielded before or
                // something later.
                while (!seen.empty() && seen.back().next > entry.position) {
                    seen.pop_back();
                }
                seen.push_back(entry);
            }
            position = taken.back().next;
            if (dice.below(6) == 0 && seeks < 10) {  // seekdir
                ++seeks;
                position = seen[dice.below(seen.size())].next;
            }
            const std::string name = numbered(dice.below(1200));
            if (staying.count(name) == 0) {
                if (volume.exists(name)) {
                    volume.remote_remove(name);
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
