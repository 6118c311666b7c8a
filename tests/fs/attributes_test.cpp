// Extended attributes of a FileSystem.
#include <doctest/doctest.h>

#include <cerrno>

#include "fs/errno.hpp"
#include "tests/fs/fixture.hpp"

namespace swarmfs::fs {
namespace {

using node::AttributeRule;

std::optional<std::string> value_of(FileSystem& files, node::Inode inode, std::string_view name) {
    std::optional<std::string> value;
    files.attribute(inode, name, [&](const Result<std::optional<Bytes>>& answer) {
        REQUIRE(answer.ok());
        if (*answer) {
            value = as_text(**answer);
        }
    });
    return value;
}

}  // namespace

TEST_CASE("user.* attributes are the volume's, and no other mount of it keeps an old ctime") {
    Fixture f;
    f.volume->remote_write("file", "text");
    const node::Inode file = f.look_up(node::kRootInode, "file");
    CHECK(*f.files.set_attribute(file, "user.mime", as_bytes("a/b"), AttributeRule::create));
    REQUIRE(f.own.size() == 1);
    CHECK(f.own[0].inode == file);
    CHECK_FALSE(f.own[0].content);
    CHECK(value_of(f.files, file, "user.mime") == "a/b");
    CHECK(*f.files.attribute_names(file) == std::vector<std::string>{"user.mime"});
    CHECK_FALSE(*f.files.set_attribute(file, "user.no", as_bytes("x"), AttributeRule::replace));
    CHECK(f.own.size() == 1);  // nothing changed
    CHECK(*f.files.remove_attribute(file, "user.mime"));
    CHECK(f.own.size() == 2);
    CHECK_FALSE(value_of(f.files, file, "user.mime"));
}

TEST_CASE("attributes of other namespaces are not there, and the volume is not asked") {
    Fixture f;
    for (const char* name : {"security.capability", "security.selinux", "system.posix_acl_access",
                             "trusted.overlay.opaque", "user.", "user", "", "User.x"}) {
        CAPTURE(name);
        CHECK_FALSE(f.files.keeps_attribute(name));
    }
    CHECK(f.files.keeps_attribute("user.x"));
    CHECK(f.files.attribute_questions() == 9);
    CHECK(errno_of(Refusal::foreign_attribute) == EOPNOTSUPP);
}

TEST_CASE("what fails about attributes has the errno of xattr(7)") {
    CHECK(errno_of(Refusal::no_such_attribute) == ENODATA);
    CHECK(errno_of(Refusal::no_room_for_attribute) == ERANGE);
    const auto number = [](Code code) { return errno_of_attribute_call(caller_error(code, "")); };
    CHECK(number(Code::too_large) == E2BIG);
    CHECK(number(Code::no_space) == ENOSPC);
    CHECK(number(Code::exists) == EEXIST);
    CHECK(number(Code::permission) == EPERM);
    CHECK(number(Code::unsupported) == EOPNOTSUPP);
    CHECK(number(Code::try_again) == EAGAIN);
    CHECK(number(Code::busy) == EBUSY);
    CHECK(number(Code::not_found) == ESTALE);
}

}  // namespace swarmfs::fs
