#include "engine/store/content_repair.hpp"

#include "engine/content/tree_builder.hpp"
#include "engine/store/hashing.hpp"
#include "engine/store/layered_file.hpp"
#include "engine/store/store_shared.hpp"

namespace swarmfs::store {

Result<> ContentRepair::settle(Claim claim) {
    content_.data_.forget();
    content_.tree_.forget();
    content_.place_.forget();
    LeafMasks claimed(content_.id_.size);
    {
        const std::lock_guard lock(content_.mutex_);
        claimed = content_.masks_;
    }
    LeafMasks proven(content_.id_.size);
    auto bytes = content_.bytes_file();
    if (!bytes) {
        const Code code = bytes.error().code;
        if (code != Code::not_found && code != Code::corrupt && code != Code::io) {
            return std::move(bytes).error();
        }
        if (code == Code::io) {
            content_.shared_.note_repair(bytes.error().message);
        }
        keep(std::move(proven), claim);
        return done();
    }
    bool tree_holds = true;
    for (std::uint64_t chunk = 0; chunk < chunk_count(content_.id_.size); ++chunk) {
        const std::uint16_t mask = claimed.mask(ChunkIndex(chunk));
        if (mask != 0 && !check_chunk(**bytes, ChunkIndex(chunk), mask, proven)) {
            tree_holds = false;
        }
    }
    if (!tree_holds && claimed.complete()) {
        SWARM_TRY(const bool built, build_tree(**bytes));
        if (built) {
            proven.add_all();
        }
    }
    keep(std::move(proven), claim);
    return done();
}

bool ContentRepair::mend_tree() {
    const auto bytes = content_.bytes_file();
    if (!bytes) {
        return false;
    }
    const auto built = build_tree(**bytes);
    return built && *built;
}

Result<ContentRepair::Verified> ContentRepair::verify(ChunkIndex chunk) {
    const std::uint64_t size = content_.id_.size;
    if (size <= kSmallBytesMax && !content_.in_place()) {
        return verify_small();
    }
    const auto leaves = static_cast<unsigned>(leaves_in_chunk(size, chunk));
    std::uint16_t claimed = 0;
    {
        const std::lock_guard lock(content_.mutex_);
        claimed = content_.masks_.mask(chunk);
        content_.checked_.remove(chunk, 0xFFFF);
    }
    Verified verified;
    Bytes buffer;
    for (unsigned leaf = 0; leaf < leaves; ++leaf) {
        if ((claimed >> leaf & 1) == 0) {
            continue;
        }
        // One by one: a wrong leaf says nothing of its neighbours.
        buffer.resize(leaf_bytes(size, first_leaf(chunk) + leaf));
        const MutableByteSpan out(buffer);
        const auto read = content_.read_leaves(chunk, leaf, {&out, 1});
        if (read) {
            verified.right += buffer.size();
        } else if (read.error().code == Code::corrupt) {
            verified.wrong += buffer.size();
        } else if (read.error().code != Code::not_found) {  // not stored any more: evicted
            return read.error();
        }
    }
    return verified;
}

// Its row; what is in memory was hashed when it came there, and takes the place of one that rotted.
Result<ContentRepair::Verified> ContentRepair::verify_small() {
    const std::uint64_t stored = content_.stored_bytes();
    const KeyValueReader& rows = content_.shared_.database().reader();
    const auto row = stored > 0 ? rows.get(small_key(content_.id_)) : std::nullopt;
    if (!row) {
        return Verified{stored, 0};  // not saved yet, or nothing
    }
    const auto small = decode_small(*row);
    Hash256 hash;
    if (small && small->bytes.size() == content_.id_.size) {
        content::hash_leaves(small->bytes, {&hash, 1});
    }
    if (hash == content_.id_.root) {
        return Verified{stored, 0};
    }
    content_.shared_.note_repair(file_stem(content_.id_) + ": its row was written anew");
    content_.note_change();
    return Verified{0, stored};
}

bool ContentRepair::check_chunk(const File& bytes, ChunkIndex chunk, std::uint16_t claimed,
                                LeafMasks& proven) {
    const std::uint64_t size = content_.id_.size;
    const content::KnownNode root{content_.shape_.depth(), content_.id_.root};
    const auto proof = content::make_chunk_proof(content_.nodes_, size, chunk, root.level);
    if (!proof) {
        return false;
    }
    const auto hashes = content::verify_chunk_proof(size, chunk, root, *proof);
    if (!hashes) {
        return false;
    }
    Bytes buffer(static_cast<std::size_t>(chunk_bytes(size, chunk)));
    const auto got = bytes.read_at(chunk.value * kChunkBytes, buffer);
    const std::size_t there = got ? *got : buffer.size();
    for (unsigned leaf = 0; leaf < hashes->count; ++leaf) {
        const std::size_t begin = leaf * kLeafBytes;
        const auto length = static_cast<std::size_t>(leaf_bytes(size, first_leaf(chunk) + leaf));
        if ((claimed >> leaf & 1) == 0 || begin + length > there) {
            continue;
        }
        if (!got) {  // one unreadable sector costs its own leaf
            const auto alone = bytes.read_at(chunk.value * kChunkBytes + begin,
                                             MutableByteSpan(buffer).subspan(begin, length));
            if (!alone || *alone < length) {
                continue;
            }
        }
        if (content::leaf_matches(*hashes, leaf, ByteSpan(buffer).subspan(begin, length))) {
            proven.add(chunk, static_cast<std::uint16_t>(1U << leaf));
        }
    }
    return true;
}

Result<bool> ContentRepair::build_tree(const File& bytes) {
    StoreShared& shared = content_.shared_;
    const ContentId& id = content_.id_;
    const Path path = shared.incoming_path(".tree");
    SWARM_CHECK(shared.disk().make_folder(shared.incoming_folder()));
    SWARM_CHECK(shared.disk().make_folder(shared.folder_of(id)));
    SWARM_TRY(const auto tree, shared.disk().open(path, Open::create_new));
    TreeFileSink sink(*tree, id.size);
    const auto found = hash_file(bytes, id.size, sink);
    if (const auto below = content_.base()) {
        SWARM_CHECK(write_base_note(*tree, id, below->id()));
    }
    if (found && *found == id) {
        SWARM_CHECK(shared.disk().rename(path, shared.tree_path(id)));
        content_.tree_.forget();
        return true;
    }
    [[maybe_unused]] const auto removed = shared.disk().remove(path);
    if (!found && found.error().code == Code::no_space) {
        return found.error();  // nothing was said about the bytes: they are not to be dropped
    }
    if (!found) {
        shared.note_repair(found.error().message);
    }
    return false;
}

void ContentRepair::keep(LeafMasks proven, Claim claim) {
    std::uint64_t dropped = 0;
    {
        const std::lock_guard lock(content_.mutex_);
        dropped = content_.masks_.stored_bytes() - proven.stored_bytes();
        if (dropped > 0 && !content_.places_.empty()) {  // a shared file counts whole or not at all
            content_.places_.clear();
            proven.clear();
            dropped = content_.masks_.stored_bytes();
        }
        ++content_.generation_;
        content_.masks_ = std::move(proven);
        content_.masks_.change_all();
        content_.checked_ = content_.masks_;
        content_.recent_.reset();
    }
    if (dropped > 0 && claim == Claim::recorded) {
        content_.shared_.note_repair(file_stem(content_.id_) + ": dropped " +
                                     std::to_string(dropped) +
                                     " bytes that did not match their hashes");
    }
    content_.note_change();
}

}  // namespace swarmfs::store
