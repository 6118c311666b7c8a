#include "fs/mount_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <nlohmann/json.hpp>

#include "engine/core/log.hpp"

namespace swarmfs::fs {
namespace {

using nlohmann::json;

// mount(8) passes on words that are for itself or that hold for every FUSE mount anyway.
constexpr std::array kOthers = {"rw",
                                "defaults",
                                "auto",
                                "noauto",
                                "user",
                                "nouser",
                                "users",
                                "owner",
                                "group",
                                "nofail",
                                "_netdev",
                                "nosuid",
                                "nodev",
                                "noatime",
                                "relatime",
                                "nodiratime",
                                "async",
                                "exec",
                                "default_permissions"};

Error bad(const std::string& option, const std::string& why) {
    return caller_error(Code::invalid, "mount option \"" + printable(option) + "\": " + why);
}

Result<std::uint64_t> number_of(const std::string& option, std::string_view text, int base,
                                std::uint64_t most) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number, base);
    if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end || number > most) {
        return bad(option, "expects " + std::string(base == 8 ? "an octal" : "a") +
                               " number up to " + std::to_string(most));
    }
    return number;
}

Result<Duration> time_of(const std::string& option, std::string_view text) {
    struct Unit {
        std::string_view suffix;
        std::chrono::milliseconds length;
    };
    // "ms" before "s" and "m": the first that fits is taken.
    constexpr std::array<Unit, 4> kUnits = {{{"ms", std::chrono::milliseconds(1)},
                                             {"s", std::chrono::seconds(1)},
                                             {"m", std::chrono::minutes(1)},
                                             {"h", std::chrono::hours(1)}}};
    std::chrono::milliseconds unit = std::chrono::seconds(1);
    for (const Unit& known : kUnits) {
        if (text.size() > known.suffix.size() &&
            text.substr(text.size() - known.suffix.size()) == known.suffix) {
            unit = known.length;
            text.remove_suffix(known.suffix.size());
            break;
        }
    }
    constexpr std::uint64_t kMost = 1'000'000;  // more is "for ever", which is written 0
    SWARM_TRY(const std::uint64_t count, number_of(option, text, 10, kMost));
    return Duration(unit * static_cast<std::int64_t>(count));
}

bool is_mounts_own(const std::string& option) {
    return option.rfind("x-", 0) == 0 ||
           std::find(kOthers.begin(), kOthers.end(), option) != kOthers.end();
}

Result<> take_flag(const std::string& option, const json& value, bool& flag) {
    if (value != true) {
        return bad(option, "takes no value");
    }
    flag = true;
    return done();
}

Result<> take(MountOptions& options, const std::string& option, const json& value) {
    if (option == "ro") {
        return take_flag(option, value, options.read_only);
    }
    if (option == "allow_other") {
        return take_flag(option, value, options.allow_other);
    }
    if (option == "nonempty") {
        return take_flag(option, value, options.nonempty);
    }
    if (is_mounts_own(option)) {
        return done();
    }
    const bool known = option == "uid" || option == "gid" || option == "umask" ||
                       option == "read_timeout" || option == "entry_timeout";
    if (!known) {
        return bad(option,
                   "unknown; known are ro, allow_other, default_permissions, uid=, gid=, umask=, "
                   "read_timeout=, entry_timeout=, nonempty");
    }
    if (!value.is_string()) {
        return bad(option, "needs a value: " + option + "=…");
    }
    const std::string& text = value.get_ref<const std::string&>();
    if (option == "read_timeout") {
        SWARM_TRY(options.files.read_timeout, time_of(option, text));
        return done();
    }
    if (option == "entry_timeout") {
        SWARM_TRY(options.files.cache_time, time_of(option, text));
        return done();
    }
    constexpr std::uint64_t kIdMax = std::numeric_limits<std::uint32_t>::max() - 1;
    const bool octal = option == "umask";
    SWARM_TRY(const std::uint64_t number,
              number_of(option, text, octal ? 8 : 10, octal ? 0777 : kIdMax));
    const auto small = static_cast<std::uint32_t>(number);
    (octal ? options.files.umask : option == "uid" ? options.files.uid : options.files.gid) = small;
    return done();
}

}  // namespace

Result<MountOptions> parse_mount_options(const json& given, MountOptions defaults) {
    MountOptions options = defaults;
    if (given.is_null()) {
        return options;
    }
    if (!given.is_object()) {
        return caller_error(Code::invalid, "mount options are an object of names and values");
    }
    for (const auto& [option, value] : given.items()) {
        SWARM_CHECK(take(options, option, value));
    }
    return options;
}

}  // namespace swarmfs::fs
