// Files of one member, written, published, removed and looked at in every order.
#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "tests/node/lone_volume.hpp"

namespace swarmfs::node {
namespace {

using test::LoneVolume;
using Names = std::vector<std::string>;

const std::string kText(100'000, 'a');  // more than a small content

// A megabyte at its beginning and one after 64 of them, which are hashed in this order; else zeros.
Inode make_large(LoneVolume& at, const std::string& name) {
    const auto created = at.volume->create(kRootInode, name, 0644);
    REQUIRE(created.ok());
    for (const std::uint64_t offset : {0, 64 << 20}) {
        at.write(created->handle, offset, std::string(1 << 20, 'a'));
    }
    at.close(created->handle);
    return created->attributes.inode;
}

}  // namespace

TEST_CASE("a file that is removed while it is being published stays removed") {
    LoneVolume at;
    const Created created = at.create("f");
    at.close_and_hold(created.handle, kText);
    CHECK(at.volume->remove_file(kRootInode, "f").ok());
    at.disk.let_go();
    at.jobs.drain();
    CHECK(at.names().empty());
    CHECK(at.staging_files() == 0);
    CHECK(at.publisher->recover().empty());
}

TEST_CASE("what a file was while another is renamed over it does not come back") {
    LoneVolume at;
    at.make_file("x", "old");
    at.make_file("new", "new");
    at.close_and_hold(at.open_to_write("x"), kText);
    CHECK(at.volume->rename(kRootInode, "new", kRootInode, "x", RenameRule::replace).ok());
    at.disk.let_go();
    at.jobs.drain();
    CHECK(at.names() == Names{"x"});
    CHECK(at.read("x") == "new");
    CHECK(at.staging_files() == 0);
}

TEST_CASE("while a file is hashed everything goes on but a write to it, which waits and is kept") {
    LoneVolume at;
    const Created created = at.create("f");
    at.close_and_hold(created.handle, kText);

    CHECK(at.volume->attributes(created.attributes.inode)->size == kText.size());
    CHECK(at.read("f") == kText);
    AttributeChanges times;
    times.mtime_ns = 77;
    CHECK(at.volume->set_attributes(created.attributes.inode, times).ok());
    const FileHandle handle = at.open_to_write("f");
    std::thread writer([&] { at.write(handle, kText.size(), "more"); });
    at.disk.let_go();
    writer.join();
    at.close(handle);
    at.jobs.drain();
    CHECK(at.read("f") == kText + "more");
    CHECK(at.staging_files() == 0);
}

TEST_CASE("while large files are hashed reads are answered and small files published") {
    LoneVolume at;
    catalog::Entry entry;
    entry.kind = catalog::EntryKind::file;
    entry.path = "elsewhere";
    entry.content = {Hash256::from_hex(std::string(64, '7')).value(), kText.size()};
    const auto put = [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
        const auto made = names.put_path(entry, [](const catalog::Entry&) { return false; });
        return made.ok() ? done() : Result<>(made.error());
    };
    REQUIRE(at.tree->change(put, Tree::Origin::elsewhere).ok());
    at.disk.hold_large_reads();
    for (const char* name : {"large 1", "large 2", "large 3", "large 4"}) {
        make_large(at, name);
    }
    at.disk.wait_until_held();

    const auto created = at.volume->create(kRootInode, "small", 0644);
    at.write(created->handle, 0, "small");
    at.close(created->handle);
    at.wait_until_published(1);
    at.swarm.arrives = true;
    const auto handle = at.volume->open(at.inode_of("elsewhere"), Access::read);
    std::promise<bool> answered;
    at.volume->read(*handle, 0, 10, Duration::zero(),
                    [&](const Result<ByteSpan>& bytes) { answered.set_value(bytes.ok()); });
    auto answer = answered.get_future();
    CHECK(answer.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    at.disk.let_go();
    at.volume->release(*handle);
    at.wait_until_published(5);
}

TEST_CASE("hashing a file that is removed ends soon") {
    LoneVolume at;
    at.disk.hold_large_reads();
    make_large(at, "large");
    at.disk.wait_until_held();
    CHECK(at.volume->remove_file(kRootInode, "large").ok());
    at.disk.let_go();
    at.jobs.drain();
    CHECK(at.disk.large_reads() == 1);
    CHECK(at.staging_files() == 0);
}

TEST_CASE(
    "hashing ends soon when the node stops, and what was staged is published by the next run") {
    LoneVolume at;
    at.disk.hold_large_reads();
    make_large(at, "large");
    at.disk.wait_until_held();
    at.publisher->stop();
    make_large(at, "another");
    at.disk.let_go();
    at.jobs.drain();
    CHECK(at.disk.large_reads() == 1);
    CHECK(at.publisher->published_count() == 0);
    CHECK(at.publisher->recover().size() == 2);
}

TEST_CASE("a time that is set while the file is hashed is published with it") {
    LoneVolume at;
    const Created created = at.create("f");
    at.close_and_hold(created.handle, kText);
    AttributeChanges times;
    times.mtime_ns = 77;
    CHECK(at.volume->set_attributes(created.attributes.inode, times).ok());
    at.disk.let_go();
    at.jobs.drain();
    CHECK(at.tree->view().names.find(created.attributes.inode)->mtime_ns == 77);
}

TEST_CASE("an open file without a name can be cut and given a mode and a time, for itself alone") {
    LoneVolume at;
    const Inode inode = at.make_file("f", "still here");
    const FileHandle handle = at.open_to_write("f");
    CHECK(at.volume->remove_file(kRootInode, "f").ok());
    AttributeChanges changes;
    changes.size = 5;
    changes.mode = 0600;
    changes.mtime_ns = 77;
    const auto changed = at.volume->set_attributes(inode, changes);
    REQUIRE(changed.ok());
    CHECK(changed->size == 5);
    CHECK(changed->mode == 0600);
    CHECK(changed->mtime_ns == 77);
    CHECK(changed->links == 0);
    CHECK(at.read(handle) == "still");
    at.close(handle);
    at.jobs.drain();
    CHECK(at.names().empty());
    CHECK(at.staging_files() == 0);
    CHECK(at.volume->set_attributes(inode, changes).error().code == Code::not_found);
}

TEST_CASE("a publication is told as a change of attributes, and as nothing else") {
    LoneVolume at;
    std::vector<Change> heard;
    const auto listener = at.listen(heard);
    const Inode inode = at.make_file("f", kText);
    at.volume->remove_change_listener(listener);
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].name.empty());
    CHECK(heard[0].inode == inode);
    CHECK_FALSE(heard[0].content);
}

TEST_CASE("a directory that goes with the last file in it is told, the file itself is not") {
    LoneVolume at;
    catalog::Entry entry;
    entry.kind = catalog::EntryKind::file;
    entry.path = "d/f";
    entry.mode = 0644;
    const auto put = [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
        const auto made = names.put_path(entry, [](const catalog::Entry&) { return false; });
        return made.ok() ? done() : Result<>(made.error());
    };
    REQUIRE(at.tree->change(put, Tree::Origin::elsewhere).ok());
    const Inode directory = at.inode_of("d");
    std::vector<Change> heard;
    const auto listener = at.listen(heard);
    REQUIRE(at.volume->create(kRootInode, "other", 0644).ok());
    REQUIRE(at.volume->make_directory(kRootInode, "e", 0755).ok());
    CHECK(heard.empty());
    REQUIRE(at.volume->remove_file(directory, "f").ok());
    at.volume->remove_change_listener(listener);
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].parent == kRootInode);
    CHECK(heard[0].name == "d");
    CHECK(heard[0].inode == directory);
}

TEST_CASE("an open file shows the time another member gives it") {
    LoneVolume at;
    const Inode inode = at.make_file("f", kText);
    const FileHandle handle = at.open_to_write("f");
    REQUIRE(at.tree
                ->change(
                    [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
                        const auto set = names.set_attributes(inode, {}, 77);
                        return set.ok() ? done() : Result<>(set.error());
                    },
                    Tree::Origin::elsewhere)
                .ok());
    CHECK(at.volume->attributes(inode)->mtime_ns == 77);
    at.volume->release(handle);
}

TEST_CASE("giving a file the length it has sets its mtime") {
    LoneVolume at;
    const Inode inode = at.make_file("f", kText);
    at.clock.advance(std::chrono::seconds(10));
    AttributeChanges cut;
    cut.size = kText.size();
    REQUIRE(at.volume->set_attributes(inode, cut).ok());
    at.jobs.drain();
    CHECK(at.volume->attributes(inode)->mtime_ns ==
          static_cast<std::int64_t>(at.clock.wall_ms()) * 1'000'000);
    CHECK(at.read("f") == kText);
}

TEST_CASE("what is staged counts as stored") {
    LoneVolume at;
    const Created created = at.create("f");
    at.write(created.handle, 1'000'000, "at the end");
    CHECK(at.volume->attributes(created.attributes.inode)->stored_bytes == 10);
    at.close(created.handle);
}

TEST_CASE("fsync keeps what was published a moment ago below what is staged, and reads or not") {
    LoneVolume at;
    at.make_file("f", kText);
    const FileHandle handle = at.open_to_write("f");
    at.write(handle, kText.size(), "more");
    CHECK(at.disk.syncs_below("content") == 0);
    CHECK(at.volume->sync(handle).ok());
    CHECK(at.disk.syncs_below("content") == 1);
    CHECK(at.disk.syncs_below("staging") == 1);
    at.close(handle);
    at.jobs.drain();
    const auto reader = at.volume->open(at.inode_of("f"), Access::read);
    REQUIRE(reader.ok());
    CHECK(at.volume->sync(*reader).ok());
    CHECK(at.disk.syncs_below("content") == 2);
    at.volume->release(*reader);
}

TEST_CASE("a file that stays open is published some time after it was synced") {
    LoneVolume at;
    const Created created = at.create("f");
    const auto published_size = [&] {
        return at.tree->view().names.find(created.attributes.inode)->content.size;
    };
    at.write(created.handle, 0, "first");
    REQUIRE(at.volume->sync(created.handle).ok());
    at.publisher->publish_due();
    at.jobs.drain();
    CHECK(published_size() == 0);
    at.clock.advance(Publisher::kAfterSync);
    at.publisher->publish_due();
    at.jobs.drain();
    CHECK(published_size() == 5);

    at.write(created.handle, 5, ", second");  // nobody asked for this one to be kept yet
    at.clock.advance(Publisher::kAfterSync);
    at.publisher->publish_due();
    at.jobs.drain();
    CHECK(published_size() == 5);
    CHECK(at.read(created.handle) == "first, second");
    at.close(created.handle);
    at.jobs.drain();
    CHECK(published_size() == 13);
    CHECK(at.staging_files() == 0);
}

}  // namespace swarmfs::node
