#include "engine/store/stored_content.hpp"

#include <algorithm>

#include "engine/content/hash_tree.hpp"
#include "engine/store/store_shared.hpp"

namespace swarmfs::store {
namespace {

std::uint16_t bits_of(unsigned first, std::size_t count) {
    return static_cast<std::uint16_t>(((std::uint32_t{1} << count) - 1) << first);
}

}  // namespace

StoredContent::StoredContent(std::shared_ptr<StoreShared> shared, const ContentId& id)
    : owner_(std::move(shared)),
      shared_(*owner_),
      id_(id),
      shape_(id.size),
      nodes_(*this),
      data_(shared_.files()),
      tree_(shared_.files()),
      place_(shared_.files()),
      masks_(id.size),
      checked_(id.size) {}

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

bool StoredContent::owned() const {
    const std::lock_guard lock(mutex_);
    return owned_;
}

bool StoredContent::in_place() const {
    const std::lock_guard lock(mutex_);
    return !places_.empty();
}

Error StoredContent::not_here() const {
    return disk_error(Code::not_found, "this part of " + file_stem(id_) + " is not stored here");
}

// ---- files ----

Result<std::shared_ptr<File>> StoredContent::data_file(Open how) {
    return data_.use([&]() -> Result<std::unique_ptr<File>> {
        if (how == Open::create) {
            SWARM_CHECK(shared_.disk().make_folder(shared_.folder_of(id_)));
        }
        // Opened for writing even by readers, because the slot is shared with writers.
        auto file = shared_.disk().open(shared_.data_path(id_),
                                        how == Open::create ? Open::create : Open::write);
        if (!file && how == Open::read && file.error().code != Code::not_found) {
            return shared_.disk().open(shared_.data_path(id_), Open::read);
        }
        return file;
    });
}

Result<std::shared_ptr<File>> StoredContent::tree_file(Open how) {
    return tree_.use([&]() -> Result<std::unique_ptr<File>> {
        if (how == Open::create) {
            SWARM_CHECK(shared_.disk().make_folder(shared_.folder_of(id_)));
        }
        return shared_.disk().open(shared_.tree_path(id_),
                                   how == Open::create ? Open::create : Open::write);
    });
}

// The first place that still looks as it did when it was hashed; others are forgotten.
Result<std::shared_ptr<File>> StoredContent::place_file() {
    for (;;) {
        Place place;
        {
            const std::lock_guard lock(mutex_);
            if (places_.empty()) {
                return not_here();
            }
            place = places_.front();
        }
        auto file = place_.use([&] { return shared_.disk().open(place.path, Open::read); });
        if (file) {
            const auto status = (*file)->status();
            if (status && status->regular && status->device == place.device &&
                status->inode == place.inode && status->size == id_.size &&
                status->mtime_ns == place.mtime_ns) {
                return file;
            }
        } else if (file.error().code != Code::not_found) {
            return file;  // out of descriptors, say: the place may be as good as ever
        }
        place_.forget();
        bool last = false;
        {
            const std::lock_guard lock(mutex_);
            std::erase(places_, place);
            last = places_.empty();
        }
        note_change();
        if (last) {
            return drop_all("the shared file was changed or removed");
        }
    }
}

Result<> StoredContent::read_tree(unsigned level, std::uint64_t first, std::span<Hash256> out) {
    if (level == shape_.depth()) {
        out.front() = id_.root;
        return done();
    }
    SWARM_TRY(const auto file, tree_file(Open::read));
    static_assert(sizeof(Hash256) == content::kHashBytes);
    const MutableByteSpan bytes(reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes());
    SWARM_TRY(const std::size_t got, file->read_at(shape_.node_offset(level, first), bytes));
    if (got < bytes.size()) {
        return disk_error(Code::corrupt, shared_.tree_path(id_).string() + " is too short");
    }
    return done();
}

// The chunk's leaves, the nodes between them and the chunk's own, and what its proof showed above.
Result<> StoredContent::write_tree(const content::ChunkHashes& proven) {
    if (shape_.leaves() == 1) {
        return done();
    }
    SWARM_TRY(const auto file, tree_file(Open::create));
    const auto write = [&](unsigned level, std::uint64_t first, std::span<const Hash256> nodes) {
        return file->write_at(shape_.node_offset(level, first), content::bytes_of(nodes));
    };
    const std::uint64_t leaf = first_leaf(proven.chunk).value;
    SWARM_CHECK(write(0, leaf, proven.leaves()));
    // Padded with zeros, the chunk is a tree of its own whose inner nodes are the content's.
    const unsigned top = shape_.chunk_level();
    std::vector<Hash256> padded(std::size_t{1} << top);
    std::copy(proven.leaves().begin(), proven.leaves().end(), padded.begin());
    const content::HashTree tree(kLeafBytes << top, std::move(padded));
    for (unsigned level = 1; level < top; ++level) {
        const std::uint64_t first = leaf >> level;
        const std::uint64_t end = std::min(shape_.nodes(level), (leaf + (1U << top)) >> level);
        SWARM_CHECK(write(level, first, tree.level(level).first(end - first)));
    }
    for (const content::TreeNode& node : proven.nodes) {
        if (node.level >= top && shape_.is_real(node.level, node.index)) {
            SWARM_CHECK(write(node.level, node.index, {&node.hash, 1}));
        }
    }
    return done();
}

// ---- writing ----

Result<> StoredContent::write_verified(ChunkIndex chunk, unsigned first,
                                       std::span<const ByteSpan> leaves,
                                       const content::ChunkHashes& proven) {
    SWARM_ASSERT(proven.chunk == chunk && first + leaves.size() <= proven.count);
    const std::uint16_t bits = bits_of(first, leaves.size());
    std::uint64_t generation = 0;
    bool tree_known = false;
    {
        const std::lock_guard lock(mutex_);
        if ((masks_.mask(chunk) & bits) == bits) {
            return done();
        }
        generation = generation_;
        tree_known = masks_.mask(chunk) != 0;
        if (id_.size <= kSmallBytesMax) {
            small_ = to_bytes(leaves.front());
        }
    }
    if (id_.size > kSmallBytesMax) {
        SWARM_TRY(const auto data, data_file(Open::create));
        std::uint64_t at = chunk.value * kChunkBytes + first * kLeafBytes;
        for (const ByteSpan leaf : leaves) {
            SWARM_CHECK(data->write_at(at, leaf));
            at += leaf.size();
        }
        if (!tree_known) {
            SWARM_CHECK(write_tree(proven));
        }
    }
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) {
            return disk_error(Code::cancelled, file_stem(id_) + " was removed meanwhile");
        }
        masks_.add(chunk, bits);
        checked_.add(chunk, bits);
    }
    note_change();
    return done();
}

// ---- reading ----

Result<std::size_t> StoredContent::read(std::uint64_t offset, MutableByteSpan out) {
    if (offset >= id_.size) {
        return std::size_t{0};
    }
    out =
        out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), id_.size - offset)));
    {
        const std::lock_guard lock(mutex_);
        if (!masks_.has(offset, out.size())) {
            return not_here();
        }
        if (id_.size <= kSmallBytesMax && places_.empty()) {
            const auto from = small_.begin() + static_cast<std::ptrdiff_t>(offset);
            std::copy(from, from + static_cast<std::ptrdiff_t>(out.size()), out.begin());
            return out.size();
        }
    }
    return read_file(offset, out);
}

Result<std::size_t> StoredContent::read_file(std::uint64_t offset, MutableByteSpan out) {
    const bool elsewhere = in_place();
    auto file = elsewhere ? place_file() : data_file(Open::read);
    if (!file) {
        return file.error().code == Code::not_found && !elsewhere ? drop_all("its file is missing")
                                                                  : std::move(file).error();
    }
    std::size_t filled = 0;
    while (filled < out.size()) {
        const std::uint64_t at = offset + filled;
        // As many leaves as were seen to match go in one read; others one by one.
        std::size_t length = 0;
        {
            const std::lock_guard lock(mutex_);
            const std::uint64_t end = offset + out.size();
            while (!elsewhere && at + length < end && checked_.has(at + length, 1)) {
                const std::uint64_t next = (leaf_at(at + length).value + 1) * kLeafBytes;
                length = static_cast<std::size_t>(std::min(next, end) - at);
            }
        }
        const LeafIndex leaf = leaf_at(at);
        if (length > 0) {
            SWARM_TRY(const std::size_t got, (*file)->read_at(at, out.subspan(filled, length)));
            if (got < length) {
                return drop_all("its file is too short");
            }
        } else {
            const std::uint64_t begin = leaf.value * kLeafBytes;
            length = static_cast<std::size_t>(std::min<std::uint64_t>(
                out.size() - filled, begin + leaf_bytes(id_.size, leaf) - at));
            SWARM_TRY(const auto hashes, leaf_hashes(chunk_of(leaf)));
            SWARM_CHECK(read_checked(**file, chunk_of(leaf),
                                     static_cast<unsigned>(leaf.value % kLeavesPerChunk),
                                     at - begin, out.subspan(filled, length), hashes));
        }
        filled += length;
    }
    return out.size();
}

// Reads one leaf, hashes it, and hands out its bytes from `skip` on.
Result<> StoredContent::read_checked(File& file, ChunkIndex chunk, unsigned leaf,
                                     std::uint64_t skip, MutableByteSpan out,
                                     const content::ChunkHashes& hashes) {
    const LeafIndex index = first_leaf(chunk) + leaf;
    const auto bytes = static_cast<std::size_t>(leaf_bytes(id_.size, index));
    const bool whole = skip == 0 && out.size() == bytes;
    Bytes buffer(whole ? 0 : bytes);
    const MutableByteSpan target = whole ? out : MutableByteSpan(buffer);
    SWARM_TRY(const std::size_t got, file.read_at(index.value * kLeafBytes, target));
    if (got < bytes || !content::leaf_matches(hashes, leaf, target)) {
        return drop(chunk, bits_of(leaf, 1), "a leaf no longer matches its hash");
    }
    {
        const std::lock_guard lock(mutex_);
        checked_.add(chunk, bits_of(leaf, 1));
    }
    if (!whole) {
        const auto from = target.begin() + static_cast<std::ptrdiff_t>(skip);
        std::copy(from, from + static_cast<std::ptrdiff_t>(out.size()), out.begin());
    }
    return done();
}

Result<std::size_t> StoredContent::read_leaves(ChunkIndex chunk, unsigned first, unsigned count,
                                               MutableByteSpan out) {
    std::uint64_t bytes = 0;
    for (unsigned leaf = first; leaf < first + count; ++leaf) {
        bytes += leaf_bytes(id_.size, first_leaf(chunk) + leaf);
    }
    SWARM_ASSERT(bytes <= out.size());
    return read((first_leaf(chunk) + first).value * kLeafBytes,
                out.first(static_cast<std::size_t>(bytes)));
}

Result<std::shared_ptr<File>> StoredContent::whole_file() {
    {
        const std::lock_guard lock(mutex_);
        if (!masks_.complete() || !places_.empty() || id_.size <= kSmallBytesMax) {
            return not_here();
        }
    }
    return data_file(Open::read);
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
    return shared_.disk().sync_folder(shared_.folder_of(id_));
}

// ---- what no longer holds ----

Error StoredContent::drop(ChunkIndex chunk, std::uint16_t bits, const char* why) {
    bool no_place_left = false;
    {
        const std::lock_guard lock(mutex_);
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
        return drop_all(why);
    }
    note_change();
    shared_.note_repair(file_stem(id_) + ", chunk " + std::to_string(chunk.value) + ": " + why);
    return disk_error(Code::corrupt, file_stem(id_) + ": " + why + "; it will be fetched again");
}

Error StoredContent::drop_all(const char* why) {
    forget_everything();
    note_change();
    shared_.note_repair(file_stem(id_) + ": " + why);
    return disk_error(Code::corrupt, file_stem(id_) + ": " + why + "; it will be fetched again");
}

void StoredContent::forget_everything() {
    data_.forget();
    tree_.forget();
    place_.forget();
    const std::lock_guard lock(mutex_);
    ++generation_;
    masks_.clear();
    checked_.clear();
    places_.clear();
    small_.clear();
}

}  // namespace swarmfs::store
