// What outlives a run of the node: what it left unpublished, and what its mounts have open.

#include "engine/core/log.hpp"
#include "engine/node/done_requests.hpp"
#include "engine/node/tree_volume.hpp"

namespace swarmfs::node {

std::optional<Inode> TreeVolume::done_before(const RequestMark& request) {
    return find_done(parts_.database.reader(), request);
}

void TreeVolume::mount_ended(std::uint64_t mount) {
    if (const auto forgotten = forget_done(parts_.database, mount); !forgotten.ok()) {
        log_debug("node", "rows of a mount that is gone stay: " + forgotten.error().message);
    }
    for (const std::shared_ptr<OpenFile>& file : carried_.end(mount)) {
        let_go(file);
    }
}

void TreeVolume::forgotten(Inode inode) {
    if (const auto file = carried_.take(inode)) {
        let_go(file);
    }
}

// Of a file that was carried.
void TreeVolume::let_go(const std::shared_ptr<OpenFile>& file) {
    if (file->written() && file->writers == 0 && file->named == Named::yes) {
        parts_.publisher.publish(file);
    }
    unuse(file);
}

// Asked within a batch that may fail: then a row is erased in vain, later.
bool TreeVolume::is_leaving(store::Inode inode) {
    const auto file = opened(inode);
    if (file) {
        file->orphaned = true;
    }
    return file != nullptr;
}

void TreeVolume::erase_orphan(store::Inode inode) {
    auto erased = parts_.database.commit(without_orphan(parts_.tree.swarm(), inode),
                                         store::Durability::process_crash);
    if (!erased.ok()) {  // the next start erases it
        log_debug("node", "the row of a file without a name stays: " + erased.error().message);
    }
}

void TreeVolume::carry(const std::shared_ptr<OpenFile>& file, Named named) {
    file->named = named;
    {
        const std::lock_guard lock(files_mutex_);
        ++file->uses;
        files_.emplace(file->inode(), file);
    }
    carried_.add(file);
}

void TreeVolume::recover_orphan(const Orphan& orphan) {
    std::shared_ptr<store::StoredContent> stored;
    if (orphan.record.content.size > 0) {
        auto opened = parts_.contents.open(orphan.record.content);
        if (!opened.ok()) {
            log_warning("node", "an open file without a name is lost: " + opened.error().message);
            erase_orphan(orphan.record.inode);
            return;
        }
        stored = *std::move(opened);
    }
    auto file = std::make_shared<OpenFile>(orphan.record, std::move(stored));
    file->orphaned = true;
    carry(file, orphan.removed_here ? Named::no : Named::yes);
}

void TreeVolume::recover() {
    const bool mounts_go_on = carried_.any_mount();
    auto orphans = orphans_of(parts_.database.reader(), parts_.tree.swarm());
    for (const Publisher::Recovered& recovered : parts_.publisher.recover()) {
        const std::shared_ptr<OpenFile>& file = recovered.file;
        const auto orphan = orphans.find(file->inode());
        const bool removed = orphan != orphans.end() && orphan->second.removed_here;
        if (removed && !mounts_go_on) {
            parts_.publisher.discard(*file);  // nobody has it open, and nobody will
            continue;
        }
        if (orphan != orphans.end()) {
            file->orphaned = true;
            if (mounts_go_on) {
                orphans.erase(orphan);
            }
        }
        if (mounts_go_on && (removed || recovered.had_writer)) {
            carry(file, removed ? Named::no : Named::yes);
            continue;
        }
        {
            const std::lock_guard lock(files_mutex_);
            files_.emplace(file->inode(), file);
        }
        log_info("node", "\"" + printable(file->record.name) +
                             "\" was written before the last stop; it is published now");
        parts_.publisher.publish(file);
    }
    for (const auto& [inode, orphan] : orphans) {
        if (mounts_go_on) {
            recover_orphan(orphan);
        } else {
            erase_orphan(inode);
        }
    }
}

}  // namespace swarmfs::node
