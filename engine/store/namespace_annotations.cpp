// What is annotated of an inode: in its version's entry, or in a row as long as it has none.

#include "engine/store/namespace.hpp"

namespace swarmfs::store {

Result<catalog::Annotations> NamespaceReader::annotations(
    const InodeRecord& record, const catalog::ReplicaReader& catalog) const {
    if (record.dot) {
        const auto version = catalog.version(*record.dot);
        return version ? catalog::annotations_of(version->entry) : catalog::Annotations{};
    }
    const auto row = rows_.get(annotations_key(record.inode));
    return row ? catalog::decode_annotations(*row) : catalog::Annotations{};
}

Result<InodeRecord> Namespace::annotate(Inode inode, const Alter& alter) {
    SWARM_TRY(InodeRecord record, find(inode));
    const InodeRecord before = record;
    SWARM_TRY(catalog::Annotations noted, annotations(record, replica_));
    SWARM_CHECK(alter(noted));
    SWARM_CHECK(catalog::check_attributes(noted.attributes));
    record.ctime_ns = now_.ns();
    const bool unpublished = record.kind == InodeKind::file && !record.dot;
    if (inode != kRootInode && !unpublished) {
        SWARM_TRY(const std::string path, path_of(record));
        SWARM_TRY(catalog::Entry entry, entry_of(record, path));
        SWARM_CHECK(catalog::annotate(entry, noted));
        SWARM_TRY(record.dot, append_over(before, path, entry));
    } else if (noted.empty()) {
        forget_annotations(inode);
    } else {
        rows_.put(annotations_key(inode), catalog::encode_annotations(noted));
    }
    inodes_.put(record);
    note_attributes(inode);
    update(replica_.take_touched());
    return record;
}

// Nearly no file has such a row, and looking for one is cheaper than a change in the journal.
void Namespace::forget_annotations(Inode inode) {
    const Bytes key = annotations_key(inode);
    if (rows_.get(key)) {
        rows_.erase(key);
    }
}

// What a shared folder says anew of a file takes nothing away that was annotated on the mount: the
// folder knows nothing of it. Tags it was shared with are its own, and count.
void Namespace::keep_annotations(const InodeRecord& existing, catalog::Entry& fresh) const {
    const auto version = replica_.version(*existing.dot);
    if (!version) {
        return;
    }
    if (fresh.tags.empty()) {
        fresh.tags = version->entry.tags;
    }
    for (const auto& [key, value] : version->entry.extensions) {
        fresh.extensions.emplace(key, value);
    }
}

}  // namespace swarmfs::store
