#pragma once
// What a path shows when several versions of it stand that did not know of each other. A pure
// function of those versions, so every replica shows the same without asking anyone.
//
//   1. Deletions show nothing and lose against every other version: edit beats delete.
//   2. A path with something alive below it is a directory, whatever its versions say.
//   3. A directory beats a file or symlink. Directories merge: the latest gives mode and time.
//   4. Otherwise the latest wins, by (clock, author, sequence).
//   5. Files and symlinks that lose are shown beside the winner as `name.conflict-<UTC>-<author>`,
//      unless they say the same (content or target) as the winner or a better loser.
// Conflict names are derived, never published. Within a directory all losers that would get the
// same name are numbered -2, -3, … in the order of (clock, author, sequence), skipping names at
// which something real lives. The longest part of the name that leaves room is kept.
//
// Pure; any thread.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/catalog/entry.hpp"

namespace swarmfs::catalog {

// A version as it stands in a replica.
struct Version {
    Dot dot;
    Entry entry;

    bool operator==(const Version&) const = default;
};

// (clock, author, sequence): a total order in which later means better.
bool later(const Version& left, const Version& right);

enum class Shows : std::uint8_t { nothing, implicit_directory, version };

struct Decision {
    Shows shows = Shows::nothing;
    std::size_t winner = 0;           // index; when shows == version
    std::vector<std::size_t> beside;  // losers to be shown, best first

    bool operator==(const Decision&) const = default;
};

// `heads` are versions of one path none of which replaced another.
Decision decide(std::span<const Version> heads, bool has_children);

// 255 less the 35 bytes of ".conflict-20261121T071320Z-0123abcd" and 5 for "-9999".
inline constexpr std::size_t kConflictStemBytesMax = 215;
inline constexpr unsigned kConflictNumberMax = 9999;

// The conflict name without a number.
std::string conflict_name(std::string_view name, HybridTime clock, const AuthorId& author);
// Requires: 1 <= number <= kConflictNumberMax. Number 1 is the name itself.
std::string numbered(const std::string& conflict_name, unsigned number);

// Returns: the conflict name without its number, if `name` has the form of one.
std::optional<std::string> as_conflict_name(std::string_view name);

// "20261121T071320Z". Years beyond 9999 are shown as 9999.
std::string utc_stamp(std::uint64_t wall_ms);

}  // namespace swarmfs::catalog
