#include <thread>

#include <doctest/doctest.h>

#include "tests/fs/fixture.hpp"

using namespace swarmfs;
using namespace swarmfs::fs;
using node::kRootInode;

namespace {

constexpr Duration kHour = std::chrono::hours(1);

}  // namespace

TEST_CASE("names, absent names and attributes may be kept for an hour") {
    Fixture at;
    at.volume->remote_write("a.txt", "hello");
    const auto there = at.files.lookup(kRootInode, "a.txt");
    CHECK(there->keep == kHour);
    CHECK(there->status->keep == kHour);
    CHECK(there->status->attributes.size == 5);
    const auto absent = at.files.lookup(kRootInode, "b.txt");
    CHECK_FALSE(absent->status.has_value());
    CHECK(absent->keep == kHour);
    CHECK(at.files.status(there->status->attributes.inode)->keep == kHour);
}

TEST_CASE("an answer that a change may have overtaken is not kept") {
    Fixture at;
    at.volume->remote_write("a.txt", "one");
    at.volume->after_next_lookup([&] { at.volume->remote_write("a.txt", "two"); });
    const auto overtaken = at.files.lookup(kRootInode, "a.txt");
    CHECK(overtaken->keep == Duration(0));
    CHECK(overtaken->status->keep == Duration(0));
    CHECK(at.files.lookup(kRootInode, "a.txt")->keep == kHour);

    at.volume->after_next_lookup([&] { at.volume->remote_write("new.txt", "x"); });
    const auto absent = at.files.lookup(kRootInode, "new.txt");
    CHECK_FALSE(absent->status.has_value());
    CHECK(absent->keep == Duration(0));
}

TEST_CASE("entries listed while a change arrives are not kept") {
    Fixture at;
    at.volume->remote_write("a.txt", "one");
    at.volume->remote_write("b.txt", "two");
    const auto stream = at.files.open_directory(kRootInode);
    std::vector<Duration> keeps;
    const auto take = [&](std::string_view, const std::optional<FileStatus>& status,
                          std::uint64_t) {
        keeps.push_back(status->keep);
        at.volume->remote_mode("b.txt", 0600);
        return true;
    };
    CHECK(at.files
              .read_directory(node::kRootInode, *stream, 2, 16, FileSystem::Lookups::counted, take)
              .ok());
    CHECK(keeps == std::vector<Duration>{kHour, Duration(0)});
}

TEST_CASE("a directory that is open answers for itself once it is removed, with no links") {
    Fixture at;
    const node::Inode inode = at.volume->remote_directory("folder");
    const auto stream = at.files.open_directory(inode);
    REQUIRE(stream.ok());
    at.volume->remote_remove("folder");
    const auto status = at.files.status(inode);
    REQUIRE(status.ok());
    CHECK(status->attributes.links == 0);
    CHECK(status->attributes.kind == node::FileKind::directory);
    at.files.close_directory(*stream);
    CHECK_FALSE(at.files.status(inode).ok());
}

TEST_CASE("lookups are counted, and an inode is unknown when all are forgotten") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    at.look_up(kRootInode, "a.txt");
    CHECK(at.files.known().contains(inode));
    at.files.forget(inode, 1);
    CHECK(at.files.known().contains(inode));
    at.files.forget(inode, 1);
    CHECK_FALSE(at.files.known().contains(inode));
    at.files.forget(inode, 7);  // more than was counted does no harm
    CHECK(at.files.known().contains(kRootInode));
}

TEST_CASE("a change is told to the kernel where it can know of it") {
    Fixture at;
    at.volume->remote_write("known/a.txt", "x");
    at.volume->remote_write("unknown/b.txt", "x");
    const node::Inode known = at.look_up(kRootInode, "known");
    const node::Inode old = at.look_up(known, "a.txt");
    at.notices.all.clear();

    SUBCASE("a new name, which may be cached as absent") {
        at.volume->remote_write("known/new.txt", "y");
        CHECK(at.notices.has(NoticeKind::entry, known, "new.txt"));
        CHECK(at.notices.has(NoticeKind::listing, known));
    }
    SUBCASE("a new version is a new inode under the name") {
        at.volume->remote_write("known/a.txt", "y");
        CHECK(at.notices.has(NoticeKind::entry, known, "a.txt"));
        CHECK(at.look_up(known, "a.txt") != old);
    }
    SUBCASE("a name that is gone") {
        at.volume->remote_remove("known/a.txt");
        CHECK(at.notices.has(NoticeKind::entry, known, "a.txt"));
        CHECK(at.notices.has(NoticeKind::attributes, old));
    }
    SUBCASE("attributes alone") {
        at.volume->remote_mode("known/a.txt", 0600);
        CHECK(at.notices.all.size() == 1);
        CHECK(at.notices.has(NoticeKind::attributes, old));
    }
    SUBCASE("nothing about directories the kernel never saw") {
        at.volume->remote_write("unknown/c.txt", "y");
        CHECK(at.notices.all.empty());
    }
    SUBCASE("names before the listing that holds them") {
        at.volume->remote_write_many("known", {"m1", "m2", "m3"});
        CHECK(at.notices.all.size() == 4);
        CHECK(at.notices.all.back().kind == NoticeKind::listing);
    }
}

TEST_CASE("pages stay cached across opens, until somebody else changed the inode in place") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    CHECK(at.files.open(inode, {})->keep_pages);
    at.files.on_changes({{0, "", inode}});  // chmod, touch, or a publication
    CHECK(at.files.open(inode, {})->keep_pages);
    at.files.on_changes({{0, "", inode, true}});
    CHECK_FALSE(at.files.open(inode, {})->keep_pages);
    CHECK(at.files.open(inode, {})->keep_pages);
}

TEST_CASE("what another mount may write is opened past the pages, and all of it while one is") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    CHECK_FALSE(at.files.open(inode, {})->direct);
    at.files.set_written_elsewhere(true);
    const auto direct = at.files.open(inode, {});
    CHECK(direct->direct);
    at.files.set_written_elsewhere(false);
    const auto beside = at.files.open(inode, {});
    CHECK(beside->direct);
    at.files.release(direct->handle);
    at.files.release(beside->handle);
    CHECK_FALSE(at.files.open(inode, {})->direct);
}

TEST_CASE("files show the mount's owner and its umask, and no set-uid bit") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    at.volume->remote_mode("a.txt", 04777);
    const auto status = at.files.status(at.look_up(kRootInode, "a.txt"));
    CHECK(status->uid == 1000);
    CHECK(status->gid == 100);
    CHECK(status->attributes.mode == 0755);
}

TEST_CASE("a file made and opened at once has the mode that was asked for, sticky included") {
    Fixture at;
    const auto made = at.files.create(kRootInode, "a.txt", 0107644, OpenRequest{});
    REQUIRE(made.ok());
    CHECK(made->name.status->attributes.mode == 01644);
    at.files.release(made->opened.handle);
}

TEST_CASE("a file's owner cannot be changed to another, its mode and times can") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    StatusChange to_root;
    to_root.uid = 0;
    CHECK(at.files.change_status(inode, to_root).error().code == Code::permission);
    StatusChange to_owner;
    to_owner.uid = 1000;
    CHECK(at.files.change_status(inode, to_owner).ok());
    StatusChange mode;
    mode.mode = 0100600;
    CHECK(at.files.change_status(inode, mode)->attributes.mode == 0600);
    StatusChange times;
    times.mtime_now = true;
    CHECK(at.files.change_status(inode, times)->attributes.mtime_ns ==
          static_cast<std::int64_t>(at.clock.wall_ms()) * 1'000'000);
}

TEST_CASE("what is written is read back, and the volume hears of every close") {
    Fixture at;
    const auto created = at.files.create(kRootInode, "new.txt", 0644, {});
    OpenRequest write;
    write.access = node::Access::write;
    const OpenHandle writer = at.files.open(created->name.status->attributes.inode, write)->handle;
    CHECK(*at.files.write(writer, 0, as_bytes("hello")) == 5);
    CHECK(at.files.flush(writer).ok());
    CHECK(at.files.sync(writer).ok());
    CHECK(at.read_all(created->opened.handle) == "hello");
    at.files.release(writer);
    at.files.release(created->opened.handle);
    CHECK(at.volume->open_handles() == 0);
    CHECK(at.volume->calls("close_write") == 1);
    CHECK(at.volume->calls("sync") == 1);
}

TEST_CASE("closing a file that was only read asks nothing of the volume, syncing it does") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const OpenHandle reader = at.open(at.look_up(kRootInode, "a.txt"), node::Access::read);
    CHECK(at.files.flush(reader).ok());
    CHECK(at.volume->calls("close_write") == 0);
    CHECK(at.files.sync(reader).ok());
    CHECK(at.volume->calls("sync") == 1);
    at.files.release(reader);
}

TEST_CASE("opening with O_TRUNC empties the file, and a failure to do so opens nothing") {
    Fixture at;
    at.volume->remote_write("a.txt", "old");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    OpenRequest request;
    request.access = node::Access::write;
    request.truncate = true;
    SUBCASE("emptied") {
        const auto opened = at.files.open(inode, request);
        CHECK(at.volume->content("a.txt").empty());
        at.files.release(opened->handle);
    }
    SUBCASE("failed") {
        at.volume->fail_next("set_attributes", disk_error(Code::no_space, "full"));
        CHECK(at.files.open(inode, request).error().code == Code::no_space);
        CHECK(at.volume->open_handles() == 0);
    }
}

TEST_CASE(
    "what others must confirm is opened in two steps, and its pages are put after the second") {
    Fixture at;
    at.volume->remote_write("a.txt", "small");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    CHECK_FALSE(at.files.waits_to_open(inode, {}));
    at.volume->hold_opens(true);
    REQUIRE(at.files.waits_to_open(inode, {}));
    std::optional<Result<node::FileHandle>> answer;
    const auto keep = [&](Result<node::FileHandle> handle) { answer = std::move(handle); };
    CHECK(at.files.begin_open(inode, {}, keep) != 0);
    CHECK_FALSE(answer);
    CHECK(at.pages.all.empty());
    at.volume->answer_opens();
    REQUIRE(answer->ok());
    const auto opened = at.files.finish_open(inode, **answer, {});
    REQUIRE(opened.ok());
    CHECK(at.pages.all.size() == 1);
    CHECK(at.read_all(opened->handle) == "small");
    at.files.release(opened->handle);

    answer.reset();
    at.files.cancel_read(at.files.begin_open(inode, {}, keep));
    CHECK(answer->error().code == Code::cancelled);
    CHECK(at.volume->open_handles() == 0);
}

TEST_CASE("who only writes, or empties the file first, needs nobody to confirm what it was") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    at.volume->hold_opens(true);
    OpenRequest request;
    request.access = node::Access::write;
    CHECK_FALSE(at.files.waits_to_open(inode, request));
    request.access = node::Access::read_write;
    CHECK(at.files.waits_to_open(inode, request));
    request.truncate = true;
    CHECK_FALSE(at.files.waits_to_open(inode, request));
}

TEST_CASE("creating a name that another member just took does not open theirs past a quorum") {
    Fixture at;
    at.volume->remote_write("a.txt", "theirs");
    at.volume->hold_opens(true);
    OpenRequest request;
    request.access = node::Access::read_write;
    CHECK(at.files.create(kRootInode, "a.txt", 0644, request).error().code == Code::exists);
    CHECK(at.volume->open_handles() == 0);
}

TEST_CASE("creating a name that another member just took opens theirs, unless exclusive") {
    Fixture at;
    at.volume->remote_write("a.txt", "theirs");
    const auto created = at.files.create(kRootInode, "a.txt", 0644, {});
    CHECK(at.read_all(created->opened.handle) == "theirs");
    OpenRequest exclusive;
    exclusive.exclusive = true;
    CHECK(at.files.create(kRootInode, "a.txt", 0644, exclusive).error().code == Code::exists);
    at.files.release(created->opened.handle);
}

TEST_CASE("an open descriptor keeps reading the version it opened") {
    Fixture at;
    at.volume->remote_write("a.txt", "first");
    const OpenHandle old = at.open(at.look_up(kRootInode, "a.txt"), node::Access::read);
    at.volume->remote_write("a.txt", "second");
    CHECK(at.read_all(old) == "first");
    const OpenHandle now = at.open(at.look_up(kRootInode, "a.txt"), node::Access::read);
    CHECK(at.read_all(now) == "second");
    at.files.release(old);
    at.files.release(now);
}

TEST_CASE("bytes that came while a file was open are shown after it is closed") {
    Fixture at;
    at.volume->remote_write("big.bin", std::string(1000, 'x'));
    at.volume->set_stored("big.bin", 0);
    const node::Inode inode = at.look_up(kRootInode, "big.bin");
    const OpenHandle handle = at.open(inode, node::Access::read);
    at.notices.all.clear();
    at.volume->set_stored("big.bin", 1000);
    at.files.release(handle);
    CHECK(at.notices.has(NoticeKind::attributes, inode));
}

TEST_CASE("bytes that came before a file was opened are shown after it is closed, and told once") {
    Fixture at;
    at.volume->remote_write("small", std::string(1000, 'x'));
    at.volume->set_stored("small", 0);
    const node::Inode inode = at.look_up(kRootInode, "small");
    at.volume->set_stored("small", 1000);  // ahead of whoever reads it
    at.notices.all.clear();
    at.files.release(at.open(inode, node::Access::read));
    CHECK(at.notices.has(NoticeKind::attributes, inode));
    at.notices.all.clear();
    at.files.release(at.open(inode, node::Access::read));
    CHECK_FALSE(at.notices.has(NoticeKind::attributes, inode));
}

TEST_CASE("what changes no block is not told") {
    Fixture at;
    at.volume->remote_write("tiny", std::string(100, 'x'));
    at.volume->set_stored("tiny", 0);
    const node::Inode inode = at.look_up(kRootInode, "tiny");
    const OpenHandle handle = at.open(inode, node::Access::read);
    at.notices.all.clear();
    at.volume->set_stored("tiny", 100);
    at.files.release(handle);
    CHECK(at.notices.all.empty());
}

TEST_CASE("a read waits without a thread and is answered once") {
    Fixture at;
    at.volume->remote_write("a.txt", "late");
    const OpenHandle handle = at.open(at.look_up(kRootInode, "a.txt"), node::Access::read);
    at.volume->hold_reads(true);
    int answers = 0;
    std::optional<Code> failure;
    const auto done = [&](Result<ByteSpan> got) {
        ++answers;
        failure = got.ok() ? std::nullopt : std::optional(got.error().code);
    };
    SUBCASE("later") {
        CHECK(at.files.read(handle, 0, 10, done) != 0);
        CHECK(answers == 0);
        at.volume->answer_held();
        CHECK_FALSE(failure.has_value());
    }
    SUBCASE("cancelled") {
        at.files.cancel_read(at.files.read(handle, 0, 10, done));
        CHECK(failure == Code::cancelled);
    }
    CHECK(answers == 1);
    at.files.release(handle);
}

TEST_CASE("an abrupt end releases every file") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    at.open(inode, node::Access::read);
    at.open(inode, node::Access::write);
    at.files.release_all();
    CHECK(at.volume->open_handles() == 0);
}

TEST_CASE("other mounts of the volume hear what was changed through this one") {
    Fixture at;
    const auto made = at.files.make_directory(kRootInode, "d", 0755);
    CHECK(at.own.back().name == "d");
    CHECK(at.files.remove_directory(kRootInode, "d").ok());
    CHECK(at.own.size() == 2);
    CHECK(made.ok());
}

TEST_CASE("other mounts of the volume hear of every write, and that the bytes are others") {
    Fixture at;
    at.volume->remote_write("a.txt", "x");
    const node::Inode inode = at.look_up(kRootInode, "a.txt");
    const OpenHandle writer = at.open(inode, node::Access::write);
    CHECK(at.files.write(writer, 0, as_bytes("y")).ok());
    REQUIRE(at.own.size() == 1);
    CHECK(at.own.back().inode == inode);
    CHECK(at.own.back().content);
    StatusChange mode;
    mode.mode = 0600;
    CHECK(at.files.change_status(inode, mode).ok());
    CHECK_FALSE(at.own.back().content);
    at.files.release(writer);
}
