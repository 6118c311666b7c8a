#include "engine/catalog/merge.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace swarmfs::catalog {
namespace {

constexpr std::string_view kMark = ".conflict-";
constexpr std::size_t kStampBytes = 16;
constexpr std::size_t kAuthorDigits = 8;
constexpr std::size_t kMarkAndStampBytes = 10 + kStampBytes + 1 + kAuthorDigits;
static_assert(kConflictStemBytesMax + kMarkAndStampBytes + 5 == kNameBytesMax);

bool says_the_same(const Entry& left, const Entry& right) {
    return left.kind == right.kind && left.content == right.content && left.target == right.target;
}

std::string_view cut(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) {
        return text;
    }
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80) {
        --end;
    }
    return text.substr(0, end);
}

bool is_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_conflict_name(std::string_view name) {
    if (name.size() <= kMarkAndStampBytes) {
        return false;
    }
    const std::string_view tail = name.substr(name.size() - kMarkAndStampBytes);
    return tail.starts_with(kMark) && is_digits(tail.substr(10, 8)) && tail[18] == 'T' &&
           is_digits(tail.substr(19, 6)) && tail[25] == 'Z' && tail[26] == '-' &&
           is_lower_hex(tail.substr(27));
}

}  // namespace

bool later(const Version& left, const Version& right) {
    return std::tie(left.entry.clock, left.dot.author, left.dot.sequence) >
           std::tie(right.entry.clock, right.dot.author, right.dot.sequence);
}

Decision decide(std::span<const Version> heads, bool has_children) {
    std::vector<std::size_t> directories;
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < heads.size(); ++i) {
        if (heads[i].entry.kind == EntryKind::directory) {
            directories.push_back(i);
        } else if (heads[i].entry.kind != EntryKind::deleted) {
            others.push_back(i);
        }
    }
    const auto best_first = [&](std::size_t left, std::size_t right) {
        return later(heads[left], heads[right]);
    };
    std::sort(directories.begin(), directories.end(), best_first);
    std::sort(others.begin(), others.end(), best_first);

    Decision decision;
    std::vector<std::size_t> seen;  // what is shown, for rule 5
    if (!directories.empty()) {
        decision.shows = Shows::version;
        decision.winner = directories.front();
    } else if (has_children) {
        decision.shows = Shows::implicit_directory;
    } else if (!others.empty()) {
        decision.shows = Shows::version;
        decision.winner = others.front();
        seen.push_back(others.front());
    }
    for (const std::size_t other : others) {
        const bool twin = std::any_of(seen.begin(), seen.end(), [&](std::size_t shown) {
            return says_the_same(heads[shown].entry, heads[other].entry);
        });
        if (!twin) {
            seen.push_back(other);
            decision.beside.push_back(other);
        }
    }
    return decision;
}

std::string conflict_name(std::string_view name, HybridTime clock, const AuthorId& author) {
    std::string result(cut(name, kConflictStemBytesMax));
    result += kMark;
    result += utc_stamp(wall_ms_of(clock));
    result += '-';
    result += author.node.short_hex();
    return result;
}

std::string numbered(const std::string& conflict_name, unsigned number) {
    SWARM_ASSERT(number >= 1 && number <= kConflictNumberMax);
    return number == 1 ? conflict_name : conflict_name + "-" + std::to_string(number);
}

std::optional<std::string> as_conflict_name(std::string_view name) {
    if (is_conflict_name(name)) {
        return std::string(name);
    }
    const std::size_t dash = name.rfind('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view number = name.substr(dash + 1);
    const bool is_number = number.size() <= 4 && is_digits(number) && number[0] != '0' &&
                           number != "1" && is_conflict_name(name.substr(0, dash));
    return is_number ? std::optional(std::string(name.substr(0, dash))) : std::nullopt;
}

std::string utc_stamp(std::uint64_t wall_ms) {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil_from_days.
    constexpr std::uint64_t kLastMs = 253'402'300'799'000;  // 9999-12-31T23:59:59Z
    const std::uint64_t seconds = std::min(wall_ms, kLastMs) / 1000;
    const std::uint64_t days = seconds / 86'400 + 719'468;
    const std::uint64_t era = days / 146'097;
    const std::uint64_t of_era = days % 146'097;
    const std::uint64_t year_of_era =
        (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
    const std::uint64_t of_year =
        of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::uint64_t shifted_month = (5 * of_year + 2) / 153;
    const std::uint64_t day = of_year - (153 * shifted_month + 2) / 5 + 1;
    const std::uint64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    const std::uint64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    char text[40];
    std::snprintf(text, sizeof(text), "%04u%02u%02uT%02u%02u%02uZ", static_cast<unsigned>(year),
                  static_cast<unsigned>(month), static_cast<unsigned>(day),
                  static_cast<unsigned>(seconds / 3600 % 24),
                  static_cast<unsigned>(seconds / 60 % 60), static_cast<unsigned>(seconds % 60));
    return text;
}

}  // namespace swarmfs::catalog
