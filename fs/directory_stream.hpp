#pragma once
// One open directory, read page by page, from any position any reader of it was ever given
// (name_positions.hpp).
//
//   1. Names come in byte order from Volume::list, and a position names the entry it follows. So a
//      name that stays is neither skipped nor repeated, whatever comes and goes meanwhile.
//   2. A directory of any size streams: what is kept is the names of the last reply, which the
//      kernel may have taken only a part of.
//   3. Every read lists afresh. Attributes remembered from an earlier read would overwrite, in the
//      kernel, what a write between the two has made of them.
//
// Thread: one at a time (the owner locks).

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "engine/node/volume.hpp"
#include "fs/name_positions.hpp"

namespace swarmfs::fs {

class DirectoryStream {
public:
    explicit DirectoryStream(node::Inode directory) : directory_(directory) {}

    node::Inode directory() const { return directory_; }

    // Takes one entry; `next` is the position after it. Returns: false when there is no room.
    using Take = std::function<bool(const node::DirectoryEntry& entry, std::uint64_t next)>;

    // Offers the entries from `position` (>= kFirstName) on, until `take` refuses or the directory
    // ends; asks for `expected` entries at a time.
    // Errors: those of Volume::list; invalid for a position that follows no name that is or lately
    // was in the directory.
    Result<> read(node::Volume& volume, const NamePositions& positions, std::uint64_t position,
                  std::size_t expected, const Take& take);

private:
    Result<std::string> name_before(node::Volume& volume, const NamePositions& positions,
                                    std::uint64_t position) const;

    const node::Inode directory_;
    std::unordered_map<std::uint64_t, std::string> last_reply_;  // position -> name it follows
};

}  // namespace swarmfs::fs
