#pragma once
// A swarm as inodes and names: what a mount shows, derived from the catalog and kept beside it, so
// that no lookup ever merges anything or waits for anyone.
//
// Rules:
//   1. Names follow the catalog's views (catalog/merge.hpp): a winner under its own name, losers
//      beside it, a directory wherever something below it lives.
//   2. A version written by another member is a new inode, as if renamed over, unless it has the
//      same content. A version written here keeps its inode. Directories keep theirs.
//   3. A file created here is known to nobody else until it is published with its first content.
//   4. Local changes become entries at once (Replica::append_local); somebody else signs them soon.
//   5. What comes, goes or moves here sets its directory's mtime, on this node alone: an entry of
//      the directory for every file in it would be as many again, and would contradict whoever
//      changes the directory meanwhile. What others do leaves the time they set, or carried, alone.
//   6. Changing a file that is shown as a conflict copy makes a real file of its name; removing it
//      settles the conflict in favour of what stands beside it.
// Readers work on any KeyValueReader, writers inside one batch. Thread: as the map's.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/catalog/annotations.hpp"
#include "engine/catalog/replica.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/key_value.hpp"
#include "engine/core/result.hpp"
#include "engine/store/namespace_sums.hpp"

namespace swarmfs::store {

catalog::EntryKind entry_kind_of(InodeKind kind);

class NamespaceReader {
public:
    explicit NamespaceReader(const KeyValueReader& rows) : rows_(rows) {}

    // Errors: not_found, not_directory.
    Result<InodeRecord> lookup(Inode parent, std::string_view name) const;
    Result<InodeRecord> find(Inode inode) const;
    // The inode at a path; "" is the root.
    Result<InodeRecord> resolve(std::string_view path) const;
    // Up to `count` children after the name `after`, in byte order.
    std::vector<InodeRecord> list(Inode directory, std::string_view after, std::size_t count) const;
    bool has_children(Inode directory) const;
    // Errors: not_found when the inode has no name any more.
    Result<std::string> path_of(const InodeRecord& record) const;
    // Whether any file shows the content. Requires: it is not empty.
    bool shows(const ContentId& content) const;
    // Cost: none.
    NamespaceSums sums() const { return read_sums(rows_); }
    // Files that were created here and have never been published.
    std::vector<Inode> unpublished() const;
    // Those of its version, which `catalog` has; of what has none, its row's.
    // Errors: those of catalog::decode_attributes.
    Result<catalog::Annotations> annotations(const InodeRecord& record,
                                             const catalog::ReplicaReader& catalog) const;

protected:
    std::optional<Inode> child(Inode parent, std::string_view name) const;

private:
    const KeyValueReader& rows_;
};

// A name that shows something else than before; or, without a name, an inode that keeps its names
// and its bytes for whoever has it, and changed in its attributes alone.
struct NameChange {
    Inode parent = 0;
    std::string name;
    Inode inode = 0;      // before, or now where there was nothing
    ContentId content{};  // that inode's
};

enum class Renaming : std::uint8_t { replace, keep_existing, exchange };

class Namespace : public NamespaceReader {
public:
    struct Now {
        std::uint64_t wall_ms = 0;
        std::int64_t ns() const { return static_cast<std::int64_t>(wall_ms) * 1'000'000; }
    };

    // Requires: rows, replica and `home`, which is all there is besides, see the same batch and
    // outlive this.
    Namespace(KeyValueWriter& rows, const KeyValueReader& home, catalog::Replica& replica,
              Dice& dice, Now now)
        : NamespaceReader(rows),
          rows_(rows),
          inodes_(rows, home),
          replica_(replica),
          dice_(dice),
          now_(now) {}

    // What sums() says is so from now on, in homes from before it was kept.
    void count_once() { inodes_.count_once(); }

    // Derives the view of these paths anew (Replica's `touched`).
    void update(const std::vector<std::string>& touched);

    // Errors: exists, not_found, not_directory, is_directory, not_empty, and those of check_name
    // and Replica::append_local.
    Result<InodeRecord> make_directory(Inode parent, std::string_view name, std::uint16_t mode);
    Result<InodeRecord> make_symlink(Inode parent, std::string_view name, std::string_view target);
    Result<InodeRecord> create_file(Inode parent, std::string_view name, std::uint16_t mode);
    // Makes `content` the file's version. `opened` is what it was written over: where something
    // newer stands at its name by now, both are kept. A file that was unlinked meanwhile is left.
    Result<InodeRecord> publish_file(const InodeRecord& opened, const ContentId& content,
                                     std::int64_t mtime_ns);
    // What a shared folder says stands at a path; makes the directories above. Tags as given. Of
    // what is shown there it replaces the versions that say the same as `entry`, and those that
    // `may_replace` names; the others stay beside it.
    using MayReplace = std::function<bool(const catalog::Entry& shown)>;
    Result<InodeRecord> put_path(const catalog::Entry& entry, const MayReplace& may_replace);
    Result<> remove_file(Inode parent, std::string_view name);
    Result<> remove_directory(Inode parent, std::string_view name);
    Result<> rename(Inode parent, std::string_view name, Inode new_parent,
                    std::string_view new_name, Renaming rule);
    Result<InodeRecord> set_attributes(Inode inode, std::optional<std::uint16_t> mode,
                                       std::optional<std::int64_t> mtime_ns);
    // Lets `alter` change what is annotated: one entry, like a new mode. The root's stay on this
    // node, and a file's that is not published yet go out with it.
    // Errors: not_found, those of `alter`, of annotations() and of catalog::annotate.
    using Alter = std::function<Result<>(catalog::Annotations&)>;
    Result<InodeRecord> annotate(Inode inode, const Alter& alter);

    // What changed by all of the above since the last call.
    std::vector<NameChange> take_changes();

private:
    // namespace_view.cpp
    void show(const std::string& path, const catalog::Version& version);
    void show_directory(const std::string& path);
    void show_implicit(InodeRecord directory);
    void hide(const std::string& path);
    void drop(const InodeRecord& record);
    void prune(Inode directory);
    Result<InodeRecord> ensure_parents(std::string_view path);
    InodeRecord insert(InodeRecord record);
    void note(const InodeRecord& record);
    void note_attributes(Inode inode);
    void touch(Inode directory);

    // namespace_local.cpp
    Result<InodeRecord> vacant(Inode parent, std::string_view name) const;
    Result<catalog::Entry> entry_of(const InodeRecord& record, const std::string& path) const;
    Result<catalog::Dot> append_over(const InodeRecord& before, const std::string& path,
                                     catalog::Entry entry);
    Result<InodeRecord> append_and_show(const catalog::Entry& entry);
    using Dots = std::vector<catalog::Dot>;
    using DotSet = std::set<catalog::Dot>;
    std::optional<Dots> base_over(const std::string& path, const DotSet& over) const;
    Result<> append_removal(const InodeRecord& record, const std::string& path,
                            const DotSet& moving);
    DotSet replaced_by(const catalog::Entry& entry, const MayReplace& may_replace) const;
    void forget_annotations(Inode inode);
    void keep_annotations(const InodeRecord& existing, catalog::Entry& fresh) const;
    Result<> settle_conflict(const InodeRecord& record, const std::string& path);
    std::string name_shown(const std::string& path, const catalog::Dot& dot,
                           const ContentId& content) const;
    Result<std::string> path_to_publish(const InodeRecord& record) const;
    Result<> append(const catalog::Entry& entry);
    FileId new_file_id();

    // namespace_rename.cpp
    struct Moved;
    Result<> check_not_below(Inode directory, const InodeRecord& moved) const;
    Result<> check_rename(const InodeRecord& source, const std::optional<InodeRecord>& target,
                          Inode new_parent, Renaming rule) const;
    Result<> gather(const InodeRecord& record, const std::string& path, const std::string& new_path,
                    std::vector<Moved>& moved) const;
    void place(InodeRecord record, Inode parent, std::string_view name);

    KeyValueWriter& rows_;
    InodeLedger inodes_;  // every row of an inode is written by it
    catalog::Replica& replica_;
    Dice& dice_;
    const Now now_;
    std::vector<NameChange> changes_;
};

}  // namespace swarmfs::store
