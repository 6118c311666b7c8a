#include "engine/store/journal_files.hpp"

#include <algorithm>
#include <charconv>

namespace swarmfs::store {
namespace {

constexpr std::string_view kPrefix = "journal-";
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kDigits = 8;

}  // namespace

Path segment_path(const Path& folder, std::uint64_t number) {
    std::string digits = std::to_string(number);
    digits.insert(0, kDigits - std::min(digits.size(), kDigits), '0');
    return folder / (std::string(kPrefix) + digits + std::string(kSuffix));
}

std::optional<std::uint64_t> segment_number(std::string_view name) {
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) ||
        name.size() < kPrefix.size() + kSuffix.size()) {
        return std::nullopt;
    }
    name.remove_prefix(kPrefix.size());
    name.remove_suffix(kSuffix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    return error == std::errc() && end == name.data() + name.size() ? std::optional(number)
                                                                    : std::nullopt;
}

Path aside_path(Disk& disk, const Path& segment) {
    for (std::uint64_t n = 1;; ++n) {
        Path path = segment.string() + ".damaged-" + std::to_string(n);
        if (!disk.status(path).ok()) {
            return path;
        }
    }
}

}  // namespace swarmfs::store
