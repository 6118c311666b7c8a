#include "engine/store/stored_content.hpp"

#include <algorithm>
#include <array>

#include "engine/store/store_shared.hpp"

namespace swarmfs::store {
namespace {

// A read meets so many evictions of its content, and then counts as one of what is not here.
constexpr unsigned kEvictionsMetMax = 8;

std::uint16_t bits_of(unsigned first, std::size_t count) {
    return static_cast<std::uint16_t>(((std::uint32_t{1} << count) - 1) << first);
}

}  // namespace

StoredContent::StoredContent(std::shared_ptr<StoreShared> shared, const ContentId& id)
    : owner_(std::move(shared)),
      shared_(*owner_),
      id_(id),
      shape_(id.size),
      nodes_([this](auto... which) { return read_known_nodes(which...); }),
      proven_nodes_([this](auto... which) { return read_proven_nodes(which...); }),
      data_(shared_.files()),
      tree_(shared_.files()),
      place_(shared_.files()),
      masks_(id.size),
      checked_(id.size),
      cache_(id.size),
      own_(id.size) {}

std::uint16_t StoredContent::leaf_mask(ChunkIndex chunk) const {
    const std::lock_guard lock(mutex_);
    return masks_.mask(chunk);
}

bool StoredContent::has(std::uint64_t offset, std::uint64_t length) const {
    const std::lock_guard lock(mutex_);
    return masks_.has(offset, length);
}

bool StoredContent::complete() const {
    const std::lock_guard lock(mutex_);
    return masks_.complete();
}

std::uint64_t StoredContent::stored_bytes() const {
    const std::lock_guard lock(mutex_);
    return masks_.stored_bytes();
}

void StoredContent::whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const {
    const std::lock_guard lock(mutex_);
    masks_.whole_chunks(first, bitmap);
}

std::optional<ChunkIndex> StoredContent::next_stored(ChunkIndex from) const {
    const std::lock_guard lock(mutex_);
    return masks_.next_stored(from);
}

bool StoredContent::owned() const {
    const std::lock_guard lock(mutex_);
    return owned_;
}

bool StoredContent::in_place() const {
    const std::lock_guard lock(mutex_);
    return !places_.empty();
}

// Said at every leaf that is still to be fetched: short enough to cost no memory.
Error StoredContent::not_here() const {
    return disk_error(Code::not_found, "not stored here");
}

// ---- writing ----

Result<> StoredContent::write_verified(ChunkIndex chunk, unsigned first,
                                       std::span<const ByteSpan> leaves,
                                       const content::ChunkHashes& proven) {
    SWARM_ASSERT(proven.chunk == chunk && first + leaves.size() <= proven.count);
    const std::uint16_t bits = bits_of(first, leaves.size());
    const std::shared_lock files(files_mutex_);
    std::uint64_t generation = 0;
    bool tree_known = false;
    {
        const std::lock_guard lock(mutex_);
        if ((masks_.mask(chunk) & bits) == bits) {
            return done();
        }
        generation = generation_;
        tree_known = masks_.mask(chunk) != 0 && !doubtful_.contains(chunk.value);
        if (id_.size <= kSmallBytesMax) {
            small_ = to_bytes(leaves.front());
        }
    }
    if (id_.size > kSmallBytesMax) {
        SWARM_TRY(const auto data, data_file(Open::create));
        SWARM_CHECK(write_leaves(*data, first, leaves, proven));
        if (!tree_known) {
            SWARM_CHECK(write_tree(proven, Anew::what_is_new));
        }
    }
    std::uint64_t stored = 0;
    bool owned = false;
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) {
            return disk_error(Code::cancelled, file_stem(id_) + " was removed meanwhile");
        }
        stored = masks_.stored_bytes();
        masks_.add(chunk, bits);
        checked_.add(chunk, bits);
        if (base_) {
            own_.add(chunk, bits);
        }
        stored = masks_.stored_bytes() - stored;
        owned = owned_;
        cache_.uses.note(chunk, chunk, shared_.cache().next_use());
    }
    if (!owned) {
        shared_.cache().took_in(id_, stored);
    }
    note_change();
    shared_.add_unsaved(stored);
    return done();
}

// ---- reading ----

Result<std::size_t> StoredContent::read(std::uint64_t offset, MutableByteSpan out) {
    if (offset >= id_.size) {
        return std::size_t{0};
    }
    out =
        out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), id_.size - offset)));
    for (unsigned tries = 0; tries < kEvictionsMetMax; ++tries) {
        Sight sight;
        {
            const std::lock_guard lock(mutex_);
            if (!masks_.has(offset, out.size())) {
                return not_here();
            }
            if (!out.empty()) {
                cache_.uses.note(chunk_of(leaf_at(offset)),
                                 chunk_of(leaf_at(offset + out.size() - 1)),
                                 shared_.cache().next_use());
            }
            if (id_.size <= kSmallBytesMax && places_.empty()) {
                const auto from = small_.begin() + static_cast<std::ptrdiff_t>(offset);
                std::copy(from, from + static_cast<std::ptrdiff_t>(out.size()), out.begin());
                return out.size();
            }
            sight = {generation_, cache_.evictions};
        }
        auto got = read_file(offset, out, sight);
        if (got || cache_.evictions == sight.evictions) {
            return got;
        }
    }
    return not_here();
}

Result<std::size_t> StoredContent::read_file(std::uint64_t offset, MutableByteSpan out,
                                             const Sight& sight) {
    const std::uint64_t generation = sight.generation;
    const bool elsewhere = in_place();
    SWARM_TRY(const auto file, file_to_read(generation));
    for (std::size_t filled = 0; filled < out.size();) {
        const std::uint64_t at = offset + filled;
        const Run run = next_run(at, offset + out.size(), elsewhere);
        const MutableByteSpan part = out.subspan(filled, run.length);
        if (run.checked) {
            const auto got = file->read_at(at, part);
            if (cache_.evictions != sight.evictions) {
                return not_here();
            }
            if (!got) {
                return lost_below(got.error(), at, part.size(), generation);
            }
            if (*got < part.size()) {
                return drop_all(generation, "its file is too short");
            }
        } else {
            SWARM_CHECK(read_checked(*file, at, part, sight));
        }
        filled += run.length;
    }
    return out.size();
}

// From `at` on, as far as `end`. Requires: at < end.
StoredContent::Run StoredContent::next_run(std::uint64_t at, std::uint64_t end,
                                           bool elsewhere) const {
    const std::lock_guard lock(mutex_);
    const auto checked_at = [&](std::uint64_t byte) { return !elsewhere && checked_.has(byte, 1); };
    const bool checked = checked_at(at);
    const std::uint64_t stop = checked ? end : std::min(end, (at / kChunkBytes + 1) * kChunkBytes);
    std::uint64_t next = at;
    do {
        next = std::min(stop, (leaf_at(next).value + 1) * kLeafBytes);
    } while (next < stop && checked_at(next) == checked);
    return {static_cast<std::size_t>(next - at), checked};
}

// Reads the whole leaves around `out`, which begins at `at` and lies in one chunk, and hashes them.
Result<> StoredContent::read_checked(File& file, std::uint64_t at, MutableByteSpan out,
                                     const Sight& sight) {
    const ChunkIndex chunk = chunk_of(leaf_at(at));
    const auto first = static_cast<unsigned>(leaf_at(at).value % kLeavesPerChunk);
    const auto count =
        static_cast<unsigned>(leaf_at(at + out.size() - 1).value - leaf_at(at).value + 1);
    const std::uint64_t begin = leaf_at(at).value * kLeafBytes;
    const auto bytes =
        static_cast<std::size_t>(std::min(id_.size, begin + count * kLeafBytes) - begin);
    const bool whole = out.size() == bytes;
    Bytes buffer(whole ? 0 : bytes);
    const MutableByteSpan target = whole ? out : MutableByteSpan(buffer);
    const auto read = file.read_at(begin, target);
    if (cache_.evictions != sight.evictions) {
        return not_here();
    }
    if (!read) {
        return lost_below(read.error(), begin, bytes, sight.generation);
    }
    const std::size_t got = *read;
    std::array<ByteSpan, kLeavesPerChunk> leaves;
    ByteSpan rest = target.first(got);
    for (unsigned i = 0; i < count; ++i) {
        leaves[i] = rest.first(std::min<std::size_t>(rest.size(), kLeafBytes));
        rest = rest.subspan(leaves[i].size());
    }
    SWARM_CHECK(check_leaves(chunk, first, std::span(leaves).first(count), sight.generation));
    if (!whole) {
        const auto from = target.begin() + static_cast<std::ptrdiff_t>(at - begin);
        std::copy(from, from + static_cast<std::ptrdiff_t>(out.size()), out.begin());
    }
    return done();
}

// Hashes what was read of the leaves from `first` on. Those that are wrong are dropped.
Result<> StoredContent::check_leaves(ChunkIndex chunk, unsigned first,
                                     std::span<const ByteSpan> leaves, std::uint64_t generation) {
    const std::uint16_t all = bits_of(first, leaves.size());
    const auto wrong_by = [&](const content::ChunkHashes& hashes) {
        return static_cast<std::uint16_t>(all & ~content::matching_leaves(hashes, first, leaves));
    };
    auto hashes = leaf_hashes(chunk);
    std::uint16_t wrong = hashes ? wrong_by(*hashes) : all;
    if (wrong != 0 && mend_tree(chunk)) {
        hashes = leaf_hashes(chunk);
        wrong = hashes ? wrong_by(*hashes) : wrong;
    }
    if (!hashes) {
        return std::move(hashes).error();
    }
    if (wrong != 0) {
        return drop(chunk, wrong, generation, "a leaf no longer matches its hash");
    }
    const std::lock_guard lock(mutex_);
    if (generation == generation_) {
        checked_.add(chunk, all);
    }
    return done();
}

Result<> StoredContent::read_leaves(ChunkIndex chunk, unsigned first,
                                    std::span<const MutableByteSpan> leaves) {
    const std::uint64_t begin = (first_leaf(chunk) + first).value * kLeafBytes;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        SWARM_ASSERT(leaves[i].size() == leaf_bytes(id_.size, first_leaf(chunk) + (first + i)));
        bytes += leaves[i].size();
    }
    for (unsigned tries = 0; tries < kEvictionsMetMax; ++tries) {
        Sight sight;
        bool checked = false;
        {
            const std::lock_guard lock(mutex_);
            if (!masks_.has(begin, bytes)) {
                return not_here();
            }
            if (id_.size <= kSmallBytesMax && places_.empty()) {
                std::copy(small_.begin(), small_.end(), leaves[0].begin());
                return done();
            }
            sight = {generation_, cache_.evictions};
            checked = places_.empty() && checked_.has(begin, bytes);
        }
        SWARM_TRY(const auto file, file_to_read(sight.generation));
        const auto scattered = file->read_at(begin, leaves);
        if (cache_.evictions != sight.evictions) {
            continue;
        }
        if (!scattered) {
            return lost_below(scattered.error(), begin, bytes, sight.generation);
        }
        std::size_t got = *scattered;
        if (checked) {
            return got == bytes ? done()
                                : Result<>(drop_all(sight.generation, "its file is too short"));
        }
        std::array<ByteSpan, kLeavesPerChunk> read;
        for (std::size_t i = 0; i < leaves.size(); ++i) {
            read[i] = leaves[i].first(std::min(got, leaves[i].size()));
            got -= read[i].size();
        }
        return check_leaves(chunk, first, std::span(read).first(leaves.size()), sight.generation);
    }
    return not_here();
}

Result<std::shared_ptr<File>> StoredContent::whole_file() {
    struct Kept {
        Hold hold;  // first: what is whole now stays so
        std::shared_ptr<File> file;
    };
    const auto kept = std::make_shared<Kept>(Kept{shared_.cache().hold(id_), nullptr});
    {
        const std::lock_guard lock(mutex_);
        if (!masks_.complete() || !places_.empty() || base_ || id_.size <= kSmallBytesMax) {
            return not_here();
        }
    }
    SWARM_TRY(kept->file, data_file(Open::read));
    return std::shared_ptr<File>(kept, kept->file.get());
}

// The tree is not synced: it follows from the bytes when they are all there, and else from peers.
Result<> StoredContent::sync() {
    {
        const std::lock_guard lock(mutex_);
        if (masks_.stored_bytes() == 0 || !places_.empty() || id_.size <= kSmallBytesMax) {
            return done();
        }
    }
    SWARM_TRY(const auto file, data_file(Open::read));
    SWARM_CHECK(file->sync());
    if (const auto below = base()) {
        SWARM_CHECK(below->sync());
    }
    return shared_.disk().sync_folder(shared_.folder_of(id_));
}

// ---- what no longer holds ----

Error StoredContent::drop(ChunkIndex chunk, std::uint16_t bits, std::uint64_t generation,
                          const char* why) {
    bool no_place_left = false;
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) {
            return not_here();
        }
        recent_.reset();
        if (!places_.empty()) {  // a shared file is wrong as a whole
            places_.erase(places_.begin());
            no_place_left = places_.empty();
        } else {
            masks_.remove(chunk, bits);
            checked_.remove(chunk, bits);
        }
    }
    place_.forget();
    if (no_place_left) {
        return drop_all(generation, why);
    }
    note_change();
    shared_.note_repair(file_stem(id_) + ", chunk " + std::to_string(chunk.value) + ": " + why);
    return disk_error(Code::corrupt, file_stem(id_) + ": " + why + "; it will be fetched again");
}

Error StoredContent::lost_below(Error why, std::uint64_t offset, std::uint64_t length,
                                std::uint64_t generation) {
    const auto below = base();
    if (!below || (why.code != Code::not_found && why.code != Code::corrupt)) {
        return why;
    }
    const auto is_lost = [&](LeafIndex leaf) {
        const std::uint64_t at = leaf.value * kLeafBytes;
        const auto run = own_run(at, at + 1, generation);
        return run && !run->covered && !(at < below->id().size && below->has(at, 1));
    };
    const LeafIndex last = leaf_at(offset + length - 1);
    for (LeafIndex leaf = leaf_at(offset); leaf <= last; ++leaf) {
        if (is_lost(leaf)) {
            const auto bit = static_cast<std::uint16_t>(1U << (leaf.value % kLeavesPerChunk));
            why = drop(chunk_of(leaf), bit, generation, "the version below lost a leaf");
        }
    }
    return why;
}

Error StoredContent::drop_all(std::uint64_t generation, const char* why) {
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) {
            return not_here();
        }
    }
    forget_everything();
    note_change();
    shared_.note_repair(file_stem(id_) + ": " + why);
    return disk_error(Code::corrupt, file_stem(id_) + ": " + why + "; it will be fetched again");
}

void StoredContent::forget_everything() {
    data_.forget();
    tree_.forget();
    place_.forget();
    std::shared_ptr<StoredContent> below;  // may die, outside the lock
    const std::lock_guard lock(mutex_);
    ++generation_;
    masks_.clear();
    checked_.clear();
    below.swap(base_);
    own_.clear();
    places_.clear();
    small_.clear();
    recent_.reset();
    standing_ = {};
}

}  // namespace swarmfs::store
