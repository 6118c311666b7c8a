#pragma once
// What the members of a swarm have agreed on about its files: `.swarmfs.toml` in the swarm's root,
// an ordinary file of the tree.
//
//   replicas = 2            of everything; 1 where nothing is said
//   read_quorum = 1
//
//   ["photos/raw"]          a path and all below it
//   replicas = 3
//
// Rules:
//   1. The longest path that says something about a key wins, key by key.
//   2. A text is taken whole or not at all: whatever is wrong in it (an unknown key, a number out of
//      bounds, a path that no swarm can have) is an error that names the key and the line.
//   3. The text comes from other members: kTextMax, kPathsMax and kNumberMax bound it.
// Pure; a Policy never changes, so any thread may use one.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/result.hpp"

namespace swarmfs::node {

struct PathPolicy {
    std::uint32_t replicas = 1;     // members that are to hold it, this one included
    std::uint32_t read_quorum = 1;  // members that must confirm an entry before it is opened

    bool operator==(const PathPolicy&) const = default;
};

class Policy {
public:
    static constexpr std::string_view kFileName = ".swarmfs.toml";
    static constexpr std::size_t kTextMax = 256 * 1024;  // bytes
    static constexpr std::size_t kPathsMax = 1000;
    static constexpr std::uint32_t kNumberMax = 64;  // more copies than that help nobody

    // What one path says itself; the root is "".
    struct Said {
        std::optional<std::uint32_t> replicas;
        std::optional<std::uint32_t> read_quorum;

        bool operator==(const Said&) const = default;
    };

    // Everything once, and read from one member: what holds where no file says otherwise.
    Policy() = default;
    // Errors: configuration, one line that names the line and the key; too_large.
    static Result<Policy> parse(std::string_view text);

    // What holds for a path of the swarm; "" is the root.   Cost: a look-up for each of its parts.
    PathPolicy of(std::string_view path) const;
    // The largest that any path has: 1 says that nobody need look up paths at all.
    std::uint32_t replicas_max() const { return max_.replicas; }
    std::uint32_t read_quorum_max() const { return max_.read_quorum; }
    // In the order of paths.
    const std::map<std::string, Said, std::less<>>& said() const { return said_; }

    bool operator==(const Policy& other) const { return said_ == other.said_; }

private:
    friend class PolicyReader;
    std::map<std::string, Said, std::less<>> said_;
    PathPolicy max_;
};

}  // namespace swarmfs::node
