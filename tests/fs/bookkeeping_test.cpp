// The small tables: pending reads, known inodes, open files.
#include <doctest/doctest.h>

#include "fs/known_inodes.hpp"
#include "fs/open_files.hpp"
#include "fs/pending_reads.hpp"

using namespace swarmfs;
using namespace swarmfs::fs;

TEST_CASE("an interrupt finds the ticket of the read it means") {
    PendingReads reads;
    const auto one = reads.begin();
    const auto two = reads.begin();
    CHECK_FALSE(reads.started(one, 101));
    CHECK_FALSE(reads.started(two, 102));
    CHECK(reads.interrupt(one) == 101U);
    reads.end(one);
    CHECK(reads.interrupt(one) == std::nullopt);
    CHECK(reads.size() == 1);
}

TEST_CASE("an interrupt that comes before the ticket is known is not lost") {
    PendingReads reads;
    const auto read = reads.begin();
    CHECK(reads.interrupt(read) == std::nullopt);
    CHECK(reads.started(read, 7));
}

TEST_CASE("a read answered before its ticket is known leaves nothing behind") {
    PendingReads reads;
    const auto read = reads.begin();
    reads.end(read);
    CHECK_FALSE(reads.started(read, 7));
    CHECK(reads.interrupt_all().empty());
    CHECK(reads.size() == 0);
}

TEST_CASE("interrupting all yields every ticket, and catches those still to come") {
    PendingReads reads;
    const auto one = reads.begin();
    const auto late = reads.begin();
    reads.started(one, 11);
    CHECK(reads.interrupt_all() == std::vector<node::ReadTicket>{11});
    CHECK(reads.started(late, 12));
}

TEST_CASE("the kernel's carried number is the volume's handle and whether it writes") {
    const OpenHandle reader(77, node::Access::read);
    const OpenHandle writer(77, node::Access::write);
    CHECK(reader.volume_handle() == 77);
    CHECK_FALSE(reader.writable());
    const OpenHandle most(OpenHandle::kVolumeHandleMax, node::Access::read_write, true, 65'535);
    CHECK(OpenHandle::from(most.number()).volume_handle() == OpenHandle::kVolumeHandleMax);
    CHECK(OpenHandle::from(most.number()).access() == node::Access::read_write);
    CHECK(OpenHandle::from(most.number()).direct());
    CHECK(OpenHandle::from(most.number()).run() == 65'535);
    CHECK(OpenHandle::from(writer.number()).access() == node::Access::write);
    CHECK(OpenHandle::from(reader.number()).access() == node::Access::read);
    CHECK(OpenHandle::from(reader.number()).run() == 0);
    CHECK(OpenHandle::from(writer.number()).writable());
    CHECK(reader.number() != writer.number());
}

TEST_CASE("open files are removed once, one by one or all together") {
    OpenFiles files;
    files.begin(10, false);
    files.begin(20, false);
    files.add(OpenHandle(1, node::Access::read), {10, 0, true});
    files.add(OpenHandle(2, node::Access::write), {20, 0, true});
    CHECK(files.find(OpenHandle(1, node::Access::read))->inode == 10);
    CHECK(files.remove(OpenHandle(1, node::Access::read))->inode == 10);
    CHECK_FALSE(files.remove(OpenHandle(1, node::Access::read)).has_value());
    CHECK(files.remove_all().size() == 1);
    CHECK(files.remove_all().empty());
}

TEST_CASE("who opens an inode is alone until another begins with it") {
    OpenFiles files;
    const auto alone = [&](const Opening& opening) {
        bool ran = false;
        files.while_alone(10, opening, [&] { ran = true; });
        return ran;
    };
    const Opening first = files.begin(10, false);
    CHECK(first.only);
    CHECK(files.begin(26, false).only);
    CHECK(alone(first));
    SUBCASE("and stays") {
        const Opening second = files.begin(10, false);
        CHECK_FALSE(second.only);
        CHECK_FALSE(alone(first));
    }
    SUBCASE("and has gone again") {
        files.end(10, files.begin(10, false).direct);
        CHECK_FALSE(alone(first));
    }
    SUBCASE("when all others have gone, a newcomer is") {
        files.end(10, first.direct);
        CHECK_FALSE(alone(first));
        CHECK(files.begin(10, false).only);
    }
}

TEST_CASE("all who open what somebody opened directly do so directly") {
    OpenFiles files;
    CHECK_FALSE(files.begin(10, false).direct);
    CHECK(files.begin(10, true).direct);
    CHECK(files.begin(10, false).direct);
    files.end(10, true);
    CHECK(files.begin(10, false).direct);
    files.end(10, true);
    files.end(10, true);
    CHECK_FALSE(files.begin(10, false).direct);
}

TEST_CASE("known inodes tell directories apart, and the root is always one") {
    KnownInodes known;
    known.add({5, node::FileKind::directory});
    known.add({6, node::FileKind::file});
    CHECK(known.contains(node::kRootInode));
    CHECK(known.directories().size() == 2);
    CHECK(known.all().size() == 3);
    known.forget(5, 1);
    CHECK(known.directories() == std::vector<node::Inode>{node::kRootInode});
}

TEST_CASE("suspicion ends with the open that heeds it, and unknown inodes are above it") {
    KnownInodes known;
    known.suspect(6);
    CHECK_FALSE(known.take_suspect(6));
    known.add({6, node::FileKind::file});
    known.suspect(6);
    CHECK(known.take_suspect(6));
    CHECK_FALSE(known.take_suspect(6));
}

TEST_CASE("pages that were put are there until the inode is forgotten, or suspicion drops them") {
    KnownInodes known;
    known.note_pages_put(6);
    CHECK_FALSE(known.pages_put(6));
    known.add({6, node::FileKind::file});
    CHECK_FALSE(known.pages_put(6));
    known.note_pages_put(6);
    CHECK(known.pages_put(6));
    known.suspect(6);
    CHECK(known.pages_put(6));
    CHECK(known.take_suspect(6));
    CHECK_FALSE(known.pages_put(6));
    known.note_pages_put(6);
    known.forget(6, 1);
    known.add({6, node::FileKind::file});
    CHECK_FALSE(known.pages_put(6));
}
