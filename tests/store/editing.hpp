#pragma once
// A program that edits a published file, beside a plain vector of bytes.

#include <doctest/doctest.h>

#include "tests/store/content_fixture.hpp"

namespace swarmfs::test {

struct Editing {
    Editing(Home& with, const ContentId& base, const Bytes& bytes) : home(with), twin(bytes) {
        REQUIRE(home.disk.make_folder(home.folder / "staging").ok());
        store::InodeRecord opened;
        opened.content = base;
        auto made =
            store::StagedFile::create(home.disk, home.folder / "staging", ++number, {}, opened);
        REQUIRE(made.ok());
        staged = std::move(*made);
    }

    void write(std::uint64_t offset, ByteSpan bytes) {
        REQUIRE(staged->write(offset, bytes, 1).ok());
        twin.resize(std::max<std::size_t>(twin.size(), offset + bytes.size()));
        std::copy(bytes.begin(), bytes.end(), twin.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    void truncate(std::uint64_t size) {
        REQUIRE(staged->truncate(size, 1).ok());
        twin.resize(size);
    }

    // Fetches what is missing, and no more. Returns: the bytes fetched.
    std::uint64_t fetch_missing(const Source& base) {
        std::uint64_t fetched = 0;
        for (int round = 0;; ++round) {
            REQUIRE(round < 3);
            const auto missing = home.contents->missing_for(*staged);
            REQUIRE(missing.ok());
            if (missing->empty()) {
                return fetched;
            }
            CHECK(home.contents->prepare_staged(*staged).error().code == Code::unavailable);
            const auto content = home.get(base.id());
            for (const store::Range& range : *missing) {
                CHECK_FALSE(content->has(range.offset, range.length));
                const LeafIndex leaf = leaf_at(range.offset);
                REQUIRE(base.give(*content, chunk_of(leaf),
                                  static_cast<unsigned>(leaf.value % kLeavesPerChunk), 1)
                            .ok());
                fetched += range.length;
            }
        }
    }

    ContentId publish() {
        auto fresh = home.contents->prepare_staged(*staged);
        REQUIRE_MESSAGE(fresh.ok(), (fresh ? "" : fresh.error().message));
        const store::Path path = staged->path();
        const auto id = home.contents->keep(std::move(*fresh));
        REQUIRE_MESSAGE(id.ok(), (id ? "" : id.error().message));
        CHECK_FALSE(std::filesystem::exists(path));
        return *id;
    }

    Home& home;
    Bytes twin;
    std::unique_ptr<store::StagedFile> staged;
    static inline std::uint64_t number = 0;
};

}  // namespace swarmfs::test
