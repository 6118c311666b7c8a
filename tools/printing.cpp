#include "tools/printing.hpp"

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "engine/core/log.hpp"
#include "engine/core/utf8.hpp"

namespace swarmfs::tools {
namespace {

// Characters a terminal shows; good enough for alignment without a table of wide ones.
std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        text.remove_prefix(decode_utf8(text).length);
        ++width;
    }
    return width;
}

std::string padded(const std::string& cell, std::size_t width, bool right) {
    const std::string space(width - std::min(width, width_of(cell)), ' ');
    return right ? space + cell : cell + space;
}

constexpr std::size_t kBarCells = 24;

std::string bar_of(std::uint64_t at, std::uint64_t total) {
    const std::size_t full = total == 0 ? kBarCells : std::min(kBarCells, kBarCells * at / total);
    std::string bar;
    for (std::size_t i = 0; i < kBarCells; ++i) {
        bar += i < full ? "█" : "░";
    }
    return bar;
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
    const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(units)) {
        value /= 1024;
        ++unit;
    }
    char text[32];
    std::snprintf(text, sizeof(text), unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value,
                  units[unit]);
    return text;
}

std::string human_rate(std::uint64_t bytes_a_second) {
    return human_bytes(bytes_a_second) + "/s";
}

std::string human_count(std::uint64_t count, const char* noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string human_duration(std::uint64_t ms) {
    const std::uint64_t seconds = ms / 1000;
    if (seconds < 60) {
        return std::to_string(seconds) + " s";
    }
    if (seconds < 3600) {
        return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
    }
    if (seconds < 86'400) {
        return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
    }
    return std::to_string(seconds / 86'400) + " d " + std::to_string(seconds / 3600 % 24) + " h";
}

std::string human_time(std::int64_t ns_since_1970) {
    const std::time_t seconds = ns_since_1970 / 1'000'000'000;
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &parts);
    return text;
}

void Table::print() const {
    std::vector<std::size_t> widths(rows_[0].size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    }
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const bool right = std::find(right_.begin(), right_.end(), i) != right_.end();
            line += padded(row[i], widths[i], right) + (i + 1 < row.size() ? "  " : "");
        }
        line.erase(line.find_last_not_of(' ') + 1);
        std::printf("%s\n", line.c_str());
    }
}

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
    if (drawn_) {
        std::fputs("\r\033[K", stderr);
    }
}

void ProgressLine::bar(std::uint64_t at, std::uint64_t total, const std::string& after) {
    const std::uint64_t percent = total == 0 ? 100 : at * 100 / total;
    draw(bar_of(at, total) + " " + std::to_string(percent) + " %  " + after);
}

void ProgressLine::text(const std::string& line) {
    draw(line);
}

void ProgressLine::draw(const std::string& line) {
    if (!terminal_) {
        return;
    }
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
    drawn_ = true;
}

void print_json(const nlohmann::json& value) {
    std::printf("%s\n",
                value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

// Of the words errors have, "there is no such thing to ask for" is the one for usage.
Error usage_error(std::string message) {
    return caller_error(Code::unsupported, std::move(message));
}

int exit_code_of(const Error& error) {
    switch (error.code) {
        case Code::invalid:
        case Code::exists:
        case Code::not_found:
        case Code::not_directory:
        case Code::is_directory:
        case Code::not_empty:
        case Code::name_too_long:
        case Code::too_large:
        case Code::corrupt: return EX_DATAERR;
        case Code::unsupported: return EX_USAGE;
        case Code::permission:
        case Code::read_only: return EX_NOPERM;
        case Code::no_space:
        case Code::io: return EX_IOERR;
        case Code::unavailable:
        case Code::protocol: return EX_UNAVAILABLE;
        case Code::timed_out:
        case Code::cancelled:
        case Code::busy:
        case Code::try_again: return EX_TEMPFAIL;
        case Code::configuration: return EX_CONFIG;
    }
    return EX_SOFTWARE;
}

int report(const Error& error) {
    std::fprintf(stderr, "swarmfs: %s\n", printable(error.message).c_str());
    return exit_code_of(error);
}

}  // namespace swarmfs::tools
