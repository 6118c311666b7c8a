#pragma once
// One open directory, read page by page, with positions that stay good while names come and go.
//
//   position 0 is ".", 1 is "..", and n + 2 the n-th entry this stream handed out.
//
//   1. A position names the entry that comes next. Going back to one that was handed out before
//      yields the entries that followed it then, less those that are gone; a name that appeared in
//      between may be missed, a name that stayed is neither skipped nor repeated (POSIX readdir).
//   2. Names come in byte order from Volume::list: a directory of any size streams. What is kept
//      for rule 1 is 4 bytes an entry and every 16th name.
//   3. Every read lists afresh. Attributes remembered from an earlier read would overwrite, in the
//      kernel, what a write between the two has made of them.
//
// Thread: one at a time (the owner locks).

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/node/volume.hpp"

namespace swarmfs::fs {

class DirectoryStream {
public:
    static constexpr std::uint64_t kFirstEntry = 2;

    explicit DirectoryStream(node::Inode directory) : directory_(directory) {}

    node::Inode directory() const { return directory_; }

    // Takes one entry; `next` is the position after it. Returns: false when there is no room.
    using Take = std::function<bool(const node::DirectoryEntry& entry, std::uint64_t next)>;

    // Offers the entries from `position` on, until `take` refuses or the directory ends; asks for
    // `expected` entries at a time.
    // Errors: those of Volume::list; invalid for a position that was never handed out.
    Result<> read(node::Volume& volume, std::uint64_t position, std::size_t expected,
                  const Take& take);

    // The stream begins anew (rewinddir): positions handed out before mean nothing any more.
    void rewind();

private:
    static constexpr std::uint64_t kMarkEvery = 16;

    std::uint64_t index_of(const std::string& name, std::uint64_t from) const;
    void append(const std::string& name);

    const node::Inode directory_;
    // Of every entry handed out: the hash of its name, and for each 16th the name before it.
    std::vector<std::uint32_t> hashes_;
    std::vector<std::string> marks_;
    std::string last_;  // the last name handed out; "" before the first
};

}  // namespace swarmfs::fs
