#include "engine/store/content_store.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "engine/core/clock.hpp"
#include "tests/store/content_fixture.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

void overwrite(const Path& file, std::uint64_t offset, std::string_view text) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
}

void write_file(const Path& path, ByteSpan bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

Code code_of(const Result<Bytes>& result) {
    REQUIRE_FALSE(result.ok());
    return result.error().code;
}

const std::vector<std::size_t> kSizes = {
    1, 4096, 4097, 16384, 16385, 131'072, 262'143, 262'144, 262'145, 5 * 262'144 + 1, 1'000'000};

}  // namespace

TEST_CASE("a content fetched in any order is whole, readable, and proves itself to others") {
    SystemDisk disk;
    for (const std::size_t size : kSizes) {
        CAPTURE(size);
        Home home(disk);
        home.open();
        const Source source(random_bytes(size, size));
        const auto content = home.get(source.id());
        std::vector<std::pair<std::uint64_t, unsigned>> order;
        for (std::uint64_t leaf = 0; leaf < leaf_count(size); ++leaf) {
            order.emplace_back(leaf / kLeavesPerChunk, leaf % kLeavesPerChunk);
        }
        std::shuffle(order.begin(), order.end(), std::minstd_rand(7));
        for (const auto& [chunk, leaf] : order) {
            CHECK_FALSE(content->complete());
            REQUIRE(source.give(*content, ChunkIndex(chunk), leaf, 1).ok());
        }
        CHECK(content->complete());
        for (int opening = 0; opening < 2; ++opening) {
            const auto again = home.get(source.id());
            CHECK(again->complete());
            CHECK(again->stored_bytes() == size);
            CHECK(holds(*again, source.bytes()));
            for (std::uint64_t chunk = 0; chunk < chunk_count(size); ++chunk) {
                const content::TreeShape shape(size);
                for (unsigned level = shape.chunk_level(); level <= shape.depth(); ++level) {
                    const auto proof = again->chunk_proof(ChunkIndex(chunk), level);
                    REQUIRE_MESSAGE(proof.ok(), (proof ? "" : proof.error().message));
                    CHECK(proof->size() == content::proof_length(size, ChunkIndex(chunk), level));
                }
                const auto proof = again->chunk_proof(ChunkIndex(chunk), shape.depth());
                CHECK(content::verify_chunk_proof(size, ChunkIndex(chunk),
                                                  {shape.depth(), source.id().root}, *proof)
                          .ok());
            }
            home.open();
        }
    }
}

TEST_CASE("the empty content is always whole and never written") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const auto content = home.get(ContentId{});
    CHECK(content->complete());
    CHECK(try_read(*content, 0, 10)->empty());
    CHECK(home.write({}) == ContentId{});
    CHECK(home.contents->statistics().contents == 0);
}

TEST_CASE("what is not stored is not found, and reading never goes beyond the end") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(3 * kChunkBytes + 100, 1));
    const auto content = home.get(source.id());
    CHECK(code_of(try_read(*content, 0, 1)) == Code::not_found);
    REQUIRE(source.give(*content, ChunkIndex(1), 3, 2).ok());
    const std::uint64_t begin = kChunkBytes + 3 * kLeafBytes;
    CHECK(content->has(begin, 2 * kLeafBytes));
    CHECK_FALSE(content->has(begin - 1, 2));
    CHECK(content->leaf_mask(ChunkIndex(1)) == 0b11000);
    CHECK(try_read(*content, begin + 5, 2 * kLeafBytes - 5).ok());
    CHECK(code_of(try_read(*content, begin, 2 * kLeafBytes + 1)) == Code::not_found);
    REQUIRE(source.give_chunk(*content, ChunkIndex(3)).ok());
    CHECK(try_read(*content, 3 * kChunkBytes + 90, 100)->size() == 10);
    CHECK(try_read(*content, source.size(), 100)->empty());
    Bytes bitmap(1);
    content->whole_chunks(ChunkIndex(0), bitmap);
    CHECK(bitmap[0] == 0b00010000);
    CHECK_FALSE(content->whole_file().ok());
    CHECK(content->chunk_proof(ChunkIndex(0), 6).error().code == Code::not_found);
}

TEST_CASE("a content that is partly stored stays so across openings, and knows its tree") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(40 * kChunkBytes + 100, 2));
    {
        const auto content = home.get(source.id());
        REQUIRE(source.give(*content, ChunkIndex(5), 1, 3).ok());
        REQUIRE(source.give_chunk(*content, ChunkIndex(40)).ok());
    }
    home.open();
    const auto content = home.get(source.id());
    CHECK(content->stored_bytes() == 3 * kLeafBytes + 100);
    CHECK(readable_bytes(*content, source.bytes()) == 3 * kLeafBytes + 100);
    CHECK(content->known(ChunkIndex(5)).proven);
    CHECK(content->known(ChunkIndex(4)).ancestor.level == kChunkLevel);  // its sibling is stored
    CHECK(content->known(ChunkIndex(6)).ancestor.level == kChunkLevel + 1);
    CHECK(content->known(ChunkIndex(20)).ancestor.level == kChunkLevel + 4);
    source.give_all(*content);
    CHECK(holds(*content, source.bytes()));
}

TEST_CASE("contents of at most 4 KiB have no file, whether fetched or made here") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source fetched(random_bytes(4096, 3));
    const Bytes made = random_bytes(10, 4);
    fetched.give_all(*home.get(fetched.id()));
    const ContentId made_id = home.write(made);
    CHECK(made_id == tree_of(made).id());
    home.open();
    CHECK(holds(*home.get(fetched.id()), fetched.bytes()));
    CHECK(holds(*home.get(made_id), made));
    CHECK(home.get(made_id)->owned());
    CHECK_FALSE(home.get(fetched.id())->owned());
    CHECK_FALSE(std::filesystem::exists(home.data_path(fetched.id())));
    CHECK_FALSE(home.get(made_id)->whole_file().ok());
    const auto statistics = home.contents->statistics();
    CHECK(statistics.small == 2);
    CHECK(statistics.stored_bytes == 4106);
    REQUIRE(home.contents->remove(made_id).ok());
    CHECK(code_of(try_read(*home.get(made_id), 0, 1)) == Code::not_found);
}

TEST_CASE("a content written here is named as its bytes are, and its file holds exactly them") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    for (const std::size_t size : kSizes) {
        const Bytes bytes = random_bytes(size, size + 1);
        const ContentId id = home.write(bytes);
        CHECK(id == tree_of(bytes).id());
        CHECK(home.write(bytes) == id);  // twice is once
        const auto content = home.get(id);
        CHECK(content->owned());
        CHECK(holds(*content, bytes));
        if (size > kSmallBytesMax) {
            const auto file = content->whole_file();
            REQUIRE(file.ok());
            CHECK((*file)->status()->size == size);
            CHECK(content->chunk_proof(ChunkIndex(0), content::TreeShape(size).depth()).ok());
        }
    }
    CHECK(disk.list(home.folder / "content" / "incoming")->empty());
    CHECK(home.contents->statistics().contents == kSizes.size());
    CHECK(home.contents->statistics().complete == kSizes.size());
}

TEST_CASE("a file shared in place is served as long as it is untouched, and hashed every time") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(2 * kChunkBytes + 5, 5);
    const Path path = home.folder / "shared file";
    write_file(path, bytes);
    const auto share = [&](const Path& file) {
        auto fresh = home.contents->prepare_in_place(file);
        REQUIRE_MESSAGE(fresh.ok(), (fresh ? "" : fresh.error().message));
        return *home.contents->keep(std::move(*fresh));
    };
    const ContentId id = share(path);
    CHECK(id == tree_of(bytes).id());
    home.open();
    CHECK(home.get(id)->in_place());
    CHECK(holds(*home.get(id), bytes));
    CHECK(home.contents->statistics().stored_bytes == 0);
    CHECK(home.contents->statistics().in_place == 1);
    CHECK_FALSE(std::filesystem::exists(home.data_path(id)));

    SUBCASE("appended to") {
        std::ofstream(path, std::ios::app) << "more";
        CHECK(code_of(try_read(*home.get(id), 0, 10)) == Code::corrupt);
        CHECK(home.get(id)->stored_bytes() == 0);
    }
    SUBCASE("edited with its old time put back") {
        struct stat before {};
        REQUIRE(::stat(path.c_str(), &before) == 0);
        overwrite(path, 20'000, "edited");
        const timespec times[2] = {before.st_atim, before.st_mtim};
        REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
        CHECK(try_read(*home.get(id), 0, 10).ok());  // another leaf
        CHECK(code_of(try_read(*home.get(id), 20'010, 10)) == Code::corrupt);
        CHECK(code_of(try_read(*home.get(id), 0, 10)) == Code::not_found);
    }
    SUBCASE("deleted, while a second file has the same bytes") {
        const Path twin = home.folder / "twin";
        write_file(twin, bytes);
        CHECK(share(twin) == id);
        home.open();
        std::filesystem::remove(path);
        CHECK(holds(*home.get(id), bytes));
        home.open();
        CHECK(holds(*home.get(id), bytes));
    }
    SUBCASE("deleted, then fetched from others") {
        std::filesystem::remove(path);
        home.open();
        const auto content = home.get(id);
        CHECK(code_of(try_read(*content, 0, 10)) == Code::corrupt);
        Source(bytes).give_all(*content);
        CHECK(holds(*content, bytes));
        home.open();
        CHECK(holds(*home.get(id), bytes));
        CHECK_FALSE(home.get(id)->in_place());
    }
    SUBCASE("removed from the store: the file is left alone") {
        REQUIRE(home.contents->remove(id).ok());
        CHECK(std::filesystem::file_size(path) == bytes.size());
        CHECK(home.get(id)->stored_bytes() == 0);
    }
    SUBCASE("written here too: the store's own bytes take its place") {
        CHECK(home.write(bytes) == id);
        CHECK_FALSE(home.get(id)->in_place());
        std::filesystem::remove(path);
        home.open();
        CHECK(holds(*home.get(id), bytes));
    }
}

TEST_CASE("what is no regular file is not shared in place") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    write_file(home.folder / "target", random_bytes(10'000, 1));
    std::filesystem::create_symlink(home.folder / "target", home.folder / "link");
    const auto code = [&](const char* name) {
        return home.contents->prepare_in_place(home.folder / name).error().code;
    };
    CHECK(code("link") == Code::invalid);
    CHECK(code("content") == Code::invalid);
    CHECK(code("absent") == Code::not_found);
}

TEST_CASE("a leaf that rots is dropped and reported, never shown") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(2 * kChunkBytes, 6));
    source.give_all(*home.get(source.id()));
    home.open();
    overwrite(home.data_path(source.id()), kChunkBytes + kLeafBytes + 77, "rotten");
    const auto content = home.get(source.id());
    CHECK(content->complete());
    CHECK(readable_bytes(*content, source.bytes()) == source.size() - kLeafBytes);
    CHECK(content->leaf_mask(ChunkIndex(1)) == 0xFFFD);
    CHECK_FALSE(home.contents->repairs().empty());
    home.open();
    CHECK(home.get(source.id())->stored_bytes() == source.size() - kLeafBytes);
    REQUIRE(source.give(*home.get(source.id()), ChunkIndex(1), 1, 1).ok());
    CHECK(holds(*home.get(source.id()), source.bytes()));
}

TEST_CASE("files that are missing or too short are settled by hashing when they are opened") {
    SystemDisk disk;
    const Source source(random_bytes(3 * kChunkBytes + 9, 8));
    enum class Damage { none, data_cut, data_gone, tree_cut, tree_gone };
    for (const bool whole : {true, false}) {
        for (const Damage damage : {Damage::none, Damage::data_cut, Damage::data_gone,
                                    Damage::tree_cut, Damage::tree_gone}) {
            CAPTURE(whole);
            CAPTURE(static_cast<int>(damage));
            Home home(disk);
            home.open();
            for (std::uint64_t chunk = 0; chunk < 4; chunk += whole ? 1 : 3) {
                REQUIRE(source.give_chunk(*home.get(source.id()), ChunkIndex(chunk)).ok());
            }
            const std::uint64_t stored = home.get(source.id())->stored_bytes();
            std::uint64_t left = stored;
            home.close();
            if (damage == Damage::data_cut) {
                std::filesystem::resize_file(home.data_path(source.id()),
                                             2 * kChunkBytes + 3 * kLeafBytes);
                left = whole ? 2 * kChunkBytes + 3 * kLeafBytes : kChunkBytes;
            } else if (damage == Damage::data_gone) {
                std::filesystem::remove(home.data_path(source.id()));
                left = 0;
            } else if (damage == Damage::tree_cut) {
                std::filesystem::resize_file(home.tree_path(source.id()), 100);
                left = whole ? stored : 0;  // a whole content's tree is built anew
            } else if (damage == Damage::tree_gone) {
                std::filesystem::remove(home.tree_path(source.id()));
                left = whole ? stored : 0;
            }
            home.open();
            const auto content = home.get(source.id());
            CHECK(content->stored_bytes() == left);
            CHECK(readable_bytes(*content, source.bytes()) == left);
            CHECK(home.contents->repairs().empty() == (damage == Damage::none));
            source.give_all(*content);
            home.open();
            CHECK(holds(*home.get(source.id()), source.bytes()));
        }
    }
}

TEST_CASE("a lost Database is made good from the files: every content proves itself") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes whole = random_bytes(5 * kChunkBytes + 1, 9);
    const Source part(random_bytes(5 * kChunkBytes + 1, 10));
    const ContentId whole_id = home.write(whole);
    REQUIRE(part.give(*home.get(part.id()), ChunkIndex(2), 4, 4).ok());
    home.close();
    std::filesystem::remove_all(home.folder / "db");
    std::filesystem::remove(home.tree_path(whole_id));
    home.open();
    CHECK(holds(*home.get(whole_id), whole));
    CHECK(readable_bytes(*home.get(part.id()), part.bytes()) == 4 * kLeafBytes);
    CHECK_FALSE(home.contents->repairs().empty());
}

TEST_CASE("a removed content is gone from disk and for whoever has it open, and can come back") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(kChunkBytes + 1, 11));
    const auto content = home.get(source.id());
    source.give_all(*content);
    REQUIRE(home.contents->save().ok());
    REQUIRE(home.contents->remove(source.id()).ok());
    CHECK(content->stored_bytes() == 0);
    CHECK(code_of(try_read(*content, 0, 1)) == Code::not_found);
    CHECK_FALSE(std::filesystem::exists(home.data_path(source.id())));
    CHECK_FALSE(std::filesystem::exists(home.tree_path(source.id())));
    home.open();
    CHECK(home.contents->statistics().contents == 0);
    source.give_all(*home.get(source.id()));
    CHECK(holds(*home.get(source.id()), source.bytes()));
}

TEST_CASE("few files stand open at once, however many contents are in use") {
    SystemDisk disk;
    Home home(disk, 4);
    home.open();
    std::vector<Source> sources;
    std::vector<std::shared_ptr<StoredContent>> contents;
    for (std::uint64_t i = 0; i < 30; ++i) {
        sources.emplace_back(random_bytes(20'000, 100 + i));
        contents.push_back(home.get(sources.back().id()));
        sources.back().give_all(*contents.back());
    }
    const auto open_files = [&] {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code ignored;
            const auto target = std::filesystem::read_symlink(entry.path(), ignored).string();
            count += target.find(home.folder.path().string() + "/content") == 0 ? 1 : 0;
        }
        return count;
    };
    CHECK(open_files() <= 5);
    for (std::size_t i = 0; i < sources.size(); ++i) {
        CHECK(holds(*contents[i], sources[i].bytes()));
    }
    CHECK(open_files() <= 5);
}

TEST_CASE("many threads fetch, read and save one content at once") {
    SystemDisk disk;
    Home home(disk, 4);
    home.store_options.save_after = std::chrono::milliseconds(1);
    home.open();
    const Source source(random_bytes(24 * kChunkBytes + 7, 12));
    const auto content = home.get(source.id());
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            SeededDice dice(thread);
            for (std::uint64_t chunk = thread; chunk < chunk_count(source.size()); chunk += 4) {
                wrong += source.give_chunk(*content, ChunkIndex(chunk)).ok() ? 0 : 1;
                const std::uint64_t at = dice.below(source.size() - 1000);
                const auto got = try_read(*content, at, 1000);
                wrong +=
                    got && !std::equal(got->begin(), got->end(),
                                       source.bytes().begin() + static_cast<std::ptrdiff_t>(at))
                        ? 1
                        : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    CHECK(wrong == 0);
    CHECK(content->complete());
    home.open();
    CHECK(holds(*home.get(source.id()), source.bytes()));
}

TEST_CASE("a staging number is never given twice, not after a crash either") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    std::uint64_t last = home.contents->next_staging_number();
    for (int round = 0; round < 3; ++round) {
        const std::uint64_t number = home.contents->next_staging_number();
        CHECK(number > last);
        last = number + 50;  // of which the state on disk need not know
        StagingRow row;
        row.number = last;
        row.opened.inode = 2;
        REQUIRE(home.database
                    ->commit(Changes{{staging_key(last), encode_staging_row(row)}},
                             Durability::process_crash)
                    .ok());
        home.open();
    }
    CHECK(home.contents->next_staging_number() > last);
}

TEST_CASE("61,200 small files: printed, not judged") {
    SystemDisk disk;
    Home home(disk);
    home.store_options.save_after = std::chrono::milliseconds(500);
    home.database_options = {};
    home.open();
    const SystemClock clock;
    constexpr std::uint64_t kFiles = 61'200;
    const auto start = clock.now();
    std::vector<ContentId> ids;
    for (std::uint64_t i = 0; i < kFiles;) {
        std::vector<NewContent> fresh;
        for (const std::uint64_t stop = std::min(kFiles, i + 256); i < stop; ++i) {
            auto writer = home.contents->begin_writer();
            REQUIRE(writer.append(random_bytes(1 + i % 299, i)).ok());
            fresh.push_back(std::move(writer.finish()).value());
            ids.push_back(fresh.back().id());
        }
        Batch batch = home.database->begin();
        for (auto& content : fresh) {
            ContentLedger ledger(batch);
            REQUIRE(home.contents->record(ledger, content).ok());
        }
        REQUIRE(home.database->commit(std::move(batch), Durability::process_crash).ok());
        for (auto& content : fresh) {
            REQUIRE(home.contents->place(std::move(content)).ok());
        }
    }
    const auto written = clock.now();
    home.open();
    const auto reopened = clock.now();
    for (std::uint64_t i = 0; i < kFiles; ++i) {
        REQUIRE(home.get(ids[i])->complete());
    }
    const auto read = clock.now();
    const auto ms = [](auto from, auto to) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
    };
    MESSAGE("written in " << ms(start, written) << " ms, reopened in " << ms(written, reopened)
                          << " ms, read in " << ms(reopened, read) << " ms");
}
