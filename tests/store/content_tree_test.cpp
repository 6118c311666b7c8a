// What a content does when its tree file rots: nothing wrong is believed, nothing right is lost, and
// nobody else is blamed.

#include <doctest/doctest.h>

#include <fstream>

#include "tests/store/content_fixture.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

std::uint64_t offset_of(const ContentId& id, unsigned level, std::uint64_t index) {
    return content::TreeShape(id.size).node_offset(level, index);
}

void flip(const Path& file, std::uint64_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(stream.get() ^ 0x40);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(byte);
    REQUIRE(stream.good());
}

Bytes bytes_of_file(const Path& path) {
    std::ifstream stream(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(stream), {});
}

struct Node {
    unsigned level;
    std::uint64_t index;
};

}  // namespace

TEST_CASE("a tree that rotted here is never held against the peer that is asked because of it") {
    SystemDisk disk;
    const Source source(random_bytes(7 * kChunkBytes + 5000, 1));
    const auto honest = tree_of(source.bytes());
    // Leaf hashes of a chunk that is partly here, its node, its sibling, and nodes above.
    for (const Node rotten :
         {Node{0, 33}, Node{0, 40}, Node{4, 2}, Node{4, 3}, Node{5, 0}, Node{5, 1}, Node{6, 1}}) {
        CAPTURE(rotten.level);
        CAPTURE(rotten.index);
        Home home(disk);
        home.open();
        REQUIRE(source.give(*home.get(source.id()), ChunkIndex(2), 0, 4).ok());
        home.close();
        flip(home.tree_path(source.id()), offset_of(source.id(), rotten.level, rotten.index));
        home.open();
        const auto content = home.get(source.id());
        for (std::uint64_t chunk = 0; chunk < chunk_count(source.size()); ++chunk) {
            CAPTURE(chunk);
            const KnownTree known = content->known(ChunkIndex(chunk));
            Hash256 node;
            REQUIRE(known.ancestor.level >= kChunkLevel);
            const unsigned up = known.ancestor.level - kChunkLevel;
            node = honest.level(known.ancestor.level)[chunk >> up];
            CHECK(known.ancestor.hash == node);
            if (known.proven) {
                CHECK(std::equal(known.proven->leaves().begin(), known.proven->leaves().end(),
                                 honest.level(0).begin() +
                                     static_cast<std::ptrdiff_t>(chunk * kLeavesPerChunk)));
            }
        }
        CHECK_FALSE(home.contents->repairs().empty());
        // The proof that is asked for then puts the tree right.
        REQUIRE(source.give(*content, ChunkIndex(2), 4, 12).ok());
        source.give_all(*content);
        home.open();
        CHECK(home.contents->repairs().empty());
        CHECK(holds(*home.get(source.id()), source.bytes()));
        CHECK(home.contents->repairs().empty());
        CHECK(bytes_of_file(home.tree_path(source.id())).size() > 0);
    }
}

TEST_CASE("a content whose files went and that came again has its whole tree again") {
    SystemDisk disk;
    const Source source(random_bytes(7 * kChunkBytes + 5000, 1));
    Home home(disk);
    home.open();
    const auto content = home.get(source.id());
    source.give_all(*content);
    REQUIRE(content->chunk_proof(ChunkIndex(3), content::TreeShape(source.size()).depth()).ok());
    std::filesystem::remove(home.tree_path(source.id()));
    std::filesystem::resize_file(home.data_path(source.id()), 0);
    CHECK_FALSE(holds(*content, source.bytes()));
    source.give_all(*content);
    home.open();
    const auto again = home.get(source.id());
    for (std::uint64_t chunk = 0; chunk < chunk_count(source.size()); ++chunk) {
        CAPTURE(chunk);
        const content::TreeShape shape(source.size());
        const auto proof = again->chunk_proof(ChunkIndex(chunk), shape.depth());
        REQUIRE(proof.ok());
        CHECK(content::verify_chunk_proof(source.size(), ChunkIndex(chunk),
                                          {shape.depth(), source.id().root}, *proof)
                  .ok());
    }
    CHECK(home.contents->repairs().empty());
}

TEST_CASE("a whole content whose tree rotted loses nothing: its bytes make the tree again") {
    SystemDisk disk;
    const Bytes bytes = random_bytes(7 * kChunkBytes + 5000, 2);
    for (const Node rotten :
         {Node{0, 33}, Node{0, 112}, Node{2, 1}, Node{4, 2}, Node{4, 3}, Node{5, 0}, Node{6, 1}}) {
        for (const bool proof_first : {true, false}) {
            CAPTURE(rotten.level);
            CAPTURE(rotten.index);
            Home home(disk);
            home.open();
            const ContentId id = home.write(bytes);
            home.close();
            const Bytes tree = bytes_of_file(home.tree_path(id));
            flip(home.tree_path(id), offset_of(id, rotten.level, rotten.index));
            home.open();
            const auto content = home.get(id);
            const auto prove = [&] {
                for (std::uint64_t chunk = 0; chunk < chunk_count(id.size); ++chunk) {
                    const auto proof = content->chunk_proof(ChunkIndex(chunk),
                                                            content::TreeShape(id.size).depth());
                    CHECK_MESSAGE(proof.ok(), (proof ? "" : proof.error().message));
                }
            };
            if (proof_first) {
                prove();
            }
            CHECK(holds(*content, bytes));
            prove();
            CHECK(content->complete());
            home.close();
            if (rotten.level != 2) {  // between leaves and chunk: only a new version asks for it
                CHECK(bytes_of_file(home.tree_path(id)) == tree);
            }
        }
    }
}

TEST_CASE("a version over a tree that rotted is named as its bytes are") {
    SystemDisk disk;
    const Bytes bytes = random_bytes(7 * kChunkBytes + 5000, 3);
    for (const Node rotten : {Node{0, 33}, Node{1, 17}, Node{2, 9}, Node{3, 5}, Node{4, 2},
                              Node{4, 3}, Node{5, 0}, Node{6, 1}}) {
        CAPTURE(rotten.level);
        CAPTURE(rotten.index);
        Home home(disk);
        home.open();
        const ContentId base = home.write(bytes);
        home.close();
        flip(home.tree_path(base), offset_of(base, rotten.level, rotten.index));
        home.open();
        REQUIRE(disk.make_folder(home.folder / "staging").ok());
        InodeRecord opened;
        opened.content = base;
        auto staged = StagedFile::create(disk, home.folder / "staging", 1, {}, opened);
        REQUIRE(staged.ok());
        Bytes twin = bytes;
        const std::uint64_t at = 2 * kChunkBytes + 2 * kLeafBytes;  // beside what rotted
        twin[at] = static_cast<std::uint8_t>(~twin[at]);
        REQUIRE((*staged)->write(at, ByteSpan(twin).subspan(at, 1), 1).ok());
        auto fresh = home.contents->prepare_staged(**staged);
        if (!fresh) {
            CHECK(fresh.error().code == Code::corrupt);
            continue;
        }
        CHECK(fresh->id() == tree_of(twin).id());
        const auto id = home.contents->keep(std::move(*fresh));
        REQUIRE(id.ok());
        CHECK(holds(*home.get(*id), twin));
    }
}

TEST_CASE("a tree that rots proves nothing wrong, and is not served") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(4 * kChunkBytes, 7));
    for (const std::uint64_t chunk : {0, 1, 3}) {  // of a whole content it would be made again
        REQUIRE(source.give_chunk(*home.get(source.id()), ChunkIndex(chunk)).ok());
    }
    home.open();
    const content::TreeShape shape(source.size());
    flip(home.tree_path(source.id()), offset_of(source.id(), kChunkLevel, 2));
    const auto content = home.get(source.id());
    CHECK(content->chunk_proof(ChunkIndex(3), shape.depth()).error().code == Code::corrupt);
    CHECK(content->leaf_mask(ChunkIndex(3)) == 0);
    CHECK(readable_bytes(*content, source.bytes()) == 2 * kChunkBytes);
}
