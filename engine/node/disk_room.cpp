#include "engine/node/disk_room.hpp"

#include <sys/statvfs.h>

#include <charconv>
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

Result<MinFree> parse_min_free(std::string_view text) {
    const Error wrong =
        caller_error(Code::configuration,
                     "must be bytes such as \"10 GiB\" (KiB, MiB, GiB, TiB), or a part of "
                     "the disk such as \"10 %\"");
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{}) {
        return wrong;
    }
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    while (!unit.empty() && unit.front() == ' ') {
        unit.remove_prefix(1);
    }
    if (unit == "%") {
        return number <= 100 ? Result<MinFree>(MinFree{0, static_cast<std::uint32_t>(number)})
                             : wrong;
    }
    constexpr std::pair<std::string_view, unsigned> kUnits[] = {
        {"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    for (const auto& [name, shift] : kUnits) {
        if (unit == name && number <= (~std::uint64_t{0} >> 1 >> shift)) {
            return MinFree{number << shift, 0};
        }
    }
    return wrong;
}

}  // namespace swarmfs::node
