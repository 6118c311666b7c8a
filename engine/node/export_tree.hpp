#pragma once
// Writing files of a swarm into a directory of this machine, and never outside it.
//
// Every path is opened from the directory's descriptor with openat2 RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS, so a symbolic link below it, old or from the swarm, leads nowhere. Files and
// symbolic links that are there are replaced; devices, pipes and sockets are refused. Modes lose
// set-uid and set-gid. Thread: one.

#include <string>
#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/result.hpp"
#include "engine/store/namespace_rows.hpp"

namespace swarmfs::node {

// A file that appears under its name when it is finished; before, nothing is there to be seen but a
// hidden part file, which goes if the work is given up.
class ExportFile {
public:
    ExportFile(ExportFile&& other) noexcept;
    ExportFile& operator=(ExportFile&&) = delete;
    ~ExportFile();

    Result<> append(ByteSpan bytes);
    Result<> finish(std::uint32_t mode, std::int64_t mtime_ns);

private:
    friend class ExportTree;
    ExportFile(int directory, int file, std::string name);
    std::string part_name() const;

    int directory_;
    int file_;
    const std::string name_;
    bool finished_ = false;
};

class ExportTree {
public:
    // A tree into `out`, made when absent.
    static Result<ExportTree> into_directory(const std::string& out);
    // One file or symbolic link as `out`, or inside it, under `name`, when `out` is a directory or
    // leads to one. Errors: exists, where a file would take the place of a symbolic link.
    static Result<ExportTree> for_file(const std::string& out, const std::string& name,
                                       store::InodeKind kind);
    ExportTree(ExportTree&& other) noexcept;
    ExportTree& operator=(ExportTree&&) = delete;
    ~ExportTree();

    const std::string& file_name() const { return file_name_; }

    // Paths are relative and passed the catalog's rules; their directories exist.
    Result<> make_directory(const std::string& path);
    Result<> make_symlink(const std::string& path, const std::string& target,
                          std::int64_t mtime_ns);
    Result<ExportFile> begin_file(const std::string& path);
    Result<> set_directory(const std::string& path, std::uint32_t mode, std::int64_t mtime_ns);

private:
    ExportTree(int root, std::string out) : root_(root), out_(std::move(out)) {}
    Result<int> open_parent(const std::string& path) const;
    Error failed(int error_number, const std::string& path) const;

    int root_;
    const std::string out_;
    std::string file_name_;
};

}  // namespace swarmfs::node
