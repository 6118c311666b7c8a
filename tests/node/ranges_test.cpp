// Ranges of open files: room, holes, zeros, and copies that move nothing.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "tests/node/lone_volume.hpp"

namespace swarmfs::node {
namespace {

using test::LoneVolume;

constexpr std::uint64_t kFileMax = 400'000;

// A file beside a plain string that went through the same.
struct Twin {
    explicit Twin(LoneVolume& with) : at(with), handle(at.create("file").handle) {}

    void write(std::uint64_t offset, const std::string& bytes) {
        at.write(handle, offset, bytes);
        text.resize(std::max<std::size_t>(text.size(), offset + bytes.size()));
        text.replace(offset, bytes.size(), bytes);
    }
    void truncate(std::uint64_t size) {
        AttributeChanges changes;
        changes.size = size;
        REQUIRE(at.volume->set_attributes(at.inode_of("file"), changes).ok());
        text.resize(size);
    }
    void allocate(std::uint64_t offset, std::uint64_t length, const Allocation& wanted) {
        REQUIRE(at.volume->allocate(handle, offset, length, wanted).ok());
        if (!wanted.keeps_length) {
            text.resize(std::max<std::size_t>(text.size(), offset + length));
        }
        if (wanted.zeros && offset < text.size()) {
            const std::size_t part = std::min<std::size_t>(length, text.size() - offset);
            text.replace(offset, part, part, '\0');
        }
    }
    void publish() {
        at.close(handle);
        at.jobs.drain();
        handle = at.open_to_write("file");
    }
    void check() {
        CHECK(at.read(handle) == text);
        CHECK(at.volume->attributes(at.inode_of("file"))->size == text.size());
        check_holes();
    }
    // From one hole to the next data and on: what counts as a hole is zeros.
    void check_holes() {
        for (std::uint64_t offset = 0; offset < text.size();) {
            const auto data = at.volume->seek(handle, offset, SeekFor::data);
            const std::uint64_t from = data.ok() ? *data : text.size();
            CHECK(text.find_first_not_of('\0', offset) >= from);
            if (!data.ok()) {
                CHECK(data.error().code == Code::not_found);
                return;
            }
            const auto hole = at.volume->seek(handle, from, SeekFor::hole);
            REQUIRE(hole.ok());
            REQUIRE(*hole > from);
            offset = *hole;
        }
    }

    LoneVolume& at;
    FileHandle handle;
    std::string text;
};

Result<std::uint64_t> copy(LoneVolume& at, const std::string& from, std::uint64_t offset,
                           FileHandle to, std::uint64_t to_offset, std::uint64_t length) {
    const auto source = at.volume->open(at.inode_of(from), Access::read);
    REQUIRE(source.ok());
    auto copied = at.volume->copy_range(*source, offset, to, to_offset, length);
    at.volume->release(*source);
    return copied;
}

ContentId content_of(LoneVolume& at, const std::string& name) {
    return at.tree->view().names.lookup(kRootInode, name)->content;
}

std::uint64_t bytes_on_disk(const LoneVolume& at, const std::string& folder) {
    std::uint64_t bytes = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(at.scratch.path() / "home" / folder)) {
        struct stat status {};
        if (entry.is_regular_file() && ::stat(entry.path().c_str(), &status) == 0) {
            bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
        }
    }
    return bytes;
}

std::string all_of(std::size_t length, unsigned seed) {
    std::string text(length, '\0');
    for (std::size_t i = 0; i < length; ++i) {
        text[i] = static_cast<char>('a' + (i * 7 + i / 251 + seed) % 26);
    }
    return text;
}

}  // namespace

TEST_CASE("writing, cutting, allocating and punching agree with a plain string") {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        CAPTURE(seed);
        LoneVolume at;
        SeededDice dice(seed);
        Twin twin(at);
        for (unsigned step = 0; step < 60; ++step) {
            CAPTURE(step);
            const std::uint64_t offset = dice.below(kFileMax);
            const std::uint64_t length = 1 + dice.below(kFileMax - offset);
            switch (dice.below(6)) {
                case 0: twin.truncate(offset); break;
                case 1: twin.publish(); break;
                case 2:
                case 3: {
                    Allocation wanted;
                    wanted.zeros = dice.below(2) == 0;
                    wanted.room = !wanted.zeros || dice.below(2) == 0;
                    wanted.keeps_length = dice.below(2) == 0;
                    twin.allocate(offset, length, wanted);
                    break;
                }
                default: twin.write(offset, all_of(std::min<std::uint64_t>(length, 50'000), step));
            }
            twin.check();
        }
        twin.publish();
        twin.check();
        at.close(twin.handle);
    }
}

TEST_CASE("a hole is one before the file is published and after it, and costs no room") {
    LoneVolume at;
    Twin twin(at);
    twin.write(0, all_of(10'000, 1));
    twin.write(8 << 20, all_of(10'000, 2));
    const auto sought = [&](std::uint64_t offset, SeekFor what) {
        const auto found = at.volume->seek(twin.handle, offset, what);
        return found.ok() ? *found : 0;
    };
    for (const bool published : {false, true}) {
        CAPTURE(published);
        CHECK(sought(0, SeekFor::data) == 0);
        CHECK(sought(0, SeekFor::hole) == (published ? 12'288 : 10'000));
        CHECK(sought(20'000, SeekFor::hole) == 20'000);
        CHECK(sought(20'000, SeekFor::data) == 8 << 20);
        CHECK(sought(8 << 20, SeekFor::hole) == twin.text.size());
        CHECK(at.volume->seek(twin.handle, twin.text.size(), SeekFor::hole).error().code ==
              Code::not_found);
        if (!published) {
            twin.publish();
        }
    }
    CHECK(bytes_on_disk(at, "content") < 1 << 20);
    // And in the next version, of which most is the one before.
    twin.write(4 << 20, "x");
    twin.publish();
    CHECK(sought(20'000, SeekFor::data) == 4 << 20);
    CHECK(bytes_on_disk(at, "content") < 2 << 20);
    at.close(twin.handle);
}

TEST_CASE("punching gives room back, of what was staged as of what was published") {
    LoneVolume at;
    Twin twin(at);
    const Allocation punched{true, false, true};
    twin.write(0, all_of(2 << 20, 1));
    REQUIRE(bytes_on_disk(at, "staging") >= 2 << 20);
    twin.allocate(0, 1 << 20, punched);
    CHECK(bytes_on_disk(at, "staging") < (1 << 20) + 65'536);
    twin.publish();
    twin.allocate(0, 2 << 20, punched);
    CHECK(at.volume->seek(twin.handle, 0, SeekFor::data).error().code == Code::not_found);
    CHECK(bytes_on_disk(at, "staging") < 65'536);
    CHECK(at.read(twin.handle).find_first_not_of('\0') == std::string::npos);
    at.close(twin.handle);
}

TEST_CASE(
    "reserved room is taken, grows the file unless it is to keep its length, and is bounded") {
    LoneVolume at;
    Twin twin(at);
    Allocation kept;
    kept.keeps_length = true;
    twin.allocate(0, 1 << 20, kept);
    CHECK(twin.text.empty());
    CHECK(bytes_on_disk(at, "staging") >= 1 << 20);
    twin.allocate(0, 100'000, {});
    twin.check();
    CHECK(twin.text.size() == 100'000);
    const auto refused = at.volume->allocate(twin.handle, 0, std::uint64_t{1} << 49, Allocation{});
    CHECK(refused.error().code == Code::no_space);
    CHECK(at.volume->allocate(twin.handle, 0, std::uint64_t{1} << 51, Allocation{}).error().code ==
          Code::too_large);
    CHECK(bytes_on_disk(at, "staging") < 2 << 20);
    twin.publish();
    twin.check();
    at.close(twin.handle);
    CHECK(bytes_on_disk(at, "content") < 65'536);
}

TEST_CASE("a copy of a published file is the same content, in pieces as well, and moves no byte") {
    LoneVolume at;
    const std::string text = all_of(900'000, 3);
    at.make_file("source", text);
    const FileHandle whole = at.create("whole").handle;
    CHECK(*copy(at, "source", 0, whole, 0, 1 << 30) == text.size());
    CHECK(*copy(at, "source", text.size(), whole, text.size(), 10) == 0);
    const FileHandle pieces = at.create("pieces").handle;
    CHECK(*copy(at, "source", 0, pieces, 0, 500'000) == 500'000);
    CHECK(at.read(pieces) == text.substr(0, 500'000));
    CHECK(*copy(at, "source", 500'000, pieces, 500'000, 1 << 30) == 400'000);
    CHECK(at.read(pieces) == text);
    CHECK(bytes_on_disk(at, "staging") == 0);
    at.close(whole);
    at.close(pieces);
    at.jobs.drain();
    CHECK(content_of(at, "whole") == content_of(at, "source"));
    CHECK(content_of(at, "pieces") == content_of(at, "source"));
    CHECK(at.read("whole") == text);
    CHECK(at.staging_files() == 0);
}

TEST_CASE("a copy over a file that was cut to nothing takes its place, and what follows is kept") {
    LoneVolume at;
    const std::string text = all_of(300'000, 4);
    at.make_file("source", text);
    at.make_file("target", all_of(500'000, 5));
    const FileHandle target = at.open_to_write("target");
    AttributeChanges empty;
    empty.size = 0;
    REQUIRE(at.volume->set_attributes(at.inode_of("target"), empty).ok());
    CHECK(*copy(at, "source", 0, target, 0, 1 << 30) == text.size());
    at.write(target, 100, "XYZ");
    at.write(target, text.size(), "more");
    std::string wanted = text + "more";
    wanted.replace(100, 3, "XYZ");
    CHECK(at.read(target) == wanted);
    at.close(target);
    at.jobs.drain();
    CHECK(at.read("target") == wanted);
    CHECK(at.read("source") == text);
}

TEST_CASE("what cannot be copied by name is left to be read and written") {
    LoneVolume at;
    const std::string text = all_of(200'000, 6);
    at.make_file("source", text);
    const FileHandle target = at.create("target").handle;
    const auto refused = [&](std::uint64_t from, std::uint64_t to) {
        return copy(at, "source", from, target, to, 1000).error().code == Code::unsupported;
    };
    CHECK(refused(1000, 0));     // at another place
    CHECK(refused(1000, 1000));  // with a hole before it
    at.write(target, 0, "mine");
    CHECK(refused(0, 0));  // over what was written
    CHECK(at.read(target) == "mine");
    const FileHandle writing = at.open_to_write("source");
    at.write(writing, 0, "S");
    const FileHandle other = at.create("other").handle;
    CHECK(copy(at, "source", 0, other, 0, 10).error().code == Code::unsupported);
    CHECK(copy(at, "target", 0, writing, 0, 4).error().code == Code::unsupported);
    for (const FileHandle handle : {target, writing, other}) {
        at.close(handle);
    }
    at.jobs.drain();
}

TEST_CASE("a copy that was not published before a kill is published after it") {
    LoneVolume at;
    const std::string text = all_of(200'000, 7);
    at.make_file("source", text);
    const FileHandle target = at.create("target").handle;
    CHECK(*copy(at, "source", 0, target, 0, 1 << 30) == text.size());
    REQUIRE(at.volume->close_write(target).ok());
    const auto found = at.publisher->recover();
    REQUIRE(found.size() == 1);
    std::string read(text.size(), ' ');
    const auto outcome = found[0].file->read(
        0, MutableByteSpan(reinterpret_cast<std::uint8_t*>(read.data()), read.size()));
    REQUIRE(outcome.ok());
    CHECK(read == text);
    at.close(target);
    at.jobs.drain();
    CHECK(content_of(at, "target") == content_of(at, "source"));
}

}  // namespace swarmfs::node
