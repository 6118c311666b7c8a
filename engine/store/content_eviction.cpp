#include "engine/store/content_eviction.hpp"

#include <algorithm>
#include <map>

#include "engine/store/content_store_core.hpp"

namespace swarmfs::store {

// ---- of one content ----

std::optional<ChunkIndex> ContentEviction::stored_near(ChunkIndex from) const {
    const std::lock_guard lock(content_.mutex_);
    const LeafMasks& masks = content_.base_ ? content_.own_ : content_.masks_;
    for (const ChunkIndex begin : {from, ChunkIndex()}) {
        for (auto at = masks.next_stored(begin); at; at = masks.next_stored(*at + 1)) {
            if (masks.mask(*at) != 0) {
                return at;
            }
        }
    }
    return std::nullopt;
}

std::uint64_t ContentEviction::bytes_on_disk() const {
    const std::lock_guard lock(content_.mutex_);
    return (content_.base_ ? content_.own_ : content_.masks_).stored_bytes();
}

std::uint64_t ContentEviction::last_use(ChunkIndex chunk) const {
    const std::lock_guard lock(content_.mutex_);
    return content_.cache_.uses.of(chunk);
}

// Requires: mutex_ is held.
bool ContentEviction::may_give_up() const {
    return !content_.owned_ && !content_.replaced_ && content_.places_.empty() &&
           content_.id_.size > kSmallBytesMax && !content_.shared_.cache().held(content_.id_);
}

// Rule 6. Returns: whether all that lies over the content did.
bool ContentEviction::let_go_above(std::span<const ChunkIndex> chunks) {
    for (const ContentId& id : contents_over(content_.shared_.database().reader(), content_.id_)) {
        const auto over = content_.shared_.open(id);
        if (!over.ok()) {
            return false;
        }
        ContentEviction above(**over);
        {
            const std::lock_guard lock((*over)->mutex_);
            if (!above.may_give_up()) {
                return false;
            }
        }
        if (!above.let_go_above(chunks)) {
            return false;
        }
        above.forget_inherited(chunks);
    }
    return true;
}

void ContentEviction::forget_inherited(std::span<const ChunkIndex> chunks) {
    {
        const std::lock_guard lock(content_.mutex_);
        if (!content_.base_ || !may_give_up()) {
            return;
        }
        for (const ChunkIndex chunk : chunks) {
            if (chunk.value < chunk_count(content_.id_.size)) {
                const auto below = static_cast<std::uint16_t>(~content_.own_.mask(chunk));
                content_.masks_.remove(chunk, below);
                content_.checked_.remove(chunk, below);
            }
        }
        ++content_.cache_.evictions;
    }
    content_.note_change();
}

std::uint64_t ContentEviction::give_up(std::span<const ChunkIndex> chunks) {
    if (!let_go_above(chunks)) {
        return 0;
    }
    std::uint64_t bytes = 0;
    {
        const std::lock_guard lock(content_.mutex_);
        if (!may_give_up()) {
            return 0;
        }
        LeafMasks& on_disk = content_.base_ ? content_.own_ : content_.masks_;
        bytes = on_disk.stored_bytes();
        for (const ChunkIndex chunk : chunks) {
            const std::uint16_t bits = on_disk.mask(chunk);
            if (bits == 0) {
                continue;
            }
            on_disk.remove(chunk, bits);
            content_.masks_.remove(chunk, bits);
            content_.checked_.remove(chunk, bits);
            content_.cache_.given_up.insert(chunk.value);
        }
        bytes -= on_disk.stored_bytes();
        if (bytes > 0) {
            ++content_.cache_.evictions;
        }
    }
    if (bytes > 0) {
        content_.note_change();
    }
    return bytes;
}

Result<> ContentEviction::punch() {
    for (;;) {
        const std::unique_lock files(content_.files_mutex_);
        std::vector<Range> holes;
        {
            const std::lock_guard lock(content_.mutex_);
            auto& given_up = content_.cache_.given_up;
            if (!content_.places_.empty()) {  // it was shared in place meanwhile, and has no file
                given_up.clear();
            }
            if (given_up.empty()) {
                return done();
            }
            holes = next_holes(ChunkIndex(*given_up.begin()));
        }
        const auto file = content_.data_file(Open::read);
        if (!file && file.error().code != Code::not_found) {
            return file.error();
        }
        for (const Range& hole : file ? holes : std::vector<Range>()) {
            SWARM_CHECK((*file)->punch(hole.offset, hole.length));
        }
        const std::lock_guard lock(content_.mutex_);
        content_.cache_.given_up.erase(content_.cache_.given_up.begin());
    }
}

// Of the chunk's leaves, those that are not stored. Requires: files_mutex_, alone, and mutex_ are held.
std::vector<Range> ContentEviction::next_holes(ChunkIndex chunk) const {
    std::vector<Range> holes;
    const std::uint16_t mask = content_.masks_.mask(chunk);
    const std::uint64_t size = content_.id_.size;
    for (unsigned leaf = 0; leaf < leaves_in_chunk(size, chunk); ++leaf) {
        if ((mask >> leaf & 1) != 0) {
            continue;
        }
        const LeafIndex index = first_leaf(chunk) + leaf;
        const Range range{index.value * kLeafBytes, leaf_bytes(size, index)};
        if (!holes.empty() && holes.back().end() == range.offset) {
            holes.back().length += range.length;
        } else {
            holes.push_back(range);
        }
    }
    return holes;
}

Result<> ContentEviction::punch_unclaimed() {
    SWARM_TRY(const auto file, content_.data_file(Open::read));
    SWARM_TRY(const FileStatus status, file->status());
    const std::uint64_t end = std::min(status.size, content_.id_.size);
    SWARM_TRY(std::uint64_t at, file->next_data(0));
    while (at < end) {
        const ChunkIndex chunk = chunk_at(at);
        {
            const std::lock_guard lock(content_.mutex_);
            if (content_.masks_.mask(chunk) != content_.masks_.full(chunk)) {
                content_.cache_.given_up.insert(chunk.value);
            }
        }
        SWARM_TRY(at, file->next_data((chunk.value + 1) * kChunkBytes));
    }
    return punch();
}

// ---- of the store ----

// Files that take clearly more room than is stored in them. What cannot be punched stays as it is.
Result<> ContentStore::Core::punch_unclaimed() {
    std::vector<ContentId> larger;
    shared_.database().reader().scan(records_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        const auto id = id_of_record_key(key);
        const auto record = id ? decode_content_record(value) : std::nullopt;
        if (record && !record->complete && record->places.empty()) {
            const auto status = shared_.disk().status(shared_.data_path(*id));
            if (status && status->allocated_bytes > record->bytes_on_disk() + kLeafBytes) {
                larger.push_back(*id);
            }
        }
        return true;
    });
    for (const ContentId& id : larger) {
        SWARM_TRY(const auto content, open(id));
        if (const auto punched = ContentEviction(*content).punch_unclaimed(); !punched) {
            shared_.note_repair(file_stem(id) + ": what is not stored of it takes room: " +
                                punched.error().message);
        }
    }
    return done();
}

Hold ContentStore::hold(const ContentId& id) {
    return core_->shared().cache().hold(id);
}

// A content below one that is owned or held is needed like that.
bool ContentStore::held(const ContentId& id) const {
    StoreShared& shared = core_->shared();
    const KeyValueReader& rows = shared.database().reader();
    std::vector<ContentId> above{id};
    for (std::size_t i = 0; i < above.size(); ++i) {
        const auto row = i == 0 ? std::nullopt : rows.get(record_key(above[i]));
        const auto record = row ? decode_content_record(*row) : std::nullopt;
        if (shared.cache().held(above[i]) || (record && record->owned)) {
            return true;
        }
        for (const ContentId& over : contents_over(rows, above[i])) {
            above.push_back(over);
        }
    }
    return false;
}

std::optional<ContentId> ContentStore::top_over(const ContentId& id) const {
    const KeyValueReader& rows = core_->shared().database().reader();
    std::optional<ContentId> top;
    for (auto over = contents_over(rows, id); !over.empty(); over = contents_over(rows, *top)) {
        top = over.front();
    }
    return top;
}

std::uint64_t ContentStore::holds_ended() const {
    return core_->shared().cache().holds_ended();
}

std::uint64_t ContentStore::taken_in() const {
    return core_->shared().cache().taken_in();
}

Result<Evicted> ContentStore::evict(std::span<const StoredChunk> chunks) {
    std::map<ContentId, std::vector<ChunkIndex>> by_content;
    for (const StoredChunk& one : chunks) {
        by_content[one.content].push_back(one.chunk);
    }
    Evicted evicted;
    std::vector<std::shared_ptr<StoredContent>> given_up;
    for (const auto& [id, of_it] : by_content) {
        if (id.size <= kSmallBytesMax) {
            SWARM_TRY(const std::uint64_t bytes, evict_small(id));
            evicted.bytes += bytes;
            continue;
        }
        SWARM_TRY(auto content, core_->open(id));
        if (const std::uint64_t bytes = ContentEviction(*content).give_up(of_it); bytes > 0) {
            evicted.bytes += bytes;
            given_up.push_back(std::move(content));
        }
    }
    if (given_up.empty()) {
        return evicted;
    }
    SWARM_CHECK(core_->save());
    SWARM_CHECK(core_->shared().database().sync());
    for (const auto& content : given_up) {
        SWARM_CHECK(ContentEviction(*content).punch());
        if (content->stored_bytes() == 0) {
            evicted.emptied.push_back(content->id());
        }
    }
    return evicted;
}

Result<std::uint64_t> ContentStore::evict_small(const ContentId& id) {
    std::uint64_t bytes = 0;
    SWARM_TRY(const bool removed, remove_unused(id, [&] {
                  const auto content = core_->open(id);
                  bytes = content.ok() ? (*content)->stored_bytes() : 0;
                  return bytes > 0 && !(*content)->owned() && !held(id);
              }));
    return removed ? bytes : 0;
}

Result<bool> ContentStore::remove_emptied(const ContentId& id) {
    bool filled = false;
    SWARM_TRY(const bool removed, remove_unused(id, [&] {
                  const auto content = core_->open(id);
                  filled = content.ok() && (*content)->stored_bytes() > 0;
                  return content.ok() && !filled;
              }));
    return removed || filled;
}

}  // namespace swarmfs::store
