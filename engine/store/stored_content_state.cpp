// What the Database says of a content, and back to it.

#include "engine/content/tree_builder.hpp"
#include "engine/store/content_ledger.hpp"
#include "engine/store/content_repair.hpp"
#include "engine/store/store_shared.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

Result<> StoredContent::load() {
    const std::lock_guard lock(load_mutex_);
    if (loaded_) {
        return done();
    }
    SWARM_CHECK(load_once());
    loaded_ = true;
    return done();
}

Result<> StoredContent::load_once() {
    const KeyValueReader& rows = shared_.database().reader();
    if (id_.size <= kSmallBytesMax) {
        const auto row = rows.get(small_key(id_));
        const auto small = row ? decode_small(*row) : std::nullopt;
        if (!small || small->bytes.size() != id_.size || id_.size == 0) {
            return done();
        }
        Hash256 hash;
        content::hash_leaves(small->bytes, {&hash, 1});
        if (hash != id_.root) {
            shared_.note_repair(file_stem(id_) + ": its bytes no longer match its hash");
            return done();
        }
        const std::lock_guard lock(mutex_);
        small_ = small->bytes;
        owned_ = small->owned;
        masks_.add_all();
        return done();
    }
    const auto row = rows.get(record_key(id_));
    if (!row) {
        return done();
    }
    if (is_other_version(*row)) {
        return other_version_error("the record of " + file_stem(id_));
    }
    SWARM_CHECK(shared_.finish_pending(id_));
    const auto record = decode_content_record(*row);
    if (!record) {
        shared_.note_repair(file_stem(id_) + ": its record is damaged, so its files were hashed");
        {
            const std::lock_guard lock(mutex_);
            masks_.add_all();
        }
        return ContentRepair(*this).settle(ContentRepair::Claim::guessed);
    }
    LeafMasks masks(id_.size);
    LeafMasks own(id_.size);
    std::set<std::uint64_t> pages;
    std::set<std::uint64_t> own_pages;
    rows.scan(masks_prefix(id_), {}, [&](ByteSpan key, ByteSpan value) {
        const auto page = page_of_mask_key(key);
        if (page && value.size() == LeafMasks::kPageChunks * 2) {
            (page->own ? own_pages : pages).insert(page->page);
            (page->own ? own : masks).load_page(page->page, value);
        }
        return true;
    });
    if (record->complete) {
        masks.add_all();
    }
    if (rows.failed()) {
        return disk_error(Code::io, "the record of " + file_stem(id_) + " could not be read");
    }
    std::shared_ptr<StoredContent> below;
    if (record->base) {
        SWARM_TRY(below, shared_.open(*record->base));
    }
    {
        const std::lock_guard lock(mutex_);
        owned_ = record->owned;
        places_ = record->places;
        masks_ = std::move(masks);
        saved_pages_ = std::move(pages);
        base_ = std::move(below);
        own_ = std::move(own);
        saved_own_pages_ = std::move(own_pages);
    }
    if (!files_fit()) {
        shared_.note_repair(file_stem(id_) + ": its files are shorter than what is stored in them");
        SWARM_CHECK(ContentRepair(*this).settle());
    }
    return done();
}

// Whether the files are long enough for what is said to be in them: what a truncation or a lost
// file shows without reading a byte.
bool StoredContent::files_fit() const {
    bool elsewhere = false;
    std::uint64_t data_needed = 0;
    {
        const std::lock_guard lock(mutex_);
        if (masks_.stored_bytes() == 0) {
            return true;
        }
        elsewhere = !places_.empty();
        data_needed = base_ ? own_.stored_end() : masks_.stored_end();
    }
    const auto long_enough = [&](const Path& path, std::uint64_t needed) {
        const auto status = shared_.disk().status(path);
        return status && status->regular && status->size >= needed;
    };
    const std::uint64_t tree_needed =
        shape_.leaves() == 1 ? 0 : shape_.node_offset(shape_.depth(), 0);
    return (elsewhere || long_enough(shared_.data_path(id_), data_needed)) &&
           (tree_needed == 0 || long_enough(shared_.tree_path(id_), tree_needed));
}

void StoredContent::add_place(const Place& place) {
    std::erase_if(places_, [&](const Place& other) { return other.path == place.path; });
    if (places_.size() == ContentRecord::kPlacesMax) {
        places_.erase(places_.begin());
    }
    places_.push_back(place);
}

void StoredContent::note_change() {
    {
        const std::lock_guard lock(mutex_);
        if (changed_) {
            return;
        }
        changed_ = true;
    }
    shared_.add_changed(shared_from_this());
}

void StoredContent::collect(ContentLedger& ledger, std::uint64_t epoch) {
    KeyValueWriter& rows = ledger.batch();
    std::unique_lock lock(mutex_);
    changed_ = false;
    if (replaced_ || id_.size == 0) {
        return;
    }
    const bool any = masks_.stored_bytes() > 0;
    if (id_.size <= kSmallBytesMax) {
        const bool owned = owned_;
        const Bytes small = small_;
        lock.unlock();  // the ledger reads what was there before
        any ? ledger.put_small(id_, owned, small) : ledger.erase(id_);
        return;
    }
    std::set<std::uint64_t> pages = masks_.take_changed();
    if (masks_.complete() || !any) {
        for (const std::uint64_t page : saved_pages_) {
            rows.erase(mask_key(id_, page));
        }
        saved_pages_.clear();
    } else {
        for (const std::uint64_t page : pages) {
            rows.put(mask_key(id_, page), masks_.encode_page(page));
            saved_pages_.insert(page);
        }
    }
    std::shared_ptr<StoredContent> no_longer_below;  // may die, outside the lock
    if (own_.complete() || !any) {
        no_longer_below.swap(base_);  // whoever reads over it still finds which leaves are its own
    }
    pages = own_.take_changed();
    if (!base_) {
        for (const std::uint64_t page : saved_own_pages_) {
            rows.erase(own_mask_key(id_, page));
        }
        saved_own_pages_.clear();
        pages.clear();
    }
    for (const std::uint64_t page : pages) {
        rows.put(own_mask_key(id_, page), own_.encode_page(page));
        saved_own_pages_.insert(page);
    }
    ContentRecord record;
    if (base_) {
        record.base = base_->id();
        record.own_bytes = own_.stored_bytes();
    }
    record.complete = masks_.complete();
    record.owned = owned_;
    record.epoch = epoch;
    record.stored_bytes = masks_.stored_bytes();
    record.places = places_;
    lock.unlock();
    any ? ledger.put(id_, record) : ledger.erase(id_);
}

// What collect() gave did not reach the Database: give all of it again.
void StoredContent::collect_again() {
    {
        const std::lock_guard lock(mutex_);
        masks_.change_all();
        own_.change_all();
        if (changed_) {
            return;
        }
        changed_ = true;
    }
    shared_.add_changed(shared_from_this());
}

}  // namespace swarmfs::store
