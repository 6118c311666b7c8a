#include "tracker/settings.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include <toml++/toml.h>

namespace swarmfs::tracker {
namespace {

// Every key there is: its name in the file, and in upper case behind SWARMFS_TRACKER_ in the
// environment.
struct TextKey {
    const char* name;
    std::string Settings::*member;
};
struct NumberKey {
    const char* name;
    std::uint64_t Settings::*member;
    std::uint64_t min;
    std::uint64_t max;
};
constexpr std::array kTextKeys = {
    TextKey{"listen", &Settings::listen},
    TextKey{"data", &Settings::data},
    TextKey{"log_level", &Settings::log_level},
};
constexpr std::array kNumberKeys = {
    NumberKey{"threads", &Settings::threads, 1, 256},
    NumberKey{"connections_max", &Settings::connections_max, 16, 1'000'000},
    NumberKey{"connections_per_address_max", &Settings::connections_per_address_max, 1, 1'000'000},
    NumberKey{"peers_max", &Settings::peers_max, 1, 100'000'000},
    NumberKey{"peers_per_swarm_max", &Settings::peers_per_swarm_max, 1, 100'000'000},
    NumberKey{"peers_per_address_max", &Settings::peers_per_address_max, 1, 100'000'000},
    NumberKey{"contents_max", &Settings::contents_max, 1, 100'000'000},
    NumberKey{"storage_max_mib", &Settings::storage_max_mib, 64, 1 << 20},
};

Error bad(const std::string& where, const std::string& what) {
    return caller_error(Code::configuration, where + ": " + what);
}

std::string range_of(const NumberKey& key) {
    return std::string(key.name) + " must be a number from " + std::to_string(key.min) + " to " +
           std::to_string(key.max);
}

std::string environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::string() : std::string(value);
}

Result<> apply_key(const std::string& where, const std::string& name, const toml::node& value,
                   Settings& settings) {
    for (const TextKey& key : kTextKeys) {
        if (name == key.name) {
            const auto text = value.value<std::string>();
            if (!value.is_string() || text->empty()) {
                return bad(where, name + " must be a string");
            }
            settings.*key.member = *text;
            return done();
        }
    }
    for (const NumberKey& key : kNumberKeys) {
        if (name == key.name) {
            const auto number = value.value<std::int64_t>();
            if (!value.is_integer() || *number < 0 ||
                static_cast<std::uint64_t>(*number) < key.min ||
                static_cast<std::uint64_t>(*number) > key.max) {
                return bad(where, range_of(key));
            }
            settings.*key.member = static_cast<std::uint64_t>(*number);
            return done();
        }
    }
    return bad(where, "unknown key \"" + name + "\"; known: " + known_keys());
}

Result<> apply_file(const std::string& file, Settings& settings) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(file, failed)) {
        return bad(file, "this configuration file cannot be read");
    }
    try {
        const toml::table table = toml::parse_file(file);
        for (const auto& [key, value] : table) {
            const std::string where = file + ", line " + std::to_string(value.source().begin.line);
            SWARM_CHECK(apply_key(where, std::string(key.str()), value, settings));
        }
    } catch (const toml::parse_error& error) {
        return bad(file + ", line " + std::to_string(error.source().begin.line),
                   std::string(error.description()));
    }
    return done();
}

std::string variable_of(const char* name) {
    std::string variable = "SWARMFS_TRACKER_";
    for (const char* c = name; *c != '\0'; ++c) {
        variable += *c >= 'a' && *c <= 'z' ? static_cast<char>(*c - 'a' + 'A') : *c;
    }
    return variable;
}

Result<> apply_environment(Settings& settings) {
    for (const TextKey& key : kTextKeys) {
        if (std::string value = environment(variable_of(key.name)); !value.empty()) {
            settings.*key.member = std::move(value);
        }
    }
    for (const NumberKey& key : kNumberKeys) {
        const std::string variable = variable_of(key.name);
        const std::string text = environment(variable);
        if (text.empty()) {
            continue;
        }
        std::uint64_t number = 0;
        const char* const end = text.data() + text.size();
        const auto [stopped, failed] = std::from_chars(text.data(), end, number);
        if (failed != std::errc() || stopped != end || number < key.min || number > key.max) {
            return bad(variable, range_of(key));
        }
        settings.*key.member = number;
    }
    return done();
}

}  // namespace

std::string known_keys() {
    std::string names;
    for (const TextKey& key : kTextKeys) {
        names += std::string(names.empty() ? "" : ", ") + key.name;
    }
    for (const NumberKey& key : kNumberKeys) {
        names += std::string(", ") + key.name;
    }
    return names;
}

std::string default_data() {
    if (::geteuid() == 0) {
        return "/var/lib/swarmfs-tracker";
    }
    if (const std::string data = environment("XDG_DATA_HOME"); !data.empty()) {
        return data + "/swarmfs-tracker";
    }
    return environment("HOME") + "/.local/share/swarmfs-tracker";
}

Result<Settings> load_settings(const SettingsOverrides& overrides) {
    Settings settings;
    settings.data = default_data();
    const std::string file =
        overrides.config.empty() ? environment("SWARMFS_TRACKER_CONFIG") : overrides.config;
    if (!file.empty()) {
        SWARM_CHECK(apply_file(file, settings));
    }
    SWARM_CHECK(apply_environment(settings));
    if (!overrides.listen.empty()) {
        settings.listen = overrides.listen;
    }
    if (!overrides.data.empty()) {
        settings.data = overrides.data;
    }
    if (settings.log_level != "debug" && settings.log_level != "info" &&
        settings.log_level != "warning" && settings.log_level != "error") {
        return bad("log_level", "must be debug, info, warning or error");
    }
    return settings;
}

}  // namespace swarmfs::tracker
