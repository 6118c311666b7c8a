#pragma once
// The Volume of one joined swarm: names from the namespace, bytes from open files, what is missing
// from the swarm.
//
//   1. A read that misses is asked of the swarm and tried again on a worker when its leaves are
//      stored; nobody waits on a thread.
//   2. Publishing happens on a worker after the last writer has gone, or some time after a sync.
//   3. There is one OpenFile for an inode. Whoever works with one counts as a use of it, from under
//      files_mutex_ on; it goes when nobody does and nothing is left to publish.
//   4. Files that follow one another are fetched ahead of the program that reads them
//      (sibling_window.hpp).
//   5. What is opened under `read_quorum` has its handle from the start, so that it keeps the version
//      it asks about (open_quorum.hpp); nobody knows of it before that version is confirmed.
//   6. Taking a name marks the file in the very batch that takes it (Named in open_file.hpp).
// The order of locks stands in open_file.hpp.

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>

#include "engine/node/carried_files.hpp"
#include "engine/node/disk_room.hpp"
#include "engine/node/file_attributes.hpp"
#include "engine/node/open_file.hpp"
#include "engine/node/open_quorum.hpp"
#include "engine/node/orphans.hpp"
#include "engine/node/sibling_reader.hpp"
#include "engine/node/tree_volume_parts.hpp"
#include "engine/node/volume.hpp"

namespace swarmfs::node {

class TreeVolume final : public Volume {
public:
    using Parts = TreeVolumeParts;
    explicit TreeVolume(Parts parts)
        : parts_(std::move(parts)),
          siblings_({parts_.tree, parts_.contents, parts_.swarm, parts_.clock}),
          quorum_({parts_.tree, parts_.jobs, parts_.swarm, parts_.clock, parts_.problems,
                   parts_.policy}),
          failures_(parts_.clock),
          attributes_(attribute_parts()),
          reports_(parts_.jobs) {
        parts_.tree.on_leaving([this](store::Inode inode) { return is_leaving(inode); });
    }

    std::string name() const override { return parts_.name; }
    bool read_only() const override;
    Space space() const override;
    Result<Attributes> lookup(Inode parent, std::string_view name) override;
    Result<Attributes> attributes(Inode inode) override;
    Result<std::vector<DirectoryEntry>> list(Inode directory, std::string_view after,
                                             std::size_t count) override;
    Result<std::string> read_link(Inode inode) override;
    Result<Attributes> make_directory(Inode parent, std::string_view name,
                                      std::uint32_t mode) override;
    Result<Attributes> make_symlink(Inode parent, std::string_view name,
                                    std::string_view target) override;
    Result<> remove_file(Inode parent, std::string_view name) override;
    Result<> remove_directory(Inode parent, std::string_view name) override;
    Result<> rename(Inode parent, std::string_view name, Inode new_parent,
                    std::string_view new_name, RenameRule rule) override;
    Result<Attributes> set_attributes(Inode inode, const AttributeChanges& changes) override;
    FileAttributes& extended_attributes() override { return attributes_; }
    MemberReports* reports() override { return &reports_; }

    Result<Created> create(Inode parent, std::string_view name, std::uint32_t mode) override;
    Result<FileHandle> open(Inode inode, Access access) override;
    bool needs_confirming(Inode inode) const override { return quorum_.of(inode) > 1; }
    ReadTicket open_confirmed(Inode inode, Access access, Duration deadline,
                              OpenDone done) override;
    ReadTicket read(FileHandle handle, std::uint64_t offset, std::size_t length, Duration deadline,
                    ReadDone done) override;
    void cancel_read(ReadTicket ticket) override;
    Result<std::size_t> write(FileHandle handle, std::uint64_t offset, ByteSpan bytes) override;
    Result<> allocate(FileHandle handle, std::uint64_t offset, std::uint64_t length,
                      const Allocation& wanted) override;
    Result<std::uint64_t> seek(FileHandle handle, std::uint64_t offset, SeekFor what) override;
    Result<std::uint64_t> copy_range(FileHandle from, std::uint64_t from_offset, FileHandle to,
                                     std::uint64_t to_offset, std::uint64_t length) override;
    Result<> close_write(FileHandle handle) override;
    Result<> sync(FileHandle handle) override;
    void release(FileHandle handle) override;

    std::optional<Inode> done_before(const RequestMark& request) override;
    void expect_mount(std::uint64_t mount) override { carried_.expect(mount); }
    void mount_ended(std::uint64_t mount) override;
    void forgotten(Inode inode) override;
    std::uint64_t add_change_listener(ChangeListener listener) override;
    void remove_change_listener(std::uint64_t number) override;
    OpenQuorum& quorum() { return quorum_; }
    const ReadFailures& failures() const { return failures_; }
    // Of a content that is open here: who published it; nobody where it is being written over.
    std::optional<std::set<NodeId>> authors_of_opened(const ContentId& content) const;
    // Publishes what a crash left unpublished, but what a mount that goes on may write to.
    // Thread: before anyone else uses the volume.
    void recover();
    // The publisher has finished with a file.
    void published(const std::shared_ptr<OpenFile>& file);

private:
    struct Handle {
        std::shared_ptr<OpenFile> file;
        bool writes = false;
    };
    struct PendingRead {
        std::shared_ptr<OpenFile> file;
        std::uint64_t offset = 0;
        std::size_t length = 0;
        TimePoint deadline;
        ReadDone done;
        swarm::ReadId asked = 0;
        bool cancelled = false;
        std::optional<NodeId> likely;  // to have it
        unsigned tries = 0;
    };
    // One use of an open file, beside those of its handles.
    class Use {
    public:
        Use(TreeVolume& volume, std::shared_ptr<OpenFile> file)
            : volume_(volume), file_(std::move(file)) {}
        ~Use() { volume_.unuse(file_); }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        OpenFile* operator->() const { return file_.get(); }
        const std::shared_ptr<OpenFile>& file() const { return file_; }

    private:
        TreeVolume& volume_;
        const std::shared_ptr<OpenFile> file_;
    };
    class Removal;
    // `published` is Publisher::published_count() from before the record was read.
    Attributes shown(store::InodeRecord record, std::uint64_t published) const;
    std::shared_ptr<OpenFile> opened(store::Inode inode) const;
    // Counts one use. Errors: not_found, is_directory (it is no file).
    Result<std::shared_ptr<OpenFile>> use(store::Inode inode);
    std::shared_ptr<OpenFile> use_if_open(store::Inode inode);
    void unuse(const std::shared_ptr<OpenFile>& file);
    struct Name {
        store::Inode parent = 0;
        std::string_view name;
    };
    // A change of names that a mount asked for, which therefore knows of it. What else came of it
    // (a conflict settled, a directory gone with the last of it) is told like news from elsewhere.
    // `made`: what `act` makes, if it does.
    Result<> change(const std::vector<Name>& asked, const Tree::Act& act,
                    const store::InodeRecord* made = nullptr);
    FileHandle add_handle(std::shared_ptr<OpenFile> file, bool writes);
    Result<Handle> handle_of(FileHandle handle) const;
    std::int64_t now_ns() const;
    Result<Attributes> set_nameless(const std::shared_ptr<OpenFile>& file,
                                    const AttributeChanges& changes);
    // Again, as long as there was no room and some could be made: others take of it, too.
    template <class Act>
    Result<> with_room(const Act& act) const {
        Result<> acted = act();
        for (int tries = 0; tries < 4 && is_full(acted) && parts_.make_room(); ++tries) {
            acted = act();
        }
        return acted;
    }
    Result<> resize(const std::shared_ptr<OpenFile>& file, std::uint64_t size);
    void take_record(OpenFile& file);
    FileAttributes::Parts attribute_parts();
    void close_if_idle(const std::shared_ptr<OpenFile>& file);
    void carry(const std::shared_ptr<OpenFile>& file, Named named);
    void recover_orphan(const Orphan& orphan);
    void let_go(const std::shared_ptr<OpenFile>& file);
    void erase_orphan(store::Inode inode);
    bool is_leaving(store::Inode inode);

    void note_read(OpenFile& file, std::uint64_t offset, std::size_t length);
    void note_outcome(OpenFile& file, const Result<ByteSpan>& outcome);
    void fetch(ReadTicket ticket, const Missing& missing);
    void try_again(ReadTicket ticket);
    void answer(ReadTicket ticket, Result<ByteSpan> result);

    const Parts parts_;
    SiblingReader siblings_;
    OpenQuorum quorum_;
    ReadFailures failures_;
    FileAttributes attributes_;
    MemberReports reports_;
    CarriedFiles carried_;
    mutable std::mutex files_mutex_;
    std::unordered_map<store::Inode, std::shared_ptr<OpenFile>> files_;  // guarded by files_mutex_
    std::unordered_map<FileHandle, Handle> handles_;                     // guarded by files_mutex_
    std::set<store::Inode> going_;  // whose names are being taken; guarded by files_mutex_
    FileHandle next_handle_ = 1;    // guarded by files_mutex_
    std::mutex reads_mutex_;
    std::unordered_map<ReadTicket, PendingRead> reads_;  // guarded by reads_mutex_
    ReadTicket next_ticket_ = 1;                         // guarded by reads_mutex_
};

}  // namespace swarmfs::node
