// Staged files becoming contents: against a plain vector of bytes.

#include <doctest/doctest.h>

#include "tests/store/content_fixture.hpp"
#include "tests/store/editing.hpp"
#include "tests/store/faulty_disk.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

TEST_CASE("a new version is named as its bytes are, whatever was written, cut and left unfetched") {
    FaultyDisk disk;  // whose sync of everything costs nothing
    SeededDice dice(77);
    for (int round = 0; round < 150; ++round) {
        CAPTURE(round);
        Home home(disk);
        home.open();
        constexpr std::uint64_t kSizes[] = {0,         100,
                                            4096,      5000,
                                            16'384,    20'000,
                                            262'144,   5 * kChunkBytes,
                                            1'500'000, 40 * kLeafBytes};
        const std::uint64_t base_size =
            dice.below(3) == 0 ? dice.below(1'500'000) : kSizes[dice.below(std::size(kSizes))];
        const Source base(random_bytes(base_size, 1000 + static_cast<std::uint64_t>(round)));
        if (base_size > 0) {  // some of it is here, or none, or all
            const std::uint64_t share = dice.below(4);
            for (std::uint64_t leaf = 0; leaf < leaf_count(base_size); ++leaf) {
                if (share == 3 || (share > 0 && dice.below(8 / share) == 0)) {
                    REQUIRE(base.give(*home.get(base.id()), chunk_of(LeafIndex(leaf)),
                                      static_cast<unsigned>(leaf % kLeavesPerChunk), 1)
                                .ok());
                }
            }
        }
        Editing editing(home, base.id(), base.bytes());
        for (std::uint64_t edit = dice.below(6); edit > 0; --edit) {
            if (dice.below(3) == 0) {
                editing.truncate(dice.below(2'000'000));
                continue;
            }
            std::uint64_t offset = dice.below(editing.twin.size() + 300'000);
            std::uint64_t length = 1 + dice.below(dice.below(2) == 0 ? 100 : 400'000);
            if (dice.below(2) == 0) {
                offset -= offset % kLeafBytes;
                length = (length / kLeafBytes + 1) * kLeafBytes;
            }
            editing.write(offset, random_bytes(length, dice.u64()));
        }
        editing.fetch_missing(base);
        const std::uint64_t base_stored = home.get(base.id())->stored_bytes();
        const ContentId id = editing.publish();
        const Source now(editing.twin);
        REQUIRE(id == now.id());
        if (id.size == 0) {
            continue;
        }
        for (int opening = 0; opening < 2; ++opening) {
            const auto content = home.get(id);
            CHECK(readable_bytes(*content, now.bytes()) == content->stored_bytes());
            CHECK((content->complete() || base_stored < base_size));
            for (std::uint64_t chunk = 0; chunk < chunk_count(id.size); ++chunk) {
                if (content->leaf_mask(ChunkIndex(chunk)) != 0) {
                    const auto proof = content->chunk_proof(ChunkIndex(chunk),
                                                            content::TreeShape(id.size).depth());
                    CHECK_MESSAGE(proof.ok(), (proof ? "" : proof.error().message));
                }
            }
            home.open();
        }
        // What is not here is fetched under the new name, like any content.
        now.give_all(*home.get(id));
        CHECK(holds(*home.get(id), now.bytes()));
    }
}

TEST_CASE("overwriting a file that is not here fetches at most the leaves at the edges") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source base(random_bytes(64 * kChunkBytes, 1));
    Editing whole(home, base.id(), base.bytes());
    whole.write(0, random_bytes(base.size(), 2));
    CHECK(whole.fetch_missing(base) == 0);
    CHECK(home.get(whole.publish())->complete());

    Editing shorter(home, base.id(), base.bytes());
    shorter.truncate(0);
    shorter.write(0, random_bytes(100'000, 3));
    CHECK(shorter.fetch_missing(base) == 0);
    shorter.publish();

    Editing inside(home, base.id(), base.bytes());
    inside.write(10 * kChunkBytes + 5, random_bytes(100, 4));
    CHECK(inside.fetch_missing(base) == kLeafBytes);
    const auto content = home.get(inside.publish());
    CHECK(content->stored_bytes() == kLeafBytes);
}

TEST_CASE("bytes that no row tells of are zeros in the version that is published after a kill") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    for (const std::uint64_t base_size : {std::uint64_t{0}, 3 * kChunkBytes + 77}) {
        CAPTURE(base_size);
        const Bytes bytes = random_bytes(base_size, 21);
        Editing editing(home, base_size == 0 ? ContentId{} : home.write(bytes), bytes);
        editing.write(0, random_bytes(100, 22));
        editing.truncate(base_size + (1 << 20));
        REQUIRE(editing.staged->sync().ok());
        const auto row = decode_staging_row(editing.staged->encoded_row());
        REQUIRE(row.has_value());
        REQUIRE(editing.staged->write(base_size + 300'000, random_bytes(400'000, 23), 1).ok());
        editing.staged.reset();
        auto again = StagedFile::recover(disk, home.folder / "staging", *row);
        REQUIRE(again.ok());
        editing.staged = std::move(*again);
        const ContentId id = editing.publish();
        CHECK(id == tree_of(editing.twin).id());
        CHECK(holds(*home.get(id), editing.twin));
        home.open();
        CHECK(holds(*home.get(id), editing.twin));
    }
}

TEST_CASE("what a write that failed halfway left behind is zeros when the file grows past it") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    Editing editing(home, ContentId{}, {});
    editing.write(0, random_bytes(5000, 31));
    disk.fail_at(0, Fault::short_write, false);
    CHECK(editing.staged->write(20'000, random_bytes(300'000, 32), 1).error().code ==
          Code::no_space);
    disk.heal();
    editing.truncate(900'000);
    const ContentId id = editing.publish();
    CHECK(id == tree_of(editing.twin).id());
    CHECK(holds(*home.get(id), editing.twin));
}

TEST_CASE("a version that could not be made for lack of room leaves no tree behind") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(700'000, 41);
    const ContentId base = home.write(bytes);
    const auto left = [&] {
        const auto names = disk.list(home.folder / "content" / "incoming");
        REQUIRE(names.ok());
        return names->size();
    };
    Editing part(home, base, bytes);
    part.write(300'000, random_bytes(10, 42));
    Editing whole(home, base, bytes);
    whole.write(0, random_bytes(bytes.size(), 43));
    int failed = 0;
    for (Editing* editing : {&part, &whole}) {
        for (std::uint64_t call = 0;; ++call) {
            REQUIRE(call < 100);
            disk.fail_at(call, Fault::short_write, false);
            auto fresh = home.contents->prepare_staged(*editing->staged);
            const bool met = disk.met();
            disk.heal();
            if (fresh) {
                home.contents->discard(std::move(*fresh));
            }
            CHECK(left() == 0);
            if (!met) {
                break;
            }
            failed += fresh ? 0 : 1;
        }
    }
    CHECK(failed > 4);
    for (std::uint64_t call = 0;; ++call) {
        REQUIRE(call < 100);
        {
            auto writer = home.contents->begin_writer();
            REQUIRE(writer.append(bytes).ok());
            disk.fail_at(call, Fault::short_write, false);
            auto fresh = writer.finish();
            const bool met = disk.met();
            disk.heal();
            if (fresh) {
                home.contents->discard(std::move(*fresh));
            }
            if (!met) {
                break;
            }
        }
        CHECK(left() == 0);
    }
}

TEST_CASE("a version that changed nothing is the version it was") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(300'000, 5);
    const ContentId id = home.write(bytes);
    Editing editing(home, id, bytes);
    CHECK(editing.publish() == id);
    CHECK(holds(*home.get(id), bytes));
    Editing same_bytes(home, id, bytes);
    same_bytes.write(1000, ByteSpan(bytes).subspan(1000, 50'000));
    CHECK(same_bytes.publish() == id);
    home.open();
    CHECK(holds(*home.get(id), bytes));
}

TEST_CASE("a version over a file shared in place lives in the store and leaves the file alone") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(700'000, 6);
    const Path path = home.folder / "shared";
    {
        auto file = disk.open(path, Open::create);
        REQUIRE((*file)->write_at(0, bytes).ok());
    }
    const auto base = home.contents->keep(std::move(*home.contents->prepare_in_place(path)));
    REQUIRE(base.ok());
    Editing editing(home, *base, bytes);
    editing.write(300'000, random_bytes(10, 7));
    const ContentId id = editing.publish();
    CHECK(id == tree_of(editing.twin).id());
    std::filesystem::remove(path);
    home.open();
    CHECK(home.get(id)->complete());
    CHECK(holds(*home.get(id), editing.twin));
}
