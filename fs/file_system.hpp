#pragma once
// A Volume as the kernel wants to see it. Knows no FUSE type and is tested without a kernel.
//
//   1. The kernel may keep names, negative names and attributes for an hour, because every change
//      that did not come through it is told to it at once (as Notices).
//   2. An answer that a change may have overtaken is worth nothing a moment later: it carries a
//      cache time of zero. (changes_ is read before the volume is asked and again after the answer
//      is counted; a change raises it before it looks whether the kernel knows the inode. So
//      either the change sees the count, or the answer sees the change.)
//   3. File pages stay cached across opens: content is immutable, and a version that comes from
//      elsewhere is a new inode. Only an inode whose content somebody else on this node changed in
//      place loses its pages, when it is next opened; never by a notice. While another mount of
//      the volume may do that at any moment, files are opened to be read and written directly,
//      past the pages.
//   4. Every file belongs to the mount's owner; set-uid and set-gid bits do not exist.
//   5. A read waits for the network without a thread: `read` returns, `done` answers later. So does
//      opening where other members have to confirm the version (Volume::needs_confirming).
//   6. A small file that is here is put into the kernel's cache when it is first opened to be read,
//      unless somebody else has it open: then neither its read is asked for, nor its attributes,
//      which a read makes doubtful.   Why: reading many small files costs half as many requests.
//   7. A mount may outlive a run of the node (mount_table.hpp): what was open is opened anew by its
//      inode when it is next used, and what was done and not answered is not done again.
//
// Thread: any. No lock is held while the volume works, but for one directory stream's.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "engine/core/clock.hpp"
#include "engine/core/units.hpp"
#include "engine/node/volume.hpp"
#include "fs/directory_stream.hpp"
#include "fs/file_status.hpp"
#include "fs/known_inodes.hpp"
#include "fs/name_positions.hpp"
#include "fs/notices.hpp"
#include "fs/open_files.hpp"

namespace swarmfs::fs {

struct FileSystemOptions {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t umask = 0;  // permission bits to take away from what is shown
    Duration read_timeout = std::chrono::seconds(30);  // 0 waits for ever
    Duration cache_time = std::chrono::hours(1);
    NamePositions::Salt position_salt{};  // secret and random, but in tests
    std::uint16_t run = 0;                // how often another run of the node has gone on with it
};

class FileSystem {
public:
    // Takes one directory entry; `status` is empty for "..", whose inode is not known.
    using TakeEntry = std::function<bool(
        std::string_view name, const std::optional<FileStatus>& status, std::uint64_t next)>;
    using OwnChanges = std::function<void(const std::vector<node::Change>&)>;

    // `own` hears of every change made through this file system, for other mounts of the volume.
    FileSystem(std::shared_ptr<node::Volume> volume, FileSystemOptions options, const Clock& clock,
               NoticeSink& notices, KernelPages& pages, OwnChanges own = {});
    ~FileSystem();

    const std::shared_ptr<node::Volume>& volume() const { return volume_; }
    // Whether another mount of the volume may write. Counts for what is opened from now on.
    void set_written_elsewhere(bool written) { written_elsewhere_ = written; }

    // ---- names; a status returned counts one lookup ----
    Result<NameStatus> lookup(node::Inode parent, std::string_view name);
    void forget(node::Inode inode, std::uint64_t count);
    Result<NameStatus> make_directory(node::Inode parent, std::string_view name,
                                      std::uint32_t mode);
    Result<NameStatus> make_symlink(node::Inode parent, std::string_view name,
                                    std::string_view target);
    Result<NameStatus> make_file(node::Inode parent, std::string_view name, std::uint32_t mode);
    Result<> remove_file(node::Inode parent, std::string_view name);
    Result<> remove_directory(node::Inode parent, std::string_view name);
    Result<> rename(node::Inode parent, std::string_view name, node::Inode new_parent,
                    std::string_view new_name, node::RenameRule rule);

    // ---- inodes ----
    Result<FileStatus> status(node::Inode inode);
    // Errors: permission for an owner other than the mount's.
    Result<FileStatus> change_status(node::Inode inode, const StatusChange& change);
    Result<std::string> read_link(node::Inode inode) { return volume_->read_link(inode); }
    node::Space space() const { return volume_->space(); }

    // ---- extended attributes, by their whole names ----
    // Whether it is one of those that may be asked for below: user.*, and nothing else.
    bool keeps_attribute(std::string_view name);
    // As node::ExtendedAttributes; cancel_read() ends it early.
    node::ReadTicket attribute(node::Inode inode, std::string_view name, node::AttributeDone done);
    Result<std::vector<std::string>> attribute_names(node::Inode inode);
    Result<bool> set_attribute(node::Inode inode, std::string_view name, ByteSpan value,
                               node::AttributeRule rule);
    Result<bool> remove_attribute(node::Inode inode, std::string_view name);
    // How often it was asked for any, or for their names.
    std::uint64_t attribute_questions() const { return attribute_questions_; }

    // ---- files ----
    Result<CreatedFile> create(node::Inode parent, std::string_view name, std::uint32_t mode,
                               OpenRequest request);
    Result<Opened> open(node::Inode inode, OpenRequest request);
    // Whether it is to be opened in two steps, since others have to confirm what would be read.
    // `done` may find this object gone; else it takes the handle to finish_open, or releases it.
    bool waits_to_open(node::Inode inode, const OpenRequest& request) const;
    node::ReadTicket begin_open(node::Inode inode, const OpenRequest& request, node::OpenDone done);
    Result<Opened> finish_open(node::Inode inode, node::FileHandle handle, OpenRequest request);
    // For one that the kernel may have from an earlier run. Of what is gone: one that is not open.
    OpenHandle current(OpenHandle handle, node::Inode inode) {
        return handle.run() == options_.run ? handle : reopened(handle, inode);
    }
    node::ReadTicket read(OpenHandle handle, std::uint64_t offset, std::size_t length,
                          node::ReadDone done);
    void cancel_read(node::ReadTicket ticket) { volume_->cancel_read(ticket); }
    Result<std::size_t> write(OpenHandle handle, std::uint64_t offset, ByteSpan bytes);
    // As the volume's.
    Result<> allocate(OpenHandle handle, std::uint64_t offset, std::uint64_t length,
                      const node::Allocation& wanted);
    Result<std::uint64_t> seek(OpenHandle handle, std::uint64_t offset, node::SeekFor what) {
        return volume_->seek(handle.volume_handle(), offset, what);
    }
    Result<std::uint64_t> copy_range(OpenHandle from, std::uint64_t from_offset, OpenHandle to,
                                     std::uint64_t to_offset, std::uint64_t length);
    Result<> flush(OpenHandle handle);
    Result<> sync(OpenHandle handle);
    void release(OpenHandle handle);
    void release(OpenHandle handle, node::Inode inode);  // perhaps of an earlier run
    // The mount is gone and the kernel will release nothing any more.
    void release_all();

    // ---- directories ----
    Result<std::uint64_t> open_directory(node::Inode inode);
    // `expected`: entries that fit the caller's buffer. With `counted`, each entry taken (but "."
    // and "..") counts one lookup.
    enum class Lookups : std::uint8_t { counted, uncounted };
    // `inode`: the directory's, in case an earlier run opened the stream.
    Result<> read_directory(node::Inode inode, std::uint64_t stream, std::uint64_t position,
                            std::size_t expected, Lookups lookups, const TakeEntry& take);
    void close_directory(std::uint64_t stream);

    // ---- what the kernel holds ----
    // A change from elsewhere. Called by the volume, and for other mounts of the same volume.
    void on_changes(const std::vector<node::Change>& changes);
    const KnownInodes& known() const { return known_; }
    bool is_directory(node::Inode parent, std::string_view name);

private:
    static constexpr unsigned kRunShift = 48;  // a stream's number begins with its run
    struct OpenDirectory {
        explicit OpenDirectory(node::Inode inode) : stream(inode) {}
        std::optional<node::Attributes>
            last;  // before it was removed; guarded by directories_mutex_
        std::mutex mutex;
        DirectoryStream stream;  // guarded by mutex
    };

    FileStatus status_of(const node::Attributes& attributes) const;
    NameStatus counted(const node::Attributes& attributes, std::uint64_t changes_before);
    Duration keep_since(std::uint64_t changes_before) const;
    Result<Opened> opened(node::FileHandle handle, const node::Attributes& attributes,
                          OpenRequest request);
    static constexpr std::size_t kPutMax = kLeafBytes;  // the least that a read would bring
    void put_pages(OpenHandle handle, node::Inode inode, const Opening& opening);
    bool tell_what_came(const OpenFile& file);
    void content_changed(OpenHandle handle);
    std::optional<node::Attributes> removed_directory(node::Inode inode);
    void note_last(node::Inode parent, std::string_view name);
    OpenHandle reopened(OpenHandle handle, node::Inode inode);
    std::optional<node::Inode> done_before() const;  // what this thread's request asks for
    Result<NameStatus> made_before(node::Inode inode);
    void tell_own(std::vector<node::Change> changes);
    void attributes_changed(node::Inode inode, const Result<bool>& changed);

    const std::shared_ptr<node::Volume> volume_;
    const FileSystemOptions options_;
    const Clock& clock_;
    NoticeSink& notices_;
    KernelPages& pages_;
    const OwnChanges own_;
    std::uint64_t listener_ = 0;

    std::atomic<std::uint64_t> changes_ = 0;
    std::atomic<bool> written_elsewhere_ = false;
    std::atomic<std::uint64_t> attribute_questions_ = 0;
    KnownInodes known_;
    OpenFiles files_;
    NamePositions positions_;
    std::mutex reopened_mutex_;
    std::unordered_map<std::uint64_t, OpenHandle> reopened_;  // by its number before; guarded
    std::mutex directories_mutex_;
    std::uint64_t next_stream_;                                                      // guarded
    std::unordered_map<std::uint64_t, std::shared_ptr<OpenDirectory>> directories_;  // guarded
};

}  // namespace swarmfs::fs
