#pragma once
// What a tracker is told: flag > environment (SWARMFS_TRACKER_*) > file > default. Unknown keys in
// the file are errors that name the key.

#include <cstdint>
#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::tracker {

struct Settings {
    std::string listen = "[::]:8080";
    std::string data;  // the folder of its tables
    std::string log_level = "info";
    std::uint64_t threads = 2;
    std::uint64_t connections_max = 8192;
    std::uint64_t connections_per_address_max = 512;
    std::uint64_t peers_max = 1'000'000;
    std::uint64_t peers_per_swarm_max = 100'000;
    std::uint64_t peers_per_address_max = 4096;
    std::uint64_t contents_max = 4'000'000;
    std::uint64_t storage_max_mib = 64 * 1024;  // of the tables
};

// What the command line said; empty means not said.
struct SettingsOverrides {
    std::string listen;
    std::string data;
    std::string config;
};

// `/var/lib/swarmfs-tracker` for root, else `$XDG_DATA_HOME/swarmfs-tracker`, else
// ~/.local/share/swarmfs-tracker.
std::string default_data();

// The names of all settings, separated by commas.
std::string known_keys();

// Errors: configuration, naming the key, the file and the line.
Result<Settings> load_settings(const SettingsOverrides& overrides);

}  // namespace swarmfs::tracker
