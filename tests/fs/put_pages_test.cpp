// Small files are put into the kernel's cache when they are opened (file_system.hpp, rule 6).
#include <doctest/doctest.h>

#include "tests/fs/fixture.hpp"

using namespace swarmfs;
using namespace swarmfs::fs;
using node::kRootInode;

namespace {

using Put = std::vector<std::pair<node::Inode, std::string>>;

struct Small : Fixture {
    node::Inode inode = 0;
    explicit Small(std::string content = "small") {
        volume->remote_write("a.txt", std::move(content));
        inode = look_up(kRootInode, "a.txt");
    }
    OpenHandle read_only() { return open(inode, node::Access::read); }
};

}  // namespace

TEST_CASE("a small file is put into the kernel's cache when it is first opened to be read") {
    Small at;
    at.files.release(at.read_only());
    CHECK(at.pages.all == Put{{at.inode, "small"}});
    at.files.release(at.read_only());
    CHECK(at.pages.all.size() == 1);
}

TEST_CASE("it is put again once the kernel has forgotten the inode, or dropped its pages") {
    Small at;
    at.files.release(at.read_only());
    SUBCASE("forgotten") {
        at.files.forget(at.inode, 1);
        at.look_up(kRootInode, "a.txt");
    }
    SUBCASE("dropped") {
        at.files.on_changes({{0, "", at.inode, true}});
        at.files.release(at.read_only());  // drops them
        CHECK(at.pages.all.size() == 1);
    }
    at.files.release(at.read_only());
    CHECK(at.pages.all.size() == 2);
}

TEST_CASE("what the kernel did not take is offered again") {
    Small at;
    at.pages.takes = false;
    at.files.release(at.read_only());
    at.files.release(at.read_only());
    CHECK(at.pages.all.size() == 2);
}

TEST_CASE("nothing is put where the kernel's pages may be others, or will be") {
    Small at;
    SUBCASE("it is opened to be written") {
        at.files.release(at.open(at.inode, node::Access::read_write));
    }
    SUBCASE("somebody has it open") {
        const OpenHandle writer = at.open(at.inode, node::Access::write);
        at.files.release(at.read_only());
        at.files.release(writer);
    }
    SUBCASE("it is read past the pages") {
        at.files.set_written_elsewhere(true);
        at.files.release(at.read_only());
    }
    CHECK(at.pages.all.empty());
    at.files.set_written_elsewhere(false);
    at.files.release(at.read_only());
    CHECK(at.pages.all.size() == 1);
}

TEST_CASE("nothing is put of what is empty, large, or not all here") {
    SUBCASE("empty") {
        Small at("");
        at.files.release(at.read_only());
        CHECK(at.pages.all.empty());
    }
    SUBCASE("as large as may be") {
        Small at(std::string(16 * 1024, 'x'));
        at.files.release(at.read_only());
        CHECK(at.pages.all.size() == 1);
    }
    SUBCASE("larger") {
        Small at(std::string(16 * 1024 + 1, 'x'));
        at.files.release(at.read_only());
        CHECK(at.pages.all.empty());
        CHECK(at.volume->calls("read") == 0);
    }
    SUBCASE("not here") {
        Small at(std::string(3000, 'x'));
        at.volume->set_stored("a.txt", 0);
        at.files.release(at.read_only());
        CHECK(at.pages.all.empty());
        CHECK(at.volume->calls("read") == 0);
    }
}

TEST_CASE("one who comes while the bytes are read may write, so they are not put") {
    Small at;
    std::optional<OpenHandle> writer;
    SUBCASE("and stays") {
        at.volume->after_next_read([&] { writer = at.open(at.inode, node::Access::write); });
    }
    SUBCASE("and has gone again") {
        at.volume->after_next_read(
            [&] { at.files.release(at.open(at.inode, node::Access::write)); });
    }
    SUBCASE("or changes its size, without opening it") {
        at.volume->after_next_read([&] {
            StatusChange shorter;
            shorter.size = 2;
            CHECK(at.files.change_status(at.inode, shorter).ok());
        });
    }
    const OpenHandle reader = at.read_only();
    CHECK(at.pages.all.empty());
    CHECK(at.volume->calls("read") == 1);
    at.files.release(reader);
    if (writer) {
        at.files.release(*writer);
    }
}

TEST_CASE("bytes that have gone from the disk meanwhile are not waited for") {
    Small at;
    at.volume->hold_reads(true);
    const OpenHandle reader = at.read_only();
    CHECK(at.volume->cancelled() == 1);
    CHECK(at.volume->held() == 0);
    CHECK(at.pages.all.empty());
    at.files.release(reader);
}

TEST_CASE("a failure to read them leaves the opening as it is") {
    Small at;
    at.volume->fail_reads(disk_error(Code::io, "the disk is gone"));
    const auto opened = at.files.open(at.inode, {});
    CHECK(opened.ok());
    CHECK(at.pages.all.empty());
    at.files.release(opened->handle);
}
