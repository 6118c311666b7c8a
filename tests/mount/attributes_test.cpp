// Extended attributes through the kernel: what programs get, and what it costs those who want none.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include <doctest/doctest.h>

#include "fs/mount.hpp"
#include "tests/mount/mounted.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

namespace {

// A mount whose file system can be asked how often the kernel asked it.
struct Counted {
    Counted() {
        REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
        fs::Mount::Plan plan;
        plan.directory = directory;
        plan.volume = volume;
        auto started = fs::Mount::start(std::move(plan), clock);
        REQUIRE(started.ok());
        mount = std::move(*started);
    }
    std::string path(const std::string& name) const { return directory + "/" + name; }
    std::uint64_t questions() const { return mount->file_system().attribute_questions(); }

    TemporaryDirectory parent;
    std::string directory = parent.path() + "/mnt";
    SystemClock clock;
    std::shared_ptr<FakeVolume> volume = std::make_shared<FakeVolume>();
    std::unique_ptr<fs::Mount> mount;
};

// Of a failed call: its errno; else 0.
int failure(long result) {
    return result < 0 ? errno : 0;
}

int set(const std::string& path, const char* name, const std::string& value, int flags = 0) {
    return failure(::setxattr(path.c_str(), name, value.data(), value.size(), flags));
}

}  // namespace

TEST_CASE("programs set, read, list and remove user attributes, with the errnos of xattr(7)") {
    Mounted at;
    at.volume->remote_write("file", "text");
    at.volume->remote_directory("folder");
    REQUIRE(::symlink("file", at.path("link").c_str()) == 0);
    for (const char* name : {"file", "folder"}) {
        CAPTURE(name);
        const std::string path = at.path(name);
        CHECK(set(path, "user.a", "1", XATTR_REPLACE) == ENODATA);
        CHECK(set(path, "user.a", "12345", XATTR_CREATE) == 0);
        CHECK(set(path, "user.a", "2", XATTR_CREATE) == EEXIST);
        char value[16] = "";
        CHECK(::getxattr(path.c_str(), "user.a", nullptr, 0) == 5);
        CHECK(failure(::getxattr(path.c_str(), "user.a", value, 4)) == ERANGE);
        CHECK(::getxattr(path.c_str(), "user.a", value, 16) == 5);
        CHECK(std::string(value, 5) == "12345");
        CHECK(failure(::getxattr(path.c_str(), "user.b", value, 16)) == ENODATA);
        CHECK(::listxattr(path.c_str(), nullptr, 0) == 7);
        CHECK(failure(::listxattr(path.c_str(), value, 6)) == ERANGE);
        CHECK(::listxattr(path.c_str(), value, 16) == 7);
        CHECK(std::string(value, 7) == std::string("user.a\0", 7));
        CHECK(::removexattr(path.c_str(), "user.a") == 0);
        CHECK(failure(::removexattr(path.c_str(), "user.a")) == ENODATA);
        CHECK(::listxattr(path.c_str(), value, 16) == 0);
        for (const char* foreign : {"trusted.a", "security.a", "system.posix_acl_access"}) {
            CAPTURE(foreign);
            CHECK(failure(::getxattr(path.c_str(), foreign, value, 16)) == EOPNOTSUPP);
        }
        CHECK(set(path, "trusted.a", "1") == EOPNOTSUPP);
        CHECK(set(path, "security.a", "1") == EOPNOTSUPP);
    }
    const std::string link = at.path("link");
    CHECK(failure(::lsetxattr(link.c_str(), "user.a", "1", 1, 0)) == EPERM);
}

TEST_CASE(
    "a program that lists a large directory in full asks for attributes a few times, not for each "
    "file") {
    Counted at;
    std::vector<std::string> names;
    for (int i = 0; i < 3000; ++i) {
        names.push_back("file " + std::to_string(i));
    }
    at.volume->remote_write_many("many", names);
    for (const char* command : {"ls -l --color=always ", "ls -lR ", "find ", "du "}) {
        CAPTURE(command);
        const std::uint64_t before = at.questions();
        CHECK(shell(command + quoted(at.directory)).code == 0);
        CHECK(at.questions() - before < 10);
    }
}

TEST_CASE("writing asks for no attributes but once a file that was just looked at") {
    Counted at;
    const int out = ::open(at.path("file").c_str(), O_WRONLY | O_CREAT, 0644);
    const std::uint64_t before = at.questions();
    for (int i = 0; i < 200; ++i) {
        REQUIRE(::write(out, "0123456789", 10) == 10);
    }
    ::close(out);
    CHECK(at.questions() - before <= 1);
}

TEST_CASE("the reports of /.swarmfs are read, and found only by who names them") {
    class Version final : public node::Reports {
    public:
        std::vector<std::string> names() const override { return {"version"}; }
        void report(std::string_view, Done done) override {
            done(std::string(asked++ == 0 ? "first\n" : "another one\n"));
        }
        std::atomic<int> asked = 0;
    };
    Version version;
    Counted at;
    at.mount.reset();
    at.volume->report_with(&version);
    fs::Mount::Plan plan;
    plan.directory = at.directory;
    plan.volume = at.volume;
    at.mount = std::move(*fs::Mount::start(std::move(plan), at.clock));
    REQUIRE(write_file(at.path("file"), "text"));
    CHECK(shell("cat " + quoted(at.path(".swarmfs/version"))).output == "first\n");
    CHECK(read_file(at.path(".swarmfs/version")) == "another one\n");
    CHECK(shell("ls -A " + quoted(at.directory)).output == "file\n");
    CHECK(shell("ls -A " + quoted(at.path(".swarmfs"))).output == "version\n");
    CHECK(failure(::mkdir(at.path(".swarmfs").c_str(), 0755)) == EEXIST);
    CHECK(failure(::mkdir(at.path(".swarmfs/x").c_str(), 0755)) == EACCES);
    CHECK(failure(::open(at.path(".swarmfs").c_str(), O_WRONLY | O_CREAT, 0644)) == EISDIR);
    CHECK(failure(::open(at.path(".swarmfs/x").c_str(), O_WRONLY | O_CREAT, 0644)) == EACCES);
    CHECK(failure(::open(at.path(".swarmfs/version").c_str(), O_WRONLY)) == EACCES);
    CHECK(failure(::open(at.path(".swarmfs/version").c_str(), O_RDONLY | O_TRUNC)) == EACCES);
    CHECK(failure(::unlink(at.path(".swarmfs/version").c_str())) == EACCES);
    CHECK(failure(::rmdir(at.path(".swarmfs").c_str())) == EACCES);
    CHECK(failure(::rename(at.path(".swarmfs").c_str(), at.path("x").c_str())) == EACCES);
    CHECK(failure(::chmod(at.path(".swarmfs/version").c_str(), 0777)) == EPERM);
    CHECK(set(at.path(".swarmfs/version"), "user.a", "1") == EPERM);
    at.mount.reset();  // before what it reports
}
