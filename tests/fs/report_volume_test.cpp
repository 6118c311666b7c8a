// /.swarmfs: a directory that no member made.
#include "fs/report_volume.hpp"

#include <doctest/doctest.h>

#include "tests/fs/fixture.hpp"

namespace swarmfs::fs {
namespace {

using node::Access;
using node::Inode;
using node::kRootInode;

// Says how often it was asked.
class Counting final : public node::Reports {
public:
    std::vector<std::string> names() const override { return {"peers.json", "version"}; }
    void report(std::string_view name, Done done) override {
        done(std::string(name) + " " + std::to_string(++asked));
    }
    int asked = 0;
};

struct Reporting {
    Inode look_up(Inode parent, const std::string& name) {
        const auto found = volume->lookup(parent, name);
        return found.ok() ? found->inode : 0;
    }
    Result<node::FileHandle> open(Inode inode, Access access = Access::read) {
        Result<node::FileHandle> opened = caller_error(Code::io, "no answer");
        volume->open_confirmed(inode, access, {}, [&](Result<node::FileHandle> handle) {
            opened = std::move(handle);
        });
        return opened;
    }
    std::string read(node::FileHandle handle, std::uint64_t offset = 0, std::size_t length = 1000) {
        std::string text;
        volume->read(handle, offset, length, {},
                     [&](Result<ByteSpan> bytes) { text = as_text(*bytes); });
        return text;
    }
    std::vector<std::string> list(Inode directory, std::size_t count = 1000) {
        std::vector<std::string> names;
        const auto entries = *volume->list(directory, "", count);
        for (const auto& entry : entries) {
            names.push_back(entry.name);
        }
        return names;
    }

    Counting reports;
    std::shared_ptr<test::FakeVolume> under = std::make_shared<test::FakeVolume>();
    std::shared_ptr<node::Volume> volume{[this] {
        under->report_with(&reports);
        return with_reports(under, 7);
    }()};
    Inode folder = look_up(kRootInode, ".swarmfs");
};

}  // namespace

TEST_CASE("a report is found by its name, and the root does not list its directory") {
    Reporting r;
    r.under->remote_write("file", "text");
    REQUIRE(r.folder != 0);
    CHECK(r.volume->attributes(r.folder)->kind == node::FileKind::directory);
    CHECK(r.list(kRootInode) == std::vector<std::string>{"file"});
    CHECK(r.list(r.folder) == std::vector<std::string>{"peers.json", "version"});
    CHECK(r.list(r.folder, 1) == std::vector<std::string>{"peers.json"});
    CHECK(r.look_up(r.folder, "peers.json") != 0);
    CHECK(r.look_up(r.folder, "other") == 0);
    const Inode directory = r.under->remote_directory("d");
    CHECK(r.look_up(directory, ".swarmfs") == 0);  // at the root alone
    CHECK_FALSE(r.volume->attributes(r.folder + 3).ok());
}

TEST_CASE("what a report says is made at each opening, and stays for that descriptor") {
    Reporting r;
    const Inode version = r.look_up(r.folder, "version");
    const auto first = r.open(version);
    const auto second = r.open(version);
    REQUIRE(first.ok());
    REQUIRE(second.ok());
    CHECK(r.read(*first) == "version 1");
    CHECK(r.read(*second) == "version 2");
    CHECK(r.read(*first, 8, 1) == "1");
    CHECK(r.read(*first, 9).empty());
    CHECK(r.read(*first, 1 << 20).empty());
    r.volume->release(*first);
    r.volume->read(*first, 0, 10, {}, [](const Result<ByteSpan>& bytes) {
        CHECK(bytes.error().code == Code::invalid);
    });
    CHECK(r.under->calls("open") == 0);
}

TEST_CASE("as many reports may be open as there is room for") {
    Reporting r;
    const Inode version = r.look_up(r.folder, "version");
    std::vector<node::FileHandle> open;
    for (std::size_t i = 0; i < kOpenReportsMax; ++i) {
        open.push_back(*r.open(version));
    }
    CHECK(r.open(version).error().code == Code::busy);
    r.volume->release(open[0]);
    CHECK(r.open(version).ok());
}

TEST_CASE("nothing is made, changed or removed in the reports' directory, nor in its place") {
    Reporting r;
    r.under->remote_write("file", "text");
    const Inode version = r.look_up(r.folder, "version");
    node::Volume& v = *r.volume;
    CHECK(v.make_directory(kRootInode, ".swarmfs", 0755).error().code == Code::exists);
    CHECK(v.make_symlink(kRootInode, ".swarmfs", "x").error().code == Code::exists);
    CHECK(v.create(kRootInode, ".swarmfs", 0644).error().code == Code::exists);
    CHECK(v.create(r.folder, "mine", 0644).error().code == Code::permission);
    CHECK(v.make_directory(r.folder, "mine", 0755).error().code == Code::permission);
    CHECK(v.remove_file(r.folder, "version").error().code == Code::permission);
    CHECK(v.remove_directory(kRootInode, ".swarmfs").error().code == Code::permission);
    const auto move = [&](Inode from, const char* name, Inode to, const char* new_name) {
        return v.rename(from, name, to, new_name, node::RenameRule::replace).error().code;
    };
    CHECK(move(kRootInode, "file", kRootInode, ".swarmfs") == Code::permission);
    CHECK(move(kRootInode, "file", r.folder, "file") == Code::permission);
    CHECK(move(kRootInode, ".swarmfs", kRootInode, "x") == Code::permission);
    CHECK(move(r.folder, "version", kRootInode, "x") == Code::permission);
    node::AttributeChanges mode;
    mode.mode = 0777;
    CHECK(v.set_attributes(version, mode).error().code == Code::permission);
    CHECK(v.open(version, Access::write).error().code == Code::permission);
    CHECK(r.open(version, Access::read_write).error().code == Code::permission);
    CHECK(r.open(r.folder).error().code == Code::permission);
    CHECK(v.extended_attributes().names(version)->empty());
    CHECK(v.extended_attributes().set(version, "x", {}, node::AttributeRule::set).error().code ==
          Code::permission);
    CHECK(r.under->calls("create") + r.under->calls("make_directory") == 0);
}

TEST_CASE("a file that another member shared under that name is not seen, and hides no other") {
    Reporting r;
    r.under->remote_write(".swarmfs", "somebody else's");
    r.under->remote_write(".a", "");
    r.under->remote_write("z", "");
    CHECK(r.look_up(kRootInode, ".swarmfs") == r.folder);
    for (std::size_t page = 1; page <= 4; ++page) {
        CAPTURE(page);
        std::vector<std::string> names;
        for (std::string after;;) {  // as whoever lists: a short page is the last one
            const auto entries = *r.volume->list(kRootInode, after, page);
            for (const auto& entry : entries) {
                names.push_back(entry.name);
            }
            if (entries.size() < page) {
                break;
            }
            after = entries.back().name;
        }
        CHECK(names == std::vector<std::string>{".a", "z"});
    }
}

TEST_CASE("the kernel keeps no pages of a report") {
    Reporting r;
    ManualClock clock;
    Collected notices;
    PutPages pages;
    FileSystem files(r.volume, Fixture::options(), clock, notices, pages);
    const Inode folder = files.lookup(kRootInode, ".swarmfs")->status->attributes.inode;
    const Inode version = files.lookup(folder, "version")->status->attributes.inode;
    OpenRequest request;
    CHECK(files.waits_to_open(version, request));
    files.begin_open(version, request, [&](const Result<node::FileHandle>& handle) {
        const auto opened = files.finish_open(version, *handle, request);
        REQUIRE(opened.ok());
        CHECK(opened->direct);
        files.release(opened->handle);
    });
    CHECK(pages.all.empty());
}

}  // namespace swarmfs::fs
