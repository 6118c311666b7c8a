// ContentStore: what is stored, in pages, and how a content goes.

#include <algorithm>

#include "engine/store/content_store_core.hpp"

namespace swarmfs::store {
std::vector<std::pair<ContentId, ContentRecord>> ContentStore::stored_from(
    Bytes& from, std::size_t count) const {
    std::vector<std::pair<ContentId, ContentRecord>> found;
    Bytes next;
    for (const Bytes& prefix : {records_prefix(), small_prefix()}) {
        if (!from.empty() && from.front() != prefix.front()) {
            continue;
        }
        core_->shared().database().reader().scan(prefix, from, [&](ByteSpan key, ByteSpan value) {
            if (found.size() == count) {
                next = to_bytes(key);
                return false;
            }
            if (auto record = decode_stored(key, value)) {
                const auto id = id_of_record_key(key);
                found.emplace_back(id ? *id : *id_of_small_key(key), *std::move(record));
            }
            return true;
        });
        if (!next.empty()) {
            break;
        }
        from.clear();
    }
    from = std::move(next);
    return found;
}

Result<> ContentStore::remove(const ContentId& id) {
    SWARM_TRY(const auto content, core_->open(id));
    return core_->remove(*content, core_->shared().database().begin());
}

Result<bool> ContentStore::remove_unused(const ContentId& id,
                                         const std::function<bool()>& unneeded) {
    SWARM_TRY(const auto content, core_->open(id));
    Batch batch = core_->shared().database().begin();
    if (!unneeded() || !core_->is_unshared(content) || !contents_over(batch, id).empty()) {
        return false;
    }
    SWARM_CHECK(core_->remove(*content, std::move(batch)));
    return true;
}

// Whoever wants one comes through open(), or has one already.
bool ContentStore::Core::is_unshared(const std::shared_ptr<StoredContent>& content) {
    Shelf& shelf = shelf_of(content->id());
    const std::lock_guard lock(shelf.mutex);
    std::erase(shelf.recent, content);
    return content.use_count() == 1;
}

Result<> ContentStore::Core::remove(StoredContent& content, Batch batch) {
    const ContentId& id = content.id();
    if (!contents_over(batch, id).empty()) {
        return caller_error(Code::busy, "a newer version lies over " + file_stem(id));
    }
    const std::unique_lock files(content.files_mutex_);
    content.forget_everything();
    ContentLedger(batch).erase(id);
    batch.erase(pending_key(id));
    std::vector<Bytes> pages;
    batch.scan(masks_prefix(id), {}, [&](ByteSpan key, ByteSpan) {
        pages.push_back(to_bytes(key));
        return true;
    });
    for (const Bytes& key : pages) {
        batch.erase(key);
    }
    auto committed = shared_.database().commit(std::move(batch), Durability::process_crash);
    if (!committed) {
        const std::lock_guard lock(content.load_mutex_);
        content.loaded_ = false;  // it is here as before, for whoever opens it next
        return committed;
    }
    // The tree first: without it a file that a kill leaves behind proves nothing and goes too.
    SWARM_CHECK(shared_.disk().remove(shared_.tree_path(id)));
    SWARM_CHECK(shared_.disk().remove(shared_.data_path(id)));
    content.data_.forget();
    content.tree_.forget();
    return done();
}

}  // namespace swarmfs::store
