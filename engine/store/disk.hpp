#pragma once
// The disk as an interface, so that a test can make it fail, fill up, or lose what was not synced.
//
// Everything of this room that makes bytes durable passes through here, the commits of LMDB
// included. Rules:
//   1. A write is all or an error; the bytes of a failed write are undefined, as is a file's length
//      after it. A caller never takes part of a write for granted.
//   2. A failed sync is final for what it should have synced: the kernel may have thrown the pages
//      away and marked them clean. Nobody here syncs again and calls it success.
//   3. A new name (create, rename, remove) survives power loss only after sync_folder.
//   4. Names given here are our own; the last part is never followed when it is a symbolic link.
// Thread: any, for all of it.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::lmdb {
class WriteTransaction;
}

namespace swarmfs::store {

using Path = std::filesystem::path;

struct FileStatus {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::uint64_t allocated_bytes = 0;
    std::int64_t mtime_ns = 0;  // since 1970
    bool regular = false;
    bool folder = false;
};

class File {
public:
    virtual ~File() = default;
    // Returns: how many bytes were read; fewer than asked only at the end of the file.
    virtual Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan out) const = 0;
    // The same for bytes that lie side by side in the file and go apart in memory.
    virtual Result<std::size_t> read_at(std::uint64_t offset,
                                        std::span<const MutableByteSpan> parts) const = 0;
    virtual Result<> write_at(std::uint64_t offset, ByteSpan bytes) = 0;
    // The same for bytes that lie apart in memory and go side by side into the file.
    virtual Result<> write_at(std::uint64_t offset, std::span<const ByteSpan> parts) = 0;
    // What was written, and the length, survive power loss.
    virtual Result<> sync() = 0;
    virtual Result<> truncate(std::uint64_t size) = 0;
    // Reserves room, so that writing there cannot meet a full disk. Extends the file.
    virtual Result<> allocate(std::uint64_t offset, std::uint64_t length) = 0;
    // Gives the room back; the range reads as zeros. The length stays.
    // Errors: unsupported where the file system cannot.
    virtual Result<> punch(std::uint64_t offset, std::uint64_t length) = 0;
    // The first byte at or after `offset` that may be other than zero; the length of the file (or
    // `offset`, beyond it) when there is none. Where holes are not told apart: `offset`.
    virtual Result<std::uint64_t> next_data(std::uint64_t offset) const = 0;
    // The first byte at or after `offset` that lies in a hole, the end of the file among them. Where
    // holes are not told apart: the length of the file.
    // Requires: offset is below the length of the file.
    virtual Result<std::uint64_t> next_hole(std::uint64_t offset) const = 0;
    // Copies by sharing the blocks where the file system can, else inside the kernel.
    // Requires: source is a file of the same Disk and at least as long as what is asked.
    virtual Result<> copy_from(const File& source, std::uint64_t source_offset,
                               std::uint64_t offset, std::uint64_t length) = 0;
    virtual Result<FileStatus> status() const = 0;
    // For splice and passthrough.   Valid until: destroyed.
    virtual int descriptor() const = 0;
};

enum class Open {
    read,
    write,       // and read; must exist
    create,      // and read and write; made when absent
    create_new,  // must not exist
};

class Disk {
public:
    virtual ~Disk() = default;
    virtual Result<std::unique_ptr<File>> open(const Path& path, Open how) = 0;
    virtual Result<FileStatus> status(const Path& path) = 0;
    // Replaces `to`.
    virtual Result<> rename(const Path& from, const Path& to) = 0;
    // An absent file counts as removed.
    virtual Result<> remove(const Path& path) = 0;
    // With its parents; one that is there is fine. Mode 0700.
    virtual Result<> make_folder(const Path& path) = 0;
    virtual Result<> sync_folder(const Path& path) = 0;
    // Names, in no order, without "." and "..".
    virtual Result<std::vector<std::string>> list(const Path& folder) = 0;
    // Bytes an ordinary user may still write where `path` is.
    virtual Result<std::uint64_t> free_bytes(const Path& path) = 0;
    virtual Result<> commit(lmdb::WriteTransaction& transaction) = 0;
    // Everything written so far to the file system that holds `path` survives power loss.
    virtual Result<> sync_all(const Path& path) = 0;
    // Another word after every start of the machine: what was not synced before is in doubt.
    // Empty when it cannot be known.
    virtual std::string boot() = 0;
};

class SystemDisk final : public Disk {
public:
    Result<std::unique_ptr<File>> open(const Path& path, Open how) override;
    Result<FileStatus> status(const Path& path) override;
    Result<> rename(const Path& from, const Path& to) override;
    Result<> remove(const Path& path) override;
    Result<> make_folder(const Path& path) override;
    Result<> sync_folder(const Path& path) override;
    Result<std::vector<std::string>> list(const Path& folder) override;
    Result<std::uint64_t> free_bytes(const Path& path) override;
    Result<> commit(lmdb::WriteTransaction& transaction) override;
    Result<> sync_all(const Path& path) override;
    std::string boot() override;
};

}  // namespace swarmfs::store
