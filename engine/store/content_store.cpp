#include "engine/store/content_store.hpp"

#include <algorithm>

#include "engine/store/content_store_core.hpp"
#include "engine/store/inheritance.hpp"
#include "engine/store/layered_file.hpp"
#include "engine/store/publication.hpp"

namespace swarmfs::store {

// ---- the contents in memory, and saving them ----

Result<std::shared_ptr<StoredContent>> ContentStore::Core::open(const ContentId& id) {
    SWARM_CHECK(content::check_content_id(id));
    Shelf& shelf = shelf_of(id);
    std::shared_ptr<StoredContent> content;
    std::shared_ptr<StoredContent> displaced;  // dies outside the lock
    {
        const std::lock_guard lock(shelf.mutex);
        auto& slot = shelf.contents[id];
        content = slot.lock();
        if (!content) {
            content = std::make_shared<StoredContent>(owned_shared_, id);
            slot = content;
            shelf.recent.push_back(content);
            if (shelf.recent.size() > options_.recent_max / kShelves + 1) {
                displaced = std::move(shelf.recent.front());
                shelf.recent.pop_front();
            }
            if (shelf.contents.size() > shelf.sweep_at) {
                std::erase_if(shelf.contents, [](const auto& e) { return e.second.expired(); });
                shelf.sweep_at = shelf.contents.size() * 2 + 64;
            }
        }
    }
    SWARM_CHECK(content->load());
    return content;
}

Result<> ContentStore::Core::save() {
    const std::lock_guard lock(save_mutex_);
    const auto changed = shared_.take_changed();
    if (changed.empty()) {
        return done();
    }
    Result<> committed = done();
    {
        Batch batch = shared_.database().begin();
        ContentLedger ledger(batch);
        for (const auto& content : changed) {
            content->collect(ledger, shared_.epoch());
        }
        committed = shared_.database().commit(std::move(batch), Durability::process_crash);
    }
    if (!committed) {
        for (const auto& content : changed) {
            content->collect_again();
        }
    }
    return committed;
}

Result<> ContentStore::Core::sync() {
    const std::lock_guard one(sync_mutex_);
    std::uint64_t epoch = 0;
    {
        const std::lock_guard lock(save_mutex_);
        epoch = shared_.next_epoch();
    }
    const auto placed = shared_.take_placed();
    SWARM_CHECK(save());
    SWARM_CHECK(shared_.disk().sync_all(shared_.content_folder()));
    synced_epoch_ = epoch;
    Changes changes;
    for (const ContentId& id : placed) {
        changes[pending_key(id)] = std::nullopt;
    }
    if (!changes.empty()) {
        SWARM_CHECK(shared_.database().commit(std::move(changes), Durability::process_crash));
    }
    return write_state(false);
}

// ---- the door ----

ContentStore::ContentStore(std::unique_ptr<Core> core) : core_(std::move(core)) {}
ContentStore::~ContentStore() = default;

Result<std::unique_ptr<ContentStore>> ContentStore::open(Disk& disk, Database& database,
                                                         const Path& home,
                                                         const ContentStoreOptions& options) {
    auto core = std::make_unique<Core>(disk, database, home, options);
    SWARM_CHECK(core->start());
    return std::unique_ptr<ContentStore>(new ContentStore(std::move(core)));
}

Result<std::shared_ptr<StoredContent>> ContentStore::open(const ContentId& id) {
    return core_->open(id);
}

ContentWriter ContentStore::begin_writer() {
    return ContentWriter(core_->shared());
}

Result<NewContent> ContentStore::prepare_in_place(const Path& path, const GiveUp& give_up) {
    StoreShared& shared = core_->shared();
    const Path absolute = std::filesystem::absolute(path).lexically_normal();
    SWARM_TRY(const FileStatus named, shared.disk().status(absolute));
    if (!named.regular) {
        return caller_error(Code::invalid, absolute.string() + " is not a regular file");
    }
    SWARM_TRY(const auto file, shared.disk().open(absolute, Open::read));
    SWARM_TRY(const FileStatus before, file->status());
    if (before.size > kContentBytesMax) {
        return caller_error(Code::too_large, absolute.string() + " is over 1 PiB");
    }
    NewContent fresh(content::kEmptyContent);
    if (before.size <= kSmallBytesMax) {
        Bytes bytes(static_cast<std::size_t>(before.size));
        NoSink none;
        SWARM_TRY(const ContentId id, hash_file(*file, before.size, none));
        SWARM_TRY(const std::size_t got, file->read_at(0, bytes));
        Hash256 again;
        content::hash_leaves(ByteSpan(bytes).first(got), {&again, bytes.empty() ? 0U : 1U});
        fresh = NewContent(id);
        fresh.small_ = std::move(bytes);
        if (got < before.size || again != id.root) {
            return disk_error(Code::try_again, absolute.string() + " changed while it was hashed");
        }
    } else {
        const ReadBytes read = [&](std::uint64_t offset, MutableByteSpan out) {
            return read_whole(*file, offset, out);
        };
        SWARM_TRY(fresh, hash_into_new(shared, before.size, read, give_up));
        fresh.place_ = Place{absolute.string(), before.device, before.inode, before.mtime_ns};
    }
    fresh.masks_.add_all();
    const auto after = file->status();
    const auto named_after = shared.disk().status(absolute);
    if (!after || !named_after || after->size != before.size ||
        after->mtime_ns != before.mtime_ns || named_after->inode != before.inode ||
        named_after->device != before.device) {
        discard(std::move(fresh));
        return disk_error(Code::try_again, absolute.string() + " changed while it was hashed");
    }
    return fresh;
}

StagingLog& ContentStore::staging_log() {
    return core_->staging_log();
}

std::uint64_t ContentStore::next_staging_number() {
    return core_->shared().take_number();
}

Result<std::vector<Range>> ContentStore::missing_for(StagedFile& staged) {
    SWARM_TRY(auto base, core_->open(staged.row().base));
    return Publication(core_->shared(), staged, std::move(base), {}).missing();
}

Result<NewContent> ContentStore::prepare_staged(StagedFile& staged, const GiveUp& give_up) {
    const Hold unevicted = hold(staged.row().base);  // while its leaves are copied
    SWARM_TRY(auto base, core_->open(staged.row().base));
    return Publication(core_->shared(), staged, std::move(base), give_up).prepare();
}

Result<ContentStore::Inherited> ContentStore::inherit(const ContentId& fresh,
                                                      const ContentId& older,
                                                      std::size_t leaves_max) {
    Inherited inherited;
    if (fresh == older) {
        return inherited;
    }
    SWARM_TRY(auto to, core_->open(fresh));
    SWARM_TRY(auto from, core_->open(older));
    Inheritance inheritance(std::move(to), std::move(from));
    inherited.ask_for = inheritance.find(leaves_max);
    SWARM_TRY(inherited.bytes, inheritance.take());
    return inherited;
}

Result<> ContentStore::record(ContentLedger& ledger, NewContent& fresh) {
    if (fresh.id_.size == 0 || fresh.known_) {
        return done();
    }
    SWARM_TRY(fresh.content_, core_->open(fresh.id_));
    if (fresh.id_.size <= kSmallBytesMax) {
        ledger.put_small(fresh.id_, true, fresh.small_);
        return done();
    }
    KeyValueWriter& batch = ledger.batch();
    StoreShared& shared = core_->shared();
    StoredContent& content = *fresh.content_;
    ContentRecord row;
    row.owned = true;
    row.epoch = shared.epoch();
    {
        const std::lock_guard lock(content.mutex_);
        // Bytes of our own are worth more than a file somebody may edit.
        fresh.known_ = content.masks_.complete() && (content.places_.empty() || fresh.place_);
        content.replaced_ = !fresh.known_;
        content.owned_ = content.owned_ || fresh.known_;
        if (fresh.known_ && fresh.place_ && !content.places_.empty()) {
            content.add_place(*fresh.place_);
        }
        row.places = content.places_;
        if (content.base_) {
            row.base = content.base_->id();
            row.own_bytes = content.own_.stored_bytes();
        }
    }
    if (!fresh.known_) {
        row.places.clear();
        row.base.reset();
        if (fresh.base_) {
            if (lies_over(fresh.base_, fresh.id_)) {
                return disk_error(Code::try_again, "the version below became one above meanwhile");
            }
            row.base = fresh.base_->id();
            row.own_bytes = fresh.own_.stored_bytes();
        }
        if (fresh.place_) {
            row.places.push_back(*fresh.place_);
        }
        const auto relative = [&](const Path& path) {
            return path.empty() ? std::string() : path.lexically_relative(shared.home()).string();
        };
        PendingFiles pending{relative(fresh.data_), 0, relative(fresh.tree_)};
        if (!fresh.data_.empty()) {
            SWARM_TRY(const FileStatus status, shared.disk().status(fresh.data_));
            pending.data_inode = status.inode;
        }
        batch.put(pending_key(fresh.id_), encode(pending));
        std::vector<Bytes> old_pages;
        batch.scan(masks_prefix(fresh.id_), {}, [&](ByteSpan key, ByteSpan) {
            old_pages.push_back(to_bytes(key));
            return true;
        });
        for (const Bytes& key : old_pages) {
            batch.erase(key);
        }
        for (const std::uint64_t page : fresh.masks_.pages()) {
            batch.put(mask_key(fresh.id_, page), fresh.masks_.encode_page(page));
        }
        for (const std::uint64_t page : fresh.own_.pages()) {
            batch.put(own_mask_key(fresh.id_, page), fresh.own_.encode_page(page));
        }
    }
    row.complete = fresh.known_ || fresh.masks_.complete();
    row.stored_bytes = fresh.known_ ? fresh.id_.size : fresh.masks_.stored_bytes();
    ledger.put(fresh.id_, row);
    return done();
}

Result<std::shared_ptr<StoredContent>> ContentStore::place(NewContent fresh) {
    StoreShared& shared = core_->shared();
    if (!fresh.content_) {
        SWARM_TRY(fresh.content_, core_->open(fresh.id_));
    }
    StoredContent& content = *fresh.content_;
    if (fresh.sync_promised_) {  // the files must not leave their names before the batch is safe
        SWARM_CHECK(shared.database().sync());
    }
    const std::unique_lock files(content.files_mutex_);
    {
        const std::lock_guard lock(content.mutex_);  // a twin of the same batch may have been first
        fresh.known_ = fresh.known_ || (content.masks_.complete() && content.places_.empty());
        // A copy of what was merely fetched is of this node's own making, too.
        content.owned_ = content.owned_ || (fresh.known_ && content.masks_.stored_bytes() > 0);
        if (!fresh.known_ && (!fresh.masks_.complete() || fresh.base_)) {
            // What was here and is not in the file that comes must not be read from that.
            ++content.generation_;
            content.masks_.clear();
            content.checked_.clear();
        }
    }
    if (fresh.id_.size > kSmallBytesMax && !fresh.known_) {
        SWARM_CHECK(core_->move_files(fresh));
    }
    if (!fresh.known_) {
        const std::lock_guard lock(content.mutex_);
        ++content.generation_;
        content.replaced_ = false;
        std::swap(content.base_, fresh.base_);  // what it was dies with `fresh`, outside the lock
        const auto own_pages = fresh.own_.pages();
        content.saved_own_pages_ = {own_pages.begin(), own_pages.end()};
        content.own_ = std::move(fresh.own_);
        content.own_.take_changed();
        content.owned_ = true;
        content.small_ = std::move(fresh.small_);
        if (!fresh.place_) {
            content.places_.clear();
        } else if (content.masks_.complete() && !content.places_.empty()) {
            content.add_place(*fresh.place_);  // a twin of the same batch was first
        } else {
            content.places_ = {*fresh.place_};
        }
        const auto pages = fresh.masks_.pages();
        content.saved_pages_ = {pages.begin(), pages.end()};
        content.masks_ = std::move(fresh.masks_);
        content.checked_ = std::move(fresh.checked_);
        content.recent_.reset();
        content.masks_.take_changed();
    }
    content.note_change();
    for (const Path& file : {fresh.data_, fresh.tree_}) {
        if (!file.empty()) {  // moved already, or not needed
            [[maybe_unused]] const auto removed = shared.disk().remove(file);
        }
    }
    return fresh.content_;
}

Result<> ContentStore::Core::move_files(const NewContent& fresh) {
    StoredContent& content = *fresh.content_;
    const Path data = shared_.data_path(fresh.id_);
    content.data_.forget();
    content.tree_.forget();
    content.place_.forget();
    SWARM_CHECK(shared_.finish_pending(fresh.id_));
    if (fresh.place_) {
        SWARM_CHECK(shared_.disk().remove(data));
    } else if (shared_.disk().status(fresh.data_).ok() && !shared_.disk().status(data).ok()) {
        SWARM_CHECK(shared_.disk().make_folder(shared_.folder_of(fresh.id_)));
        SWARM_CHECK(shared_.disk().rename(fresh.data_, data));  // the twin had no file of its own
    }
    const Path tree = shared_.tree_path(fresh.id_);
    if (!fresh.tree_.empty() && shared_.disk().status(fresh.tree_).ok() &&
        !shared_.disk().status(tree).ok()) {  // the content was removed since it was recorded
        SWARM_CHECK(shared_.disk().make_folder(shared_.folder_of(fresh.id_)));
        SWARM_CHECK(shared_.disk().rename(fresh.tree_, tree));
    }
    content.data_.forget();
    content.tree_.forget();
    return done();
}

void ContentStore::discard(NewContent fresh) {
    StoreShared& shared = core_->shared();
    if (fresh.content_) {
        const std::lock_guard lock(fresh.content_->mutex_);
        fresh.content_->replaced_ = false;
    }
    for (const Path& file : {fresh.data_, fresh.tree_}) {
        if (file.parent_path() == shared.incoming_folder()) {
            [[maybe_unused]] const auto removed = shared.disk().remove(file);
        }
    }
}

Result<ContentId> ContentStore::keep(NewContent fresh) {
    const ContentId id = fresh.id();
    Database& database = core_->shared().database();
    Batch batch = database.begin();
    ContentLedger ledger(batch);
    Result<> kept = record(ledger, fresh);
    if (kept) {
        kept = database.commit(std::move(batch), Durability::process_crash);
    }
    if (!kept) {
        discard(std::move(fresh));
        return std::move(kept).error();
    }
    SWARM_CHECK(place(std::move(fresh)));
    return id;
}

Result<> ContentStore::set_owned(const ContentId& id, bool owned) {
    SWARM_TRY(const auto content, core_->open(id));
    {
        const std::lock_guard lock(content->mutex_);
        if (content->masks_.stored_bytes() == 0 || content->owned_ == owned) {
            return done();
        }
        content->owned_ = owned;
    }
    content->note_change();
    return done();
}

void ContentStore::for_each_stored(
    const std::function<bool(const ContentId&, const ContentRecord&)>& visit) const {
    constexpr std::size_t kAtOnce = 1024;
    Bytes from;
    do {
        for (const auto& [id, record] : stored_from(from, kAtOnce)) {
            if (!visit(id, record)) {
                return;
            }
        }
    } while (!from.empty());
}

ContentStatistics ContentStore::statistics() const {
    return read_totals(core_->shared().database().reader());
}

std::vector<std::string> ContentStore::repairs() const {
    return core_->shared().repairs();
}
Result<> ContentStore::save() {
    return core_->save();
}
Result<> ContentStore::sync() {
    return core_->sync();
}

}  // namespace swarmfs::store
