#pragma once
// What people say about limits: rates, and when other rates hold.
//
//   rate     = "none" | DIGITS ["." DIGITS] [k|M|G]      bytes a second; k is 1024
//   schedule = [days] [HH:MM-HH:MM] rates
//   days     = day | day-day, with commas between several; every day when left out
//   rates    = up=RATE, down=RATE, or both
//
// Rules:
//   1. Of a schedule's entries the first that covers the moment and names a direction decides for
//      it; where none does, the standing rate holds.
//   2. Days and times are those of a clock on the wall here. Where that is put forward, what it
//      leaves out does not come that day; where it is put back, what it shows twice comes twice.
//   3. A time that ends before it begins ends on the next day; the day named is the one it begins on.
// Pure, but for local_time(): it asks the machine's time zone.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/result.hpp"
#include "engine/swarm/throttle.hpp"

namespace swarmfs::node {

using swarm::kNoLimit;
using swarm::Rate;

struct Rates {
    Rate up = kNoLimit;
    Rate down = kNoLimit;
    bool operator==(const Rates&) const = default;
};

struct LocalTime {
    unsigned weekday = 0;  // 0 is Monday
    unsigned minute = 0;   // of the day
    bool operator==(const LocalTime&) const = default;
};
// Thread: any.
LocalTime local_time(std::uint64_t wall_ms);

struct ScheduleEntry {
    static constexpr std::uint8_t kEveryDay = 0x7F;
    static constexpr std::uint16_t kDayMinutes = 24 * 60;

    std::uint8_t days = kEveryDay;   // bit i: weekday i
    std::uint16_t from = 0;          // minute of the day
    std::uint16_t to = kDayMinutes;  // the first that is not covered; rule 3
    std::optional<Rate> up;
    std::optional<Rate> down;
    bool operator==(const ScheduleEntry&) const = default;

    bool covers(LocalTime now) const;
};

// What is set for the node, a swarm, or a peer of it.
struct LimitRule {
    // Chosen by us: a week has 168 hours.
    static constexpr std::size_t kEntriesMax = 200;

    Rates standing;
    std::vector<ScheduleEntry> schedule;
    bool operator==(const LimitRule&) const = default;

    bool empty() const { return *this == LimitRule{}; }
    Rates at(LocalTime now) const;  // rule 1
};

// Errors: invalid, saying what a rate or an entry looks like.
Result<Rate> parse_rate(const std::string& text);
Result<ScheduleEntry> parse_schedule(const std::string& text);
// What the parsers take for the same.
std::string to_text(Rate rate);
std::string to_text(const ScheduleEntry& entry);

// version:u8(1) up:u64 down:u64 count:u8 (days:u8 from:u16 to:u16 named:u8 up:u64 down:u64)*
//   named: bit 0 up, bit 1 down. No limit is all ones.
Bytes encode(const LimitRule& rule);
std::optional<LimitRule> decode_limit_rule(ByteSpan bytes);

}  // namespace swarmfs::node
