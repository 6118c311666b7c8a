#pragma once
// What a node is told: flag > environment (SWARMFS_*) > swarmfs.toml in the home > default.
// Unknown keys in the file are errors that name the key. docs/settings.md lists them for people.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/result.hpp"
#include "engine/node/disk_room.hpp"
#include "engine/node/eviction_choice.hpp"

namespace swarmfs::node {

struct Settings {
    std::string home;                    // absolute
    std::string listen = "[::]:6881";    // the peer port; port 0 is any free one
    std::vector<std::string> bootstrap;  // HOST:PORT, to dial besides those the tracker names
    std::string api_key;                 // for keyed trackers; from SWARMFS_API_KEY or api_key_file
    std::size_t peers_max = 80;          // sessions with members of one swarm
    std::uint64_t read_timeout_ms = 30'000;  // a data read without progress; 0 waits for ever
    bool replicate = true;                   // takes copies that a policy asks for (replicator.hpp)
    MinFree replicate_min_free;              // of the disk, stays free of them
    Duration replicate_grace = std::chrono::seconds(60);  // after a holder has gone
    CacheLimits cache;               // of what was merely fetched (cache_keeper.hpp)
    std::string log_level = "info";  // debug, info, warning or error
};

// What the command line of a program said; empty means not said.
struct SettingsOverrides {
    std::string home;
    std::string listen;
    std::optional<std::uint16_t> port;
};

// `$SWARMFS_HOME`, else `$XDG_DATA_HOME/swarmfs` (root: /var/lib/swarmfs), else
// ~/.local/share/swarmfs.
std::string default_home();

// Errors: configuration, naming the key, and the file and line or the variable.
Result<Settings> load_settings(const SettingsOverrides& overrides);

}  // namespace swarmfs::node
