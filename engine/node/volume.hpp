#pragma once
// One joined swarm as a directory tree: what a mount, a download or a web page sees.
//
// Rules every implementation keeps:
//   1. Only `read` and `open_confirmed` may need the network, and they answer through a callback;
//      everything else is answered from this node's disk and memory, at once, on the caller's
//      thread.
//   2. Content is immutable. A version that arrives from another member is a new inode under the
//      same name; a file written here keeps its inode. An open handle reads the version it opened.
//   3. What `close_write` or `sync` answered survives: the first kill -9, the second power loss.
//   4. A read-only member gets Code::read_only from every call that would change something.
// Inode numbers survive restarts. The root is kRootInode. Thread: any, unless a call says
// otherwise.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/node/extended_attributes.hpp"
#include "engine/node/mount_memory.hpp"
#include "engine/node/reports.hpp"

namespace swarmfs::node {

using Inode = std::uint64_t;
inline constexpr Inode kRootInode = 1;

enum class FileKind : std::uint8_t { file, directory, symlink };

struct Attributes {
    Inode inode = 0;
    FileKind kind = FileKind::file;
    std::uint32_t mode = 0;          // permission bits only
    std::uint64_t size = 0;          // bytes; a symlink's is its target's length
    std::uint64_t stored_bytes = 0;  // of those, on this node's disk
    std::int64_t mtime_ns = 0;       // since 1970 UTC
    std::int64_t ctime_ns = 0;
    std::uint32_t links = 1;
    bool live = false;  // its bytes are made anew at each opening
};

struct DirectoryEntry {
    std::string name;
    Attributes attributes;
};

// What the kernel must forget. `name` is empty where only the inode's attributes changed.
struct Change {
    Inode parent = 0;
    std::string name;
    Inode inode = 0;
    bool content = false;  // the inode's bytes are others than before; only by a local writer
};

struct AttributeChanges {
    std::optional<std::uint32_t> mode;
    std::optional<std::uint64_t> size;
    std::optional<std::int64_t> mtime_ns;
};

enum class RenameRule : std::uint8_t { replace, keep_existing, exchange };
enum class Access : std::uint8_t { read, write, read_write };

// What becomes of a range of a file.
struct Allocation {
    bool zeros = false;         // it reads as zeros, and what held other bytes is given back
    bool room = true;           // writing there does not meet a full disk until it is published
    bool keeps_length = false;  // else the file grows to the end of the range
};
enum class SeekFor : std::uint8_t { data, hole };

using FileHandle = std::uint64_t;  // never 0, never used again
using ReadTicket = std::uint64_t;  // 0: answered already

struct Created {
    Attributes attributes;
    FileHandle handle = 0;
};

struct Space {
    std::uint64_t total_bytes = 0;  // of the disk that holds the store
    std::uint64_t free_bytes = 0;
    std::uint64_t files = 0;  // entries in the tree
};

// Bytes of a read; short only at the end of the file. The span is valid during the call only.
using ReadDone = std::function<void(Result<ByteSpan>)>;
using OpenDone = std::function<void(Result<FileHandle>)>;

class Volume : public MountMemory {
public:
    virtual std::string name() const = 0;
    virtual bool read_only() const = 0;
    virtual Space space() const = 0;

    // ---- names ----
    // Errors: not_found, not_directory, name_too_long, invalid (path rules).
    virtual Result<Attributes> lookup(Inode parent, std::string_view name) = 0;
    virtual Result<Attributes> attributes(Inode inode) = 0;
    // Up to `count` entries after the name `after` ("" from the start), in byte order of names.
    virtual Result<std::vector<DirectoryEntry>> list(Inode directory, std::string_view after,
                                                     std::size_t count) = 0;
    virtual Result<std::string> read_link(Inode inode) = 0;

    // Errors: exists, read_only, no_space, and those of lookup.
    virtual Result<Attributes> make_directory(Inode parent, std::string_view name,
                                              std::uint32_t mode) = 0;
    virtual Result<Attributes> make_symlink(Inode parent, std::string_view name,
                                            std::string_view target) = 0;
    // Errors: is_directory; not_directory and not_empty for remove_directory. An open file stays
    // readable and writable through its handles, nameless.
    virtual Result<> remove_file(Inode parent, std::string_view name) = 0;
    virtual Result<> remove_directory(Inode parent, std::string_view name) = 0;
    // Keeps the moved inode. Errors: exists (keep_existing), not_empty, is_directory,
    // not_directory, invalid (a directory into itself).
    virtual Result<> rename(Inode parent, std::string_view name, Inode new_parent,
                            std::string_view new_name, RenameRule rule) = 0;
    virtual Result<Attributes> set_attributes(Inode inode, const AttributeChanges& changes) = 0;
    // Valid until: the volume dies.
    virtual ExtendedAttributes& extended_attributes() = 0;
    // Null: it says nothing of itself.
    virtual Reports* reports() { return nullptr; }

    // ---- files ----
    // Creates an empty file and opens it for reading and writing.
    virtual Result<Created> create(Inode parent, std::string_view name, std::uint32_t mode) = 0;
    virtual Result<FileHandle> open(Inode inode, Access access) = 0;
    // Whether other members have to confirm what an open file would show (`read_quorum`).
    virtual bool needs_confirming(Inode inode) const {
        (void)inode;
        return false;
    }
    // As open; where it needs confirming, once enough members show the same version. Calls `done`
    // exactly once, perhaps before it returns, on any thread. `deadline`: 0 waits forever.
    // Errors: also not_found (another version came meanwhile: look the name up again), unavailable
    // (too few are connected), timed_out, cancelled, busy.
    virtual ReadTicket open_confirmed(Inode inode, Access access, Duration deadline,
                                      OpenDone done) {
        (void)deadline;
        done(open(inode, access));
        return 0;
    }
    // Calls `done` exactly once, perhaps before it returns, on any thread. `deadline`: 0 waits
    // forever. Errors: unavailable (nobody left to ask), timed_out, cancelled, io, invalid (bad
    // handle).
    virtual ReadTicket read(FileHandle handle, std::uint64_t offset, std::size_t length,
                            Duration deadline, ReadDone done) = 0;
    // Ends a read, an opening, or asking for an extended attribute early with Code::cancelled. No
    // effect when it has been answered.
    virtual void cancel_read(ReadTicket ticket) = 0;
    // Writes into this node's staging; appears on other members after close_write.
    virtual Result<std::size_t> write(FileHandle handle, std::uint64_t offset, ByteSpan bytes) = 0;
    // Errors: no_space, too_large, and those of write.
    virtual Result<> allocate(FileHandle handle, std::uint64_t offset, std::uint64_t length,
                              const Allocation& wanted) {
        (void)handle, (void)offset, (void)length, (void)wanted;
        return caller_error(Code::unsupported, "this volume does not allocate");
    }
    // The first byte at or after `offset` that is data, or that lies in a hole. What is not here
    // counts as data; the end of the file as a hole.
    // Errors: not_found: there is none, or `offset` is not inside the file.
    virtual Result<std::uint64_t> seek(FileHandle handle, std::uint64_t offset, SeekFor what) {
        (void)handle, (void)offset, (void)what;
        return caller_error(Code::unsupported, "this volume does not know of holes");
    }
    // Copies without moving a byte, where that can be. Returns: how many bytes; 0 at the end of
    // `from`. Errors: unsupported: nothing was done, read and write them.
    virtual Result<std::uint64_t> copy_range(FileHandle from, std::uint64_t from_offset,
                                             FileHandle to, std::uint64_t to_offset,
                                             std::uint64_t length) {
        (void)from, (void)from_offset, (void)to, (void)to_offset, (void)length;
        return caller_error(Code::unsupported, "this volume copies through read and write");
    }
    // A descriptor of the handle was closed: what was written is kept from now on (kill -9).
    virtual Result<> close_write(FileHandle handle) = 0;
    virtual Result<> sync(FileHandle handle) = 0;
    // The last descriptor is gone. Publishes what was written, without waiting for anyone.
    virtual void release(FileHandle handle) = 0;

    // Calls `listener` with every change that did not come from this volume's own caller (other
    // members, share folders, the command line). It must be quick and must not call back.
    using ChangeListener = std::function<void(const std::vector<Change>&)>;
    // Returns: a number for remove_change_listener, after whose return it runs no more. Several
    // mounts may listen.
    virtual std::uint64_t add_change_listener(ChangeListener listener) = 0;
    virtual void remove_change_listener(std::uint64_t number) = 0;
};

}  // namespace swarmfs::node
