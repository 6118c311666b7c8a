// Files that are moved and removed while others use them.

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "engine/store/file_cache.hpp"
#include "tests/store/content_fixture.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

TEST_CASE("a file that was opened just before another took its name is not kept open") {
    SystemDisk disk;
    const ScratchFolder folder{Medium::memory};
    const auto make = [&](const char* name, std::string_view text) {
        auto file = disk.open(folder / name, Open::create);
        REQUIRE(file.ok());
        REQUIRE((*file)->write_at(0, as_bytes(text)).ok());
    };
    make("file", "old");
    make("next", "new");
    FileCache cache(4);
    FileSlot slot(cache);
    int opened = 0;
    const auto open = [&]() -> Result<std::unique_ptr<File>> {
        auto file = disk.open(folder / "file", Open::read);
        if (++opened == 1) {
            slot.forget();
            REQUIRE(disk.rename(folder / "next", folder / "file").ok());
            slot.forget();
        }
        return file;
    };
    for (int use = 0; use < 2; ++use) {
        const auto file = slot.use(open);
        REQUIRE(file.ok());
        Bytes text(3);
        REQUIRE((*file)->read_at(0, text).ok());
        CHECK(as_text(text) == "new");
    }
    CHECK(opened == 2);
}

TEST_CASE("what is stored while a content is removed is there or is not, and its files likewise") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(2 * kChunkBytes, 1));
    for (int round = 0; round < 200; ++round) {
        CAPTURE(round);
        const auto content = home.get(source.id());
        std::atomic<bool> removed = false;
        std::thread remover([&] {
            for (int i = 0; i < 4; ++i) {
                if (!home.contents->remove(source.id())) {
                    std::abort();
                }
            }
            removed = true;
        });
        while (!removed) {
            for (unsigned leaf = 0; leaf < 16 && !removed; ++leaf) {
                const auto given = source.give(*content, ChunkIndex(1), leaf, 1);
                CHECK((given.ok() || given.error().code == Code::cancelled));
            }
        }
        remover.join();
        const std::uint64_t stored = content->stored_bytes();
        CHECK(readable_bytes(*content, source.bytes()) == stored);
        CHECK(home.contents->repairs().empty());
        REQUIRE(home.contents->remove(source.id()).ok());
        CHECK_FALSE(std::filesystem::exists(home.data_path(source.id())));
        CHECK_FALSE(std::filesystem::exists(home.tree_path(source.id())));
    }
}
