#include "engine/node/disk_room.hpp"

#include <sys/statvfs.h>

#include <charconv>
#include <optional>
#include <utility>

namespace swarmfs::node {

Room room_at(const std::string& path) {
    struct statvfs disk {};
    if (::statvfs(path.c_str(), &disk) != 0) {
        return {};
    }
    return {std::uint64_t{disk.f_bavail} * disk.f_frsize,
            std::uint64_t{disk.f_blocks} * disk.f_frsize};
}

namespace {

// Nothing, when it is none.
std::optional<std::uint64_t> bytes_in(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{}) {
        return std::nullopt;
    }
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    while (!unit.empty() && unit.front() == ' ') {
        unit.remove_prefix(1);
    }
    constexpr std::pair<std::string_view, unsigned> kUnits[] = {
        {"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    for (const auto& [name, shift] : kUnits) {
        if (unit == name && number <= (~std::uint64_t{0} >> 1 >> shift)) {
            return number << shift;
        }
    }
    return std::nullopt;
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
    if (const auto bytes = bytes_in(text)) {
        return *bytes;
    }
    return caller_error(Code::configuration,
                        "must be bytes such as \"10 GiB\" (KiB, MiB, GiB, TiB)");
}

Result<MinFree> parse_min_free(std::string_view text) {
    if (const auto bytes = bytes_in(text)) {
        return MinFree{*bytes, 0};
    }
    std::uint32_t percent = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), percent);
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    while (!unit.empty() && unit.front() == ' ') {
        unit.remove_prefix(1);
    }
    if (failed == std::errc{} && unit == "%" && percent <= 100) {
        return MinFree{0, percent};
    }
    return caller_error(Code::configuration,
                        "must be bytes such as \"10 GiB\" (KiB, MiB, GiB, TiB), or a part of "
                        "the disk such as \"10 %\"");
}

}  // namespace swarmfs::node
