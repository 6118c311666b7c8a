#include "engine/node/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <toml++/toml.h>

#include "engine/transport/address.hpp"

namespace swarmfs::node {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

constexpr std::array kLogLevels = {"debug", "info", "warning", "error"};

// Errors: configuration; `where` is the variable, or the file and the line.
Result<> check_log_level(const std::string& where, const std::string& level) {
    if (std::find(kLogLevels.begin(), kLogLevels.end(), level) != kLogLevels.end()) {
        return done();
    }
    return caller_error(Code::configuration, where + ": log_level \"" + level +
                                                 "\" is none: debug, info, warning or error");
}

Result<> check_bootstrap(const std::string& where, const std::vector<std::string>& peers) {
    for (const std::string& peer : peers) {
        const auto address = transport::parse_address(peer);
        if (!address.ok() || address->port == 0) {
            return caller_error(Code::configuration,
                                where + ": bootstrap \"" + peer + "\" is no member's HOST:PORT" +
                                    (address.ok() ? "" : " (" + address.error().message + ")"));
        }
    }
    return done();
}

Error in_file(const std::string& file, const toml::source_region& where, const std::string& what) {
    return caller_error(Code::configuration,
                        file + ", line " + std::to_string(where.begin.line) + ": " + what);
}

Result<> read_string(const std::string& file, const std::string& key, const toml::node& value,
                     std::string& into) {
    const auto text = value.value<std::string>();
    if (!text) {
        return in_file(file, value.source(), key + " must be a string");
    }
    into = *text;
    return done();
}

Result<> read_strings(const std::string& file, const std::string& key, const toml::node& value,
                      std::vector<std::string>& into) {
    const toml::array* array = value.as_array();
    if (array == nullptr) {
        return in_file(file, value.source(), key + " must be a list of strings");
    }
    into.clear();
    for (const toml::node& item : *array) {
        std::string text;
        SWARM_CHECK(read_string(file, key, item, text));
        into.push_back(text);
    }
    return done();
}

Result<std::string> read_key_file(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    if (!in || !std::getline(in, line) || line.empty()) {
        return caller_error(Code::configuration,
                            "api_key_file " + path + " cannot be read, or its first line is empty");
    }
    return line;
}

Error unknown_key(const std::string& file, const std::string& key, const toml::node& value) {
    return in_file(
        file, value.source(),
        "unknown key \"" + key +
            "\"; known: listen, bootstrap, api_key_file, peers, read_timeout, replicate, "
            "replicate_min_free, replicate_grace, cache.max_bytes, cache.min_free, log_level");
}

Result<> apply_cache(const std::string& file, const std::string& key, const toml::node& value,
                     Settings& settings) {
    if (key != "cache.max_bytes" && key != "cache.min_free") {
        return unknown_key(file, key, value);
    }
    std::string text;
    SWARM_CHECK(read_string(file, key, value, text));
    const auto wrong = [&](const std::string& why) {
        return in_file(file, value.source(), key + " " + why);
    };
    if (key == "cache.min_free") {
        const auto parsed = parse_min_free(text);
        if (!parsed.ok()) {
            return wrong(parsed.error().message);
        }
        settings.cache.min_free = *parsed;
        return done();
    }
    const auto parsed = parse_bytes(text);
    if (!parsed.ok()) {
        return wrong(parsed.error().message);
    }
    if (*parsed < CacheLimits::kMaxBytesMin) {
        return wrong("must be \"4 MiB\" at least");
    }
    settings.cache.max_bytes = *parsed;
    return done();
}

Result<> apply_replication(const std::string& file, const std::string& key, const toml::node& value,
                           Settings& settings) {
    if (key == "replicate") {
        const auto takes = value.value_exact<bool>();
        if (!takes) {
            return in_file(file, value.source(), "replicate must be true or false");
        }
        settings.replicate = *takes;
        return done();
    }
    if (key == "replicate_min_free") {
        std::string text;
        SWARM_CHECK(read_string(file, key, value, text));
        const auto parsed = parse_min_free(text);
        if (!parsed.ok()) {
            return in_file(file, value.source(), key + " " + parsed.error().message);
        }
        settings.replicate_min_free = *parsed;
        return done();
    }
    if (key == "replicate_grace") {
        const auto seconds = value.value_exact<std::int64_t>();
        if (!seconds || *seconds < 0 || *seconds > 86'400) {
            return in_file(file, value.source(), "replicate_grace must be 0 to 86400 seconds");
        }
        settings.replicate_grace = std::chrono::seconds(*seconds);
        return done();
    }
    return unknown_key(file, key, value);
}

Result<> apply(const std::string& file, const std::string& key, const toml::node& value,
               Settings& settings) {
    const std::string where = file + ", line " + std::to_string(value.source().begin.line);
    if (key == "listen") {
        return read_string(file, key, value, settings.listen);
    }
    if (key == "log_level") {
        SWARM_CHECK(read_string(file, key, value, settings.log_level));
        return check_log_level(where, settings.log_level);
    }
    if (key == "bootstrap") {
        SWARM_CHECK(read_strings(file, key, value, settings.bootstrap));
        return check_bootstrap(where, settings.bootstrap);
    }
    if (key == "api_key_file") {
        std::string path;
        SWARM_CHECK(read_string(file, key, value, path));
        SWARM_TRY(settings.api_key, read_key_file(path));
        return done();
    }
    if (key == "read_timeout") {
        const auto seconds = value.value_exact<std::int64_t>();
        if (!seconds || *seconds < 0 || *seconds > 86'400) {
            return in_file(file, value.source(), "read_timeout must be 0 to 86400 seconds");
        }
        settings.read_timeout_ms = static_cast<std::uint64_t>(*seconds) * 1000;
        return done();
    }
    if (key == "peers") {
        const auto count = value.value_exact<std::int64_t>();
        if (!count || *count < 2 || *count > 1000) {
            return in_file(file, value.source(), "peers must be 2 to 1000");
        }
        settings.peers_max = static_cast<std::size_t>(*count);
        return done();
    }
    if (key == "cache" && value.is_table()) {
        for (const auto& [name, item] : *value.as_table()) {
            SWARM_CHECK(apply_cache(file, "cache." + std::string(name.str()), item, settings));
        }
        return done();
    }
    if (key.starts_with("replicate")) {
        return apply_replication(file, key, value, settings);
    }
    return unknown_key(file, key, value);
}

Result<> apply_file(const std::string& file, Settings& settings) {
    std::error_code unseen;  // whatever cannot be looked at, reading it will complain about
    const auto kind = std::filesystem::status(file, unseen).type();
    if (kind == std::filesystem::file_type::not_found) {
        return done();
    }
    if (!unseen && kind != std::filesystem::file_type::regular) {
        return caller_error(Code::configuration,
                            file + " is no file; move it away, or write the settings into it");
    }
    try {
        const toml::table table = toml::parse_file(file);
        for (const auto& [key, value] : table) {
            SWARM_CHECK(apply(file, std::string(key.str()), value, settings));
        }
    } catch (const toml::parse_error& error) {
        return in_file(file, error.source(), std::string(error.description()));
    }
    return done();
}

Result<> apply_environment(Settings& settings) {
    if (const std::string listen = environment("SWARMFS_LISTEN"); !listen.empty()) {
        settings.listen = listen;
    }
    if (const std::string key = environment("SWARMFS_API_KEY"); !key.empty()) {
        settings.api_key = key;
    }
    if (const std::string level = environment("SWARMFS_LOG_LEVEL"); !level.empty()) {
        SWARM_CHECK(check_log_level("SWARMFS_LOG_LEVEL", level));
        settings.log_level = level;
    }
    if (const std::string peers = environment("SWARMFS_BOOTSTRAP"); !peers.empty()) {
        settings.bootstrap.clear();
        std::stringstream list(peers);
        for (std::string peer; std::getline(list, peer, ',');) {
            if (!peer.empty()) {
                settings.bootstrap.push_back(peer);
            }
        }
        SWARM_CHECK(check_bootstrap("SWARMFS_BOOTSTRAP", settings.bootstrap));
    }
    return done();
}

std::string with_port(const std::string& listen, std::uint16_t port) {
    const std::size_t colon = listen.rfind(':');
    return listen.substr(0, colon) + ":" + std::to_string(port);
}

}  // namespace

std::string default_home() {
    if (const std::string home = environment("SWARMFS_HOME"); !home.empty()) {
        return home;
    }
    if (const std::string data = environment("XDG_DATA_HOME"); !data.empty()) {
        return data + "/swarmfs";
    }
    if (::geteuid() == 0) {
        return "/var/lib/swarmfs";
    }
    return environment("HOME") + "/.local/share/swarmfs";
}

Result<Settings> load_settings(const SettingsOverrides& overrides) {
    Settings settings;
    std::error_code failed;
    const std::string home = overrides.home.empty() ? default_home() : overrides.home;
    settings.home = std::filesystem::absolute(home, failed).lexically_normal().string();
    if (failed || settings.home.empty()) {
        return caller_error(Code::configuration, "the home directory \"" + home + "\" is no path");
    }
    while (settings.home.size() > 1 && settings.home.back() == '/') {
        settings.home.pop_back();
    }
    SWARM_CHECK(apply_file(settings.home + "/swarmfs.toml", settings));
    SWARM_CHECK(apply_environment(settings));
    if (!overrides.listen.empty()) {
        settings.listen = overrides.listen;
    }
    if (overrides.port) {
        settings.listen = with_port(settings.listen, *overrides.port);
    }
    if (settings.listen.find(':') == std::string::npos) {
        return caller_error(Code::configuration, "listen \"" + settings.listen +
                                                     "\" is not ADDRESS:PORT; try [::]:6881");
    }
    return settings;
}

}  // namespace swarmfs::node
