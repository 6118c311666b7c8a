#include "engine/node/rate_rules.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <sstream>

#include "engine/core/wire.hpp"

namespace swarmfs::node {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::array<const char*, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

struct Unit {
    char letter;
    std::uint64_t bytes;
};
constexpr std::array kUnits = {Unit{'G', 1ULL << 30}, Unit{'M', 1ULL << 20}, Unit{'k', 1ULL << 10}};

Error no_rate(const std::string& text) {
    return caller_error(Code::invalid,
                        "\"" + text +
                            "\" is no rate; write bytes a second such as 500k, 2M or "
                            "1.5M (k is 1024), from 1k to 64G, or none");
}

Error no_entry(const std::string& text, const std::string& why) {
    return caller_error(Code::invalid,
                        "\"" + text + "\" is no schedule (" + why +
                            "); write for example: mon-fri 08:00-18:00 up=1M down=4M");
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::optional<unsigned> day_of(const std::string& text) {
    const auto found = std::find(kDays.begin(), kDays.end(), text);
    return found == kDays.end() ? std::nullopt
                                : std::optional(static_cast<unsigned>(found - kDays.begin()));
}

// "mon-fri,sun"
std::optional<std::uint8_t> parse_days(const std::string& text) {
    unsigned days = 0;
    std::stringstream list(text);
    for (std::string part; std::getline(list, part, ',');) {
        const std::size_t dash = part.find('-');
        const auto first = day_of(part.substr(0, dash));
        const auto last = dash == std::string::npos ? first : day_of(part.substr(dash + 1));
        if (!first || !last) {
            return std::nullopt;
        }
        for (unsigned day = *first;; day = (day + 1) % 7) {
            days |= 1U << day;
            if (day == *last) {
                break;
            }
        }
    }
    return days == 0 ? std::nullopt : std::optional(static_cast<std::uint8_t>(days));
}

// "08:00", up to "24:00"
std::optional<std::uint16_t> parse_time(const std::string& text) {
    const bool shaped = text.size() == 5 && text[2] == ':' && is_digit(text[0]) &&
                        is_digit(text[1]) && is_digit(text[3]) && is_digit(text[4]);
    if (!shaped) {
        return std::nullopt;
    }
    const int hour = (text[0] - '0') * 10 + text[1] - '0';
    const int minute = (text[3] - '0') * 10 + text[4] - '0';
    const int minutes = hour * 60 + minute;
    return minute > 59 || minutes > ScheduleEntry::kDayMinutes
               ? std::nullopt
               : std::optional(static_cast<std::uint16_t>(minutes));
}

Result<> apply_word(const std::string& word, const std::string& text, ScheduleEntry& entry) {
    const bool up = word.starts_with("up=");
    if (up || word.starts_with("down=")) {
        SWARM_TRY(const Rate rate, parse_rate(word.substr(word.find('=') + 1)));
        (up ? entry.up : entry.down) = rate;
        return done();
    }
    if (is_digit(word[0])) {
        const std::size_t dash = word.find('-');
        const auto from = parse_time(word.substr(0, dash));
        const auto to =
            dash == std::string::npos ? std::nullopt : parse_time(word.substr(dash + 1));
        if (!from || !to || *from == *to || *from == ScheduleEntry::kDayMinutes) {
            return no_entry(text, "\"" + word + "\" is no time of the day");
        }
        entry.from = *from;
        entry.to = *to;
        return done();
    }
    const auto days = parse_days(word);
    if (!days) {
        return no_entry(text, "\"" + word + "\" is neither days nor a time nor a rate");
    }
    entry.days = *days;
    return done();
}

std::string days_text(std::uint8_t days) {
    std::string text;
    for (unsigned day = 0; day < 7;) {
        if ((days >> day & 1) == 0) {
            ++day;
            continue;
        }
        unsigned last = day;
        while (last < 6 && (days >> (last + 1) & 1) != 0) {
            ++last;
        }
        text += (text.empty() ? "" : ",") + std::string(kDays[day]);
        text += last == day ? "" : "-" + std::string(kDays[last]);
        day = last + 1;
    }
    return text;
}

bool is_rate(Rate rate) {
    return rate == kNoLimit || (rate >= swarm::kRateMin && rate <= swarm::kRateMax);
}

}  // namespace

LocalTime local_time(std::uint64_t wall_ms) {
    const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return {static_cast<unsigned>(parts.tm_wday + 6) % 7,
            static_cast<unsigned>(parts.tm_hour * 60 + parts.tm_min)};
}

bool ScheduleEntry::covers(LocalTime now) const {
    const bool begins_today = (days >> now.weekday & 1) != 0;
    if (from < to) {
        return begins_today && now.minute >= from && now.minute < to;
    }
    const bool began_yesterday = (days >> ((now.weekday + 6) % 7) & 1) != 0;
    return (begins_today && now.minute >= from) || (began_yesterday && now.minute < to);
}

Rates LimitRule::at(LocalTime now) const {
    Rates rates = standing;
    bool up_is_said = false;
    bool down_is_said = false;
    for (const ScheduleEntry& entry : schedule) {
        if (!entry.covers(now)) {
            continue;
        }
        if (entry.up && !up_is_said) {
            rates.up = *entry.up;
            up_is_said = true;
        }
        if (entry.down && !down_is_said) {
            rates.down = *entry.down;
            down_is_said = true;
        }
    }
    return rates;
}

// ---- text ----

Result<Rate> parse_rate(const std::string& text) {
    if (text == "none") {
        return kNoLimit;
    }
    std::size_t at = 0;
    std::uint64_t whole = 0;
    while (at < text.size() && at < 12 && is_digit(text[at])) {
        whole = whole * 10 + static_cast<std::uint64_t>(text[at++] - '0');
    }
    if (at == 0) {
        return no_rate(text);
    }
    std::uint64_t fraction = 0;  // thousandths
    if (at < text.size() && text[at] == '.') {
        std::uint64_t place = 100;
        for (++at; at < text.size() && is_digit(text[at]); ++at, place /= 10) {
            fraction += static_cast<std::uint64_t>(text[at] - '0') * place;
        }
    }
    std::uint64_t unit = 1;
    for (const Unit& one : kUnits) {
        const char upper = one.letter == 'k' ? 'K' : one.letter;
        if (at + 1 == text.size() && (text[at] == one.letter || text[at] == upper)) {
            unit = one.bytes;
            ++at;
        }
    }
    if (at != text.size() || whole > swarm::kRateMax / unit) {
        return no_rate(text);
    }
    const Rate rate = whole * unit + fraction * unit / 1000;
    return is_rate(rate) ? Result<Rate>(rate) : no_rate(text);
}

Result<ScheduleEntry> parse_schedule(const std::string& text) {
    ScheduleEntry entry;
    std::stringstream words(text);
    for (std::string word; words >> word;) {
        SWARM_CHECK(apply_word(word, text, entry));
    }
    if (!entry.up && !entry.down) {
        return no_entry(text, "it names no rate");
    }
    return entry;
}

std::string to_text(Rate rate) {
    if (rate == kNoLimit) {
        return "none";
    }
    for (const Unit& unit : kUnits) {
        if (rate >= unit.bytes && rate % unit.bytes == 0) {
            return std::to_string(rate / unit.bytes) + unit.letter;
        }
    }
    return std::to_string(rate);
}

std::string to_text(const ScheduleEntry& entry) {
    std::string text = entry.days == ScheduleEntry::kEveryDay ? "" : days_text(entry.days) + " ";
    if (entry.from != 0 || entry.to != ScheduleEntry::kDayMinutes) {
        char times[32];
        std::snprintf(times, sizeof(times), "%02u:%02u-%02u:%02u ", entry.from / 60U,
                      entry.from % 60U, entry.to / 60U, entry.to % 60U);
        text += times;
    }
    text += entry.up ? "up=" + to_text(*entry.up) : "";
    text += entry.up && entry.down ? " " : "";
    return text + (entry.down ? "down=" + to_text(*entry.down) : "");
}

// ---- bytes ----

Bytes encode(const LimitRule& rule) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kVersion);
    out.u64(rule.standing.up);
    out.u64(rule.standing.down);
    out.u8(static_cast<std::uint8_t>(rule.schedule.size()));
    for (const ScheduleEntry& entry : rule.schedule) {
        out.u8(entry.days);
        out.u16(entry.from);
        out.u16(entry.to);
        out.u8(static_cast<std::uint8_t>((entry.up ? 1 : 0) | (entry.down ? 2 : 0)));
        out.u64(entry.up.value_or(kNoLimit));
        out.u64(entry.down.value_or(kNoLimit));
    }
    return bytes;
}

std::optional<LimitRule> decode_limit_rule(ByteSpan bytes) {
    WireReader in(bytes);
    LimitRule rule;
    const std::uint8_t version = in.u8();
    rule.standing.up = in.u64();
    rule.standing.down = in.u64();
    bool right = version == kVersion && is_rate(rule.standing.up) && is_rate(rule.standing.down);
    const std::size_t count = in.u8();
    while (rule.schedule.size() < count && in.remaining() > 0) {
        ScheduleEntry entry;
        entry.days = in.u8();
        entry.from = in.u16();
        entry.to = in.u16();
        const std::uint8_t named = in.u8();
        const Rate up = in.u64();
        const Rate down = in.u64();
        entry.up = (named & 1) != 0 ? std::optional(up) : std::nullopt;
        entry.down = (named & 2) != 0 ? std::optional(down) : std::nullopt;
        right = right && is_rate(up) && is_rate(down) && entry.from < ScheduleEntry::kDayMinutes &&
                entry.to <= ScheduleEntry::kDayMinutes;
        rule.schedule.push_back(entry);
    }
    right = right && rule.schedule.size() == count;
    return in.finished() && right ? std::optional(rule) : std::nullopt;
}

}  // namespace swarmfs::node
