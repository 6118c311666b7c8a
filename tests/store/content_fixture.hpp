#pragma once
// A home to try contents in, and a far member that has everything and proves it.

#include <doctest/doctest.h>

#include "engine/content/hash_tree.hpp"
#include "engine/content/proof.hpp"
#include "engine/content/tree_builder.hpp"
#include "engine/core/dice.hpp"
#include "engine/store/content_store.hpp"
#include "engine/store/database.hpp"
#include "tests/support/scratch_folder.hpp"

namespace swarmfs::test {

inline Bytes random_bytes(std::size_t size, std::uint64_t seed) {
    Bytes bytes(size);
    SeededDice(seed).fill(bytes);
    return bytes;
}

inline content::HashTree tree_of(ByteSpan bytes) {
    std::vector<Hash256> leaves(leaf_count(bytes.size()));
    content::hash_leaves(bytes, leaves);
    return content::HashTree(bytes.size(), std::move(leaves));
}

// Holds a content whole and hands out leaves with proofs, as a peer does.
class Source {
public:
    explicit Source(Bytes bytes) : bytes_(std::move(bytes)), tree_(tree_of(bytes_)) {}

    ContentId id() const { return tree_.id(); }
    const Bytes& bytes() const { return bytes_; }
    std::uint64_t size() const { return bytes_.size(); }

    // Leaves of one chunk into `content`, asking for no more proof than it needs.
    Result<> give(store::StoredContent& content, ChunkIndex chunk, unsigned first,
                  unsigned count) const {
        const store::KnownTree known = content.known(chunk);
        content::ChunkHashes hashes;
        if (known.proven) {
            hashes = *known.proven;
        } else {
            SWARM_TRY(const auto proof,
                      content::make_chunk_proof(tree_, size(), chunk, known.ancestor.level));
            SWARM_TRY(hashes, content::verify_chunk_proof(size(), chunk, known.ancestor, proof));
        }
        std::vector<ByteSpan> leaves;
        for (unsigned leaf = first; leaf < first + count; ++leaf) {
            const LeafIndex index = first_leaf(chunk) + leaf;
            leaves.push_back(
                ByteSpan(bytes_).subspan(index.value * kLeafBytes, leaf_bytes(size(), index)));
            REQUIRE(content::leaf_matches(hashes, leaf, leaves.back()));
        }
        return content.write_verified(chunk, first, leaves, hashes);
    }
    Result<> give_chunk(store::StoredContent& content, ChunkIndex chunk) const {
        return give(content, chunk, 0, static_cast<unsigned>(leaves_in_chunk(size(), chunk)));
    }
    void give_all(store::StoredContent& content) const {
        for (std::uint64_t chunk = 0; chunk < chunk_count(size()); ++chunk) {
            const auto given = give_chunk(content, ChunkIndex(chunk));
            REQUIRE_MESSAGE(given.ok(), (given ? "" : given.error().message));
        }
    }

private:
    Bytes bytes_;
    content::HashTree tree_;
};

struct Home {
    explicit Home(store::Disk& with, std::size_t files_max = 256) : disk(with) {
        store_options.save_after = std::chrono::milliseconds(0);
        store_options.files_max = files_max;
        database_options.flush_after = std::chrono::milliseconds(0);
        database_options.segment_bytes = 64 << 10;
    }

    Result<> try_open() {
        contents.reset();
        database.reset();
        SWARM_TRY(database, store::Database::open(disk, folder / "db", database_options));
        SWARM_TRY(contents,
                  store::ContentStore::open(disk, *database, folder.path(), store_options));
        return done();
    }
    void open() {
        const auto opened = try_open();
        REQUIRE_MESSAGE(opened.ok(), (opened ? "" : opened.error().message));
    }
    void close() {
        contents.reset();
        database.reset();
    }

    std::shared_ptr<store::StoredContent> get(const ContentId& id) {
        auto content = contents->open(id);
        REQUIRE_MESSAGE(content.ok(), (content ? "" : content.error().message));
        return *content;
    }
    Result<ContentId> try_write(ByteSpan bytes) {
        auto writer = contents->begin_writer();
        for (std::size_t at = 0; at < bytes.size(); at += 100'000) {
            SWARM_CHECK(writer.append(
                bytes.subspan(at, std::min<std::size_t>(100'000, bytes.size() - at))));
        }
        SWARM_TRY(auto fresh, writer.finish());
        return contents->keep(std::move(fresh));
    }
    ContentId write(ByteSpan bytes) {
        const auto id = try_write(bytes);
        REQUIRE_MESSAGE(id.ok(), (id ? "" : id.error().message));
        return *id;
    }

    store::Path data_path(const ContentId& id) const { return path_of(id, ".data"); }
    store::Path tree_path(const ContentId& id) const { return path_of(id, ".tree"); }
    store::Path path_of(const ContentId& id, const char* suffix) const {
        return folder / "content" / id.root.hex().substr(0, 2) / (store::file_stem(id) + suffix);
    }

    store::Disk& disk;
    ScratchFolder folder{Medium::memory};
    store::DatabaseOptions database_options;
    store::ContentStoreOptions store_options;
    std::unique_ptr<store::Database> database;
    std::unique_ptr<store::ContentStore> contents;
};

inline Result<Bytes> try_read(store::StoredContent& content, std::uint64_t offset,
                              std::size_t length) {
    Bytes bytes(length);
    SWARM_TRY(const std::size_t got, content.read(offset, bytes));
    bytes.resize(got);
    return bytes;
}

inline bool holds(store::StoredContent& content, ByteSpan bytes) {
    const auto all = try_read(content, 0, bytes.size() + 1);
    return all && std::equal(all->begin(), all->end(), bytes.begin(), bytes.end());
}

// Every leaf that is said to be here reads as it should, in pieces of odd lengths. Leaves that turn
// out wrong must be reported, never shown.
inline std::uint64_t readable_bytes(store::StoredContent& content, ByteSpan bytes) {
    std::uint64_t right = 0;
    for (std::uint64_t leaf = 0; leaf < leaf_count(bytes.size()); ++leaf) {
        const std::uint64_t begin = leaf * kLeafBytes;
        const std::uint64_t length = leaf_bytes(bytes.size(), LeafIndex(leaf));
        const auto got = try_read(content, begin, static_cast<std::size_t>(length));
        if (got) {
            CHECK(std::equal(got->begin(), got->end(),
                             bytes.begin() + static_cast<std::ptrdiff_t>(begin)));
            right += got->size();
        } else {
            CHECK((got.error().code == Code::not_found || got.error().code == Code::corrupt));
        }
    }
    return right;
}

}  // namespace swarmfs::test
