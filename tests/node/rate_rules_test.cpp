#include "engine/node/rate_rules.hpp"

#include <ctime>

#include <doctest/doctest.h>

using namespace swarmfs;
using namespace swarmfs::node;

namespace {

constexpr Rate kKiB = 1024;
constexpr Rate kMiB = 1 << 20;
constexpr std::uint64_t kHourMs = 3'600'000;

constexpr unsigned kMon = 0;
constexpr unsigned kFri = 4;
constexpr unsigned kSat = 5;
constexpr unsigned kSun = 6;

unsigned at(unsigned hour, unsigned minute) {
    return hour * 60 + minute;
}

LimitRule rule(Rates standing, const std::vector<std::string>& entries) {
    LimitRule rule;
    rule.standing = standing;
    for (const std::string& text : entries) {
        rule.schedule.push_back(parse_schedule(text).value());
    }
    return rule;
}

// Central European time, spelled out so that no database of zones is needed. Alone in its process
// while it lasts: tests of this program run one after another.
class CentralEurope {
public:
    CentralEurope() {
        ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        ::tzset();
    }
    ~CentralEurope() {
        ::unsetenv("TZ");
        ::tzset();
    }
};

}  // namespace

TEST_CASE("rates are bytes a second, with a unit of 1024 and its powers") {
    CHECK(parse_rate("500k").value() == 500 * kKiB);
    CHECK(parse_rate("500K").value() == 500 * kKiB);
    CHECK(parse_rate("2M").value() == 2 * kMiB);
    CHECK(parse_rate("1.5M").value() == 3 * kMiB / 2);
    CHECK(parse_rate("1G").value() == 1024 * kMiB);
    CHECK(parse_rate("4096").value() == 4096);
    CHECK(parse_rate("none").value() == kNoLimit);
    for (const char* const wrong : {"", "0", "1023", "-1", "2MB", "2 M", "fast", "M", "65G", "1e6",
                                    "99999999999999999999", "1.M2", "0.9k"}) {
        INFO(wrong);
        const auto parsed = parse_rate(wrong);
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().code == Code::invalid);
        CHECK(parsed.error().message.find("500k") != std::string::npos);
    }
}

TEST_CASE("what is shown of a rate or a schedule is what the parser takes") {
    for (const Rate rate :
         {Rate{1024}, 500 * kKiB, 3 * kMiB / 2, 7 * kMiB, Rate{1'000'000}, kNoLimit}) {
        CHECK(parse_rate(to_text(rate)).value() == rate);
    }
    for (const char* const text :
         {"mon-fri 08:00-18:00 up=1M down=4M", "up=500k", "sat-sun down=none", "22:00-06:00 up=2M",
          "mon,wed,fri-sun 00:00-24:00 up=1k", "tue 12:30-12:31 down=1000000"}) {
        const auto entry = parse_schedule(text);
        REQUIRE(entry.ok());
        CHECK(parse_schedule(to_text(*entry)).value() == *entry);
    }
    CHECK(to_text(parse_schedule("mon-fri  08:00-18:00 down=4096k up=1M").value()) ==
          "mon-fri 08:00-18:00 up=1M down=4M");
    CHECK(to_text(parse_schedule("sun-tue up=1M").value()) == "mon-tue,sun up=1M");
}

TEST_CASE("what cannot be meant is refused, with an example of what can") {
    for (const char* const wrong :
         {"", "mon-fri", "08:00-18:00", "mon-fri 8:00-18:00 up=1M", "25:00-26:00 up=1M",
          "08:00-08:00 up=1M", "08:60-09:00 up=1M", "08:00 up=1M", "monday up=1M", "mon-xyz up=1M",
          "mon- up=1M", "up=", "up=fast", "sideways=1M", "24:00-06:00 up=1M"}) {
        INFO(wrong);
        const auto parsed = parse_schedule(wrong);
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().code == Code::invalid);
    }
}

TEST_CASE("a schedule holds on its days at its times, and the standing rates at all others") {
    const LimitRule office = rule({8 * kMiB, kNoLimit}, {"mon-fri 08:00-18:00 up=1M down=4M"});
    CHECK(office.at({kMon, at(8, 0)}) == Rates{1 * kMiB, 4 * kMiB});
    CHECK(office.at({kFri, at(17, 59)}) == Rates{1 * kMiB, 4 * kMiB});
    CHECK(office.at({kFri, at(18, 0)}) == Rates{8 * kMiB, kNoLimit});
    CHECK(office.at({kMon, at(7, 59)}) == Rates{8 * kMiB, kNoLimit});
    CHECK(office.at({kSat, at(12, 0)}) == Rates{8 * kMiB, kNoLimit});
}

TEST_CASE("a time that ends on the next day belongs to the day on which it begins") {
    const LimitRule night = rule({1 * kMiB, kNoLimit}, {"fri 22:00-06:00 up=none"});
    CHECK(night.at({kFri, at(21, 59)}).up == 1 * kMiB);
    CHECK(night.at({kFri, at(22, 0)}).up == kNoLimit);
    CHECK(night.at({kSat, at(5, 59)}).up == kNoLimit);
    CHECK(night.at({kSat, at(6, 0)}).up == 1 * kMiB);
    CHECK(night.at({kFri, at(3, 0)}).up == 1 * kMiB);
    const LimitRule sunday = rule({}, {"sun 22:00-06:00 down=1M"});
    CHECK(sunday.at({kMon, at(3, 0)}).down == 1 * kMiB);
}

TEST_CASE("the first entry that names a direction decides for it") {
    const LimitRule both =
        rule({kNoLimit, kNoLimit}, {"12:00-13:00 up=none", "mon-fri up=1M down=2M"});
    CHECK(both.at({kMon, at(12, 30)}) == Rates{kNoLimit, 2 * kMiB});
    CHECK(both.at({kMon, at(13, 0)}) == Rates{1 * kMiB, 2 * kMiB});
    CHECK(both.at({kSun, at(12, 30)}) == Rates{kNoLimit, kNoLimit});
}

TEST_CASE("time is told as on the wall, also where clocks are put forward and back") {
    const CentralEurope zone;
    // Sunday, 29 March 2026, 00:30 UTC: 01:30; half an hour later clocks go from 02:00 to 03:00.
    const std::uint64_t spring = 1'774'744'200'000;
    CHECK(local_time(spring) == LocalTime{kSun, at(1, 30)});
    CHECK(local_time(spring + kHourMs) == LocalTime{kSun, at(3, 30)});
    // Sunday, 25 October 2026, 00:30 UTC: 02:30, and at 03:00 clocks go back to 02:00.
    const std::uint64_t autumn = 1'792'888'200'000;
    CHECK(local_time(autumn) == LocalTime{kSun, at(2, 30)});
    CHECK(local_time(autumn + kHourMs) == LocalTime{kSun, at(2, 30)});
    CHECK(local_time(autumn + 2 * kHourMs) == LocalTime{kSun, at(3, 30)});

    const LimitRule gap = rule({}, {"02:00-03:00 up=1M", "08:00-18:00 down=4M"});
    int limited = 0;
    for (std::uint64_t minute = 0; minute < 23 * 60; ++minute) {  // that Sunday has 23 hours
        limited +=
            gap.at(local_time(spring - 90 * 60'000 + minute * 60'000)).up != kNoLimit ? 1 : 0;
    }
    CHECK(limited == 0);
    limited = 0;
    int office = 0;
    for (std::uint64_t minute = 0; minute < 25 * 60; ++minute) {  // and that one 25
        const Rates rates = gap.at(local_time(autumn - 150 * 60'000 + minute * 60'000));
        limited += rates.up != kNoLimit ? 1 : 0;
        office += rates.down != kNoLimit ? 1 : 0;
    }
    CHECK(limited == 120);
    CHECK(office == 600);  // ten hours by the clock on the wall
}

TEST_CASE("a rule is kept as it was set, and one that is damaged is no rule") {
    const LimitRule kept =
        rule({3 * kMiB, kNoLimit}, {"mon-fri 08:00-18:00 up=1M down=4M", "22:00-06:00 down=none"});
    const Bytes bytes = encode(kept);
    CHECK(decode_limit_rule(bytes) == kept);
    CHECK(decode_limit_rule(encode(LimitRule{})) == LimitRule{});
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        CHECK_FALSE(decode_limit_rule(ByteSpan(bytes).first(length)));
    }
    Bytes other = bytes;
    other[0] = 2;
    CHECK_FALSE(decode_limit_rule(other));
    Bytes slow = encode(LimitRule{});
    slow[8] = 0;  // a rate beyond all bounds
    CHECK_FALSE(decode_limit_rule(slow));
}
