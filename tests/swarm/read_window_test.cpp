#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/swarm/naive_window.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kKiB = 1 << 10;
constexpr std::uint64_t kSize = 1024 * kMiB;
const TimePoint kStart{std::chrono::hours(1)};

}  // namespace

TEST_CASE("the first read of a run fetches nothing ahead; the second starts the window") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    CHECK(window.on_read(0, 128 * kKiB, true, kStart).fetch.empty());
    const auto plan = window.on_read(128 * kKiB, 128 * kKiB, true, kStart);
    REQUIRE(plan.fetch.size() == 1);
    CHECK(plan.fetch[0] == ByteRange{256 * kKiB, 256 * kKiB + ReadWindow::kFirstWindow});
    CHECK(budget.used() == ReadWindow::kFirstWindow);
}

TEST_CASE("random reads fetch only what they touch") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    for (std::uint64_t i = 0; i < 50; ++i) {
        CHECK(window.on_read(i * 37 % 50 * 20 * kMiB, 4096, true, kStart + Duration(i))
                  .fetch.empty());
    }
    CHECK(window.runs() == ReadWindow::kRunsMax);
    CHECK(window.window_bytes() == 0);
}

TEST_CASE("random reads within a few megabytes are no stream either") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    SeededDice dice(1);
    std::uint64_t last = 0;
    window.on_read(0, 4096, true, kStart);
    for (int i = 0; i < 20; ++i) {
        const std::uint64_t next = last + 300 * kKiB + dice.below(kMiB);
        CHECK(window.on_read(next, 4096, true, kStart).fetch.empty());
        last = next + 4096;
    }
}

TEST_CASE("the window is filled up when less than half of it is left, and not before") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    window.on_read(0, 128 * kKiB, true, kStart);
    window.on_read(128 * kKiB, 128 * kKiB, true, kStart);
    std::uint64_t offset = 256 * kKiB;
    while (offset < 256 * kKiB + ReadWindow::kFirstWindow / 2 - 128 * kKiB) {
        CHECK(window.on_read(offset, 128 * kKiB, false, kStart).fetch.empty());
        offset += 128 * kKiB;
    }
    const auto plan = window.on_read(offset, 128 * kKiB, false, kStart);
    REQUIRE(plan.fetch.size() == 1);
    CHECK(plan.fetch[0].begin == 256 * kKiB + ReadWindow::kFirstWindow);
    CHECK(plan.fetch[0].end == offset + 128 * kKiB + ReadWindow::kFirstWindow);
}

TEST_CASE("the window doubles when the reader waits, once for each window's worth, up to 64 MiB") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    std::uint64_t offset = 0;
    std::uint64_t doublings = 0;
    std::uint64_t before = 0;
    while (offset < 512 * kMiB) {
        window.on_read(offset, 128 * kKiB, true, kStart);
        offset += 128 * kKiB;
        const std::uint64_t now = window.window_bytes();
        if (before != 0 && now > before) {
            ++doublings;
            CHECK(now <= before * 2);
        }
        before = now;
        if (offset == 2 * kMiB) {
            CHECK(doublings <= 2);  // sixteen reads waited; one window's worth has been read
        }
    }
    CHECK(window.window_bytes() == ReadWindow::kWindowMax);
}

TEST_CASE("a reader that never waits keeps its first window") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    for (std::uint64_t offset = 0; offset < 64 * kMiB; offset += 128 * kKiB) {
        window.on_read(offset, 128 * kKiB, false, kStart);
    }
    CHECK(window.window_bytes() == ReadWindow::kFirstWindow);
}

TEST_CASE("a window that the budget refuses to grow is halved") {
    WindowBudget budget(3 * kMiB);
    ReadWindow window(kSize, budget);
    std::uint64_t highest = 0;
    std::uint64_t lowest = kSize;
    for (std::uint64_t offset = 0; offset < 64 * kMiB; offset += 128 * kKiB) {
        window.on_read(offset, 128 * kKiB, true, kStart);
        CHECK(budget.used() == window.window_bytes());
        CHECK(budget.used() <= 3 * kMiB);
        highest = std::max(highest, window.window_bytes());
        lowest = offset > kMiB ? std::min(lowest, window.window_bytes()) : lowest;
    }
    CHECK(highest == 2 * ReadWindow::kFirstWindow);
    CHECK(lowest <= ReadWindow::kFirstWindow);
}

TEST_CASE("a gap of up to 16 MiB forward or 1 MiB backward keeps the stream") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    window.on_read(0, 128 * kKiB, true, kStart);
    window.on_read(128 * kKiB, 128 * kKiB, true, kStart);
    const auto plan = window.on_read(15 * kMiB, 128 * kKiB, true, kStart);
    CHECK(window.runs() == 1);
    REQUIRE(plan.fetch.size() == 1);
    CHECK(plan.fetch[0].begin == 15 * kMiB + 128 * kKiB);
    window.on_read(15 * kMiB - 500 * kKiB, 64 * kKiB, false, kStart);
    CHECK(window.runs() == 1);
    window.on_read(13 * kMiB, 64 * kKiB, false, kStart);
    CHECK(window.runs() == 2);
    window.on_read(40 * kMiB, 64 * kKiB, false, kStart);
    CHECK(window.runs() == 3);
}

TEST_CASE("reads that arrive out of order within 256 KiB are one stream") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    for (const std::uint64_t block : {1, 0, 3, 2, 5, 4, 7, 6}) {
        window.on_read(block * 128 * kKiB, 128 * kKiB, true, kStart);
    }
    CHECK(window.runs() == 1);
    CHECK(window.window_bytes() >= ReadWindow::kFirstWindow);
}

TEST_CASE("four readers of one content each have a window; a fifth takes the oldest one's place") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    for (std::uint64_t reader = 0; reader < 4; ++reader) {
        window.on_read(reader * 100 * kMiB, kMiB, true, kStart + Duration(reader));
        window.on_read(reader * 100 * kMiB + kMiB, kMiB, true, kStart + Duration(reader));
    }
    CHECK(window.window_bytes() == 4 * ReadWindow::kFirstWindow);
    const auto plan = window.on_read(900 * kMiB, kMiB, true, kStart + Duration(10));
    REQUIRE(plan.abandon);
    CHECK(*plan.abandon == ByteRange{2 * kMiB, 2 * kMiB + ReadWindow::kFirstWindow});
    CHECK(window.runs() == 4);
    CHECK(budget.used() == 3 * ReadWindow::kFirstWindow);
}

TEST_CASE("a read of the last 32 KiB fetches the tail, once") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    const auto plan = window.on_read(kSize - 22, 22, true, kStart);
    REQUIRE(plan.fetch.size() == 1);
    CHECK(plan.fetch[0] == ByteRange{kSize - 256 * kKiB, kSize});
    CHECK(window.on_read(kSize - 22, 22, true, kStart).fetch.empty());
}

TEST_CASE("when nobody reads any more the budget is given back and the rest is abandoned") {
    WindowBudget budget(1024 * kMiB);
    ReadWindow window(kSize, budget);
    window.on_read(0, kMiB, true, kStart);
    window.on_read(kMiB, kMiB, true, kStart);
    const auto unwanted = window.end();
    REQUIRE(unwanted.size() == 1);
    CHECK(unwanted[0].begin == 2 * kMiB);
    CHECK(budget.used() == 0);
    CHECK(window.runs() == 0);
}

TEST_CASE("every plan is one that the rules allow") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SeededDice dice(seed);
        const std::uint64_t size = 1 + dice.below(200 * kMiB);
        WindowBudget budget((1 + dice.below(100)) * kMiB);
        ReadWindow window(size, budget);
        test::WindowJudge judge(size);
        std::uint64_t at = 0;
        for (int step = 0; step < 300; ++step) {
            const bool jump = dice.below(10) == 0;
            at = jump ? dice.below(size) : std::min(at + dice.below(3) * 100 * kKiB, size - 1);
            const std::uint64_t length = 1 + dice.below(std::min(size - at, 256 * kKiB));
            const auto plan =
                window.on_read(at, length, dice.below(2) == 0, kStart + Duration(step));
            REQUIRE(judge.judge(at, length, plan) == "");
            REQUIRE(window.runs() == judge.runs());
            REQUIRE(budget.used() == window.window_bytes());
            at += length;
            at = std::min(at, size - 1);
        }
    }
}
