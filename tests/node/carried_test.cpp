// What a run of the node leaves for the next one, when it dies.
#include <doctest/doctest.h>

#include "engine/node/done_requests.hpp"
#include "engine/node/orphans.hpp"
#include "tests/node/lone_volume.hpp"

namespace swarmfs::test {
namespace {

using node::RequestMark;
using node::Working;

constexpr std::uint64_t kMount = 7;

RequestMark request_of(std::uint64_t number, std::uint16_t worker = 0, std::uint16_t run = 0) {
    return {kMount, run, worker, number, false};
}

std::size_t orphans(const LoneVolume& at) {
    return node::orphans_of(at.database->reader(), at.tree->swarm()).size();
}

}  // namespace

TEST_CASE("what a request has done is known, and what it made") {
    LoneVolume at;
    const RequestMark making = request_of(10);
    node::Inode made = 0;
    {
        const Working working(making);
        made = at.volume->make_directory(node::kRootInode, "directory", 0755)->inode;
    }
    CHECK(at.volume->done_before(making) == made);
    CHECK_FALSE(at.volume->done_before(request_of(11)));
    const RequestMark moving = request_of(12, 1);
    {
        const Working working(moving);
        REQUIRE(at.volume
                    ->rename(node::kRootInode, "directory", node::kRootInode, "moved",
                             node::RenameRule::replace)
                    .ok());
    }
    CHECK(at.volume->done_before(moving) == 0);
    CHECK(at.volume->done_before(making) == made);  // by another thread
    const RequestMark attribute = request_of(13, 1);
    {
        const Working working(attribute);
        REQUIRE(at.volume->extended_attributes()
                    .set(made, "one", as_bytes(std::string_view("1")), node::AttributeRule::create)
                    .ok());
    }
    CHECK(at.volume->done_before(attribute) == 0);
    CHECK_FALSE(at.volume->done_before(moving));  // that thread has been answered since
}

TEST_CASE("what fails has not been done, and who works for nobody leaves nothing") {
    LoneVolume at;
    REQUIRE(at.volume->make_directory(node::kRootInode, "taken", 0755).ok());
    const RequestMark request = request_of(10);
    {
        const Working working(request);
        CHECK_FALSE(at.volume->make_directory(node::kRootInode, "taken", 0755).ok());
    }
    CHECK_FALSE(at.volume->done_before(request));
}

TEST_CASE("what requests of a mount have done is forgotten with the mount") {
    LoneVolume at;
    const RequestMark request = request_of(10, 3, 5);
    {
        const Working working(request);
        REQUIRE(at.volume->make_directory(node::kRootInode, "directory", 0755).ok());
    }
    at.volume->mount_ended(kMount + 1);
    CHECK(at.volume->done_before(request));
    at.volume->mount_ended(kMount);
    CHECK_FALSE(at.volume->done_before(request));
}

TEST_CASE("a file without a name has a row as long as somebody has it open") {
    LoneVolume at;
    at.make_file("unlinked", "text");
    at.make_file("replaced", "text");
    at.make_file("closed", "text");
    const auto unlinked = at.volume->open(at.inode_of("unlinked"), node::Access::read);
    const auto replaced = at.volume->open(at.inode_of("replaced"), node::Access::read);
    REQUIRE(at.volume->remove_file(node::kRootInode, "unlinked").ok());
    REQUIRE(at.volume
                ->rename(node::kRootInode, "closed", node::kRootInode, "replaced",
                         node::RenameRule::replace)
                .ok());
    CHECK(orphans(at) == 2);
    at.volume->release(*unlinked);
    CHECK(orphans(at) == 1);
    REQUIRE(at.volume->remove_file(node::kRootInode, "replaced").ok());  // nobody has that one open
    CHECK(orphans(at) == 1);
    at.volume->release(*replaced);
    CHECK(orphans(at) == 0);
}

}  // namespace swarmfs::test
