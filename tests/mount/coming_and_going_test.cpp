// Mounting and unmounting, with everything that can be in the way.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "fs/child_process.hpp"
#include "tests/mount/mounted.hpp"
#include "tests/mount/stubborn_mount.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using namespace std::chrono_literals;

namespace {

struct Table {
    TemporaryDirectory home;
    TemporaryDirectory directory;
    SystemClock clock;
    SeededDice dice{1};
    std::shared_ptr<FakeVolume> volume = std::make_shared<FakeVolume>();
    fs::MountTable table{home.path(), {}, clock, dice};

    Result<fs::MountedSwarm> mount(const std::string& on, const fs::MountOptions& options = {}) {
        return table.mount(volume, on, options);
    }
};

bool is_mounted(const std::string& directory) {
    const auto mount = find_mount(directory);
    return mount && mount->type == "fuse.swarmfs";
}

}  // namespace

TEST_CASE("a mount is live when mount returns, and gone when unmount returns") {
    Table at;
    at.volume->remote_write("a.txt", "x");
    for (int i = 0; i < 5; ++i) {
        REQUIRE(at.mount(at.directory.path()).ok());
        CHECK(read_file(at.directory.file("a.txt")) == "x");
        const auto mount = find_mount(at.directory.path());
        CHECK(mount->source == "swarmfs:photos");
        CHECK(mount->type == "fuse.swarmfs");
        CHECK(at.table.list().size() == 1);
        const auto unmounted = at.table.unmount(at.directory.path(), fs::Detach::when_unused);
        CHECK(unmounted.ok());
        CHECK(unmounted->swarm == "photos");
        CHECK_FALSE(is_mounted(at.directory.path()));
        CHECK(at.table.list().empty());
        CHECK(at.volume->listeners() == 0);
    }
}

TEST_CASE("mount points that will not do are refused with the reason") {
    Table at;
    const auto code_of = [&](const std::string& directory) {
        const auto mounted = at.mount(directory);
        CHECK_FALSE(mounted.ok());
        return mounted.error().code;
    };
    CHECK(code_of(at.directory.file("absent")) == Code::not_found);
    CHECK(code_of("relative") == Code::invalid);
    write_file(at.directory.file("file"), "x");
    CHECK(code_of(at.directory.file("file")) == Code::not_directory);
    CHECK(code_of(at.directory.path()) == Code::not_empty);
    CHECK(code_of(at.home.path()) == Code::invalid);
    ::mkdir(at.home.file("inside").c_str(), 0755);
    CHECK(code_of(at.home.file("inside")) == Code::invalid);
    CHECK(code_of(std::filesystem::path(at.home.path()).parent_path()) == Code::invalid);

    ::mkdir(at.directory.file("empty").c_str(), 0755);
    REQUIRE(at.mount(at.directory.file("empty")).ok());
    CHECK(code_of(at.directory.file("empty")) == Code::busy);
    fs::MountOptions hide;
    hide.nonempty = true;
    CHECK(at.mount(at.directory.path(), hide).ok());
}

TEST_CASE("unmounting what is in use says by whom, and can be done at once instead") {
    Table at;
    at.volume->remote_write("a.txt", "x");
    REQUIRE(at.mount(at.directory.path()).ok());
    const int file = ::open(at.directory.file("a.txt").c_str(), O_RDONLY | O_CLOEXEC);
    const auto busy = at.table.unmount(at.directory.path(), fs::Detach::when_unused);
    CHECK(busy.error().code == Code::busy);
    CHECK(busy.error().message.find("(pid " + std::to_string(::getpid()) + ", ") !=
          std::string::npos);
    CHECK(busy.error().message.find("a.txt") != std::string::npos);
    CHECK(is_mounted(at.directory.path()));
    CHECK(at.table.unmount(at.directory.path(), fs::Detach::at_once).ok());
    CHECK_FALSE(is_mounted(at.directory.path()));
    char byte = 0;
    CHECK(::pread(file, &byte, 1, 0) == 1);  // the last user goes on
    ::close(file);
    CHECK(at.volume->wait_until_no_handles());
    CHECK(at.table.unmount(at.directory.path(), fs::Detach::at_once).error().code ==
          Code::not_found);
}

TEST_CASE("umount and fusermount3 -u work as well, and the mount is forgotten") {
    Table at;
    for (const std::string command : {"umount", "fusermount3 -u"}) {
        REQUIRE(at.mount(at.directory.path()).ok());
        CHECK(shell(command + " " + quoted(at.directory.path())).code == 0);
        CHECK(at.table.list().empty());
        CHECK(at.table.unmount(at.directory.path(), fs::Detach::when_unused).error().code ==
              Code::not_found);
    }
    CHECK(at.mount(at.directory.path()).ok());
}

TEST_CASE("a mount whose connection is aborted is taken away by the node behind it") {
    Table at;
    REQUIRE(at.mount(at.directory.path()).ok());
    const int list = ::open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    CHECK(fs::abort_connection(find_mount(at.directory.path())->minor));
    pollfd change{list, POLLPRI, 0};
    while (is_mounted(at.directory.path()) && ::poll(&change, 1, 10'000) == 1) {
    }
    ::close(list);
    CHECK_FALSE(is_mounted(at.directory.path()));
    CHECK(at.mount(at.directory.path()).ok());
}

TEST_CASE("stopping ends everything at once, whatever is still going on") {
    Table at;
    at.volume->remote_write("slow", std::string(1 << 20, 's'));
    at.volume->remote_write("open", "x");
    REQUIRE(at.mount(at.directory.path()).ok());
    at.volume->hold_reads(true);
    Program reader({"cat", at.directory.file("slow")});
    CHECK(at.volume->wait_for_held(1));
    const int file = ::open(at.directory.file("open").c_str(), O_RDWR | O_CLOEXEC);
    CHECK(::write(file, "y", 1) == 1);
    at.table.stop();
    CHECK(reader.wait(5s).has_value());
    CHECK(::write(file, "z", 1) == -1);
    CHECK(errno == ENOTCONN);
    ::close(file);
    CHECK_FALSE(is_mounted(at.directory.path()));
    CHECK(at.volume->open_handles() == 0);
    CHECK(at.volume->listeners() == 0);
    CHECK(at.volume->held() == 0);
    CHECK(at.mount(at.directory.path()).error().code == Code::unavailable);
}

TEST_CASE("stopping ends an opening that waits for other members, and keeps nothing of it") {
    Table at;
    at.volume->remote_write("slow", "s");
    REQUIRE(at.mount(at.directory.path()).ok());
    at.volume->hold_opens(true);
    Program reader({"cat", at.directory.file("slow")});
    CHECK(at.volume->wait_for_held_opens(1));
    at.table.stop();
    CHECK(reader.wait(5s).has_value());
    CHECK(at.volume->open_handles() == 0);
    CHECK_FALSE(is_mounted(at.directory.path()));
}

TEST_CASE("a mount whose swarmfsd was killed is cleared away by the next mount") {
    Table at;
    {
        Program dead({FAKE_SWARMFSD, at.directory.path()});
        REQUIRE(dead.read_line() == "ready");
        CHECK(read_file(at.directory.file("a.txt")) == "hello");
        dead.signal(SIGKILL);
        CHECK(dead.wait(10s) == SIGKILL);
    }
    struct stat status {};
    // Of a name the kernel has not asked for: it answers others from what it keeps.
    CHECK(::stat(at.directory.file("b.txt").c_str(), &status) == -1);
    CHECK(errno == ENOTCONN);
    at.volume->remote_write("b.txt", "alive");
    REQUIRE(at.mount(at.directory.path()).ok());
    CHECK(read_file(at.directory.file("b.txt")) == "alive");
}

TEST_CASE("a mount of another swarmfsd that is alive is left alone") {
    Table at;
    Program other({FAKE_SWARMFSD, at.directory.path()});
    REQUIRE(other.read_line() == "ready");
    CHECK(at.mount(at.directory.path()).error().code == Code::busy);
    CHECK(read_file(at.directory.file("a.txt")) == "hello");
    CHECK(shell("umount " + quoted(at.directory.path())).code == 0);
}

TEST_CASE("a mount that answers with an error has somebody behind it and is left alone") {
    Table at;
    for (const int error : {EIO, EACCES, ENOSYS}) {
        const StubbornMount other(at.directory.path(), error);
        CHECK(at.mount(at.directory.path()).error().code == Code::busy);
        CHECK(is_mounted(at.directory.path()));
        CHECK(other.alive());
    }
}

TEST_CASE("a mount that dies while it is asked is cleared away as well") {
    Table at;
    const StubbornMount other(at.directory.path(), StubbornMount::kDies);
    CHECK(at.mount(at.directory.path()).ok());
    CHECK(find_mount(at.directory.path())->source == "swarmfs:photos");
}

TEST_CASE("who asks a mount that never answers is let go in time, and collected later") {
    TemporaryDirectory directory;
    StubbornMount other(directory.path(), StubbornMount::kNoAnswer);
    CHECK_FALSE(fs::statfs_error(directory.path(), 50).has_value());
    CHECK_FALSE(fs::run_program({"stat", "-f", "--", directory.path()}, 50).has_value());
    CHECK(::waitpid(-1, nullptr, WNOHANG) == 0);  // two children that even SIGKILL does not end
    other.end();
    for (int child = 0; child < 2; ++child) {
        siginfo_t ended{};
        CHECK(::waitid(P_ALL, 0, &ended, WEXITED | (child == 0 ? 0 : WNOWAIT)) == 0);
    }
    CHECK(fs::run_program({"true"}, 10'000) == 0);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("stopping leaves alone what was mounted over us") {
    Table at;
    REQUIRE(at.mount(at.directory.path()).ok());
    REQUIRE(::mount("none", at.directory.path().c_str(), "tmpfs", 0, nullptr) == 0);
    CHECK(at.table.list().empty());
    CHECK(at.table.unmount(at.directory.path(), fs::Detach::when_unused).error().code ==
          Code::not_found);
    at.table.stop();
    CHECK(find_mount(at.directory.path())->type == "tmpfs");
    CHECK(::umount2(at.directory.path().c_str(), 0) == 0);
    CHECK(::umount2(at.directory.path().c_str(), MNT_DETACH) == 0);
}

TEST_CASE("the control methods mount and unmount by name and options") {
    Table at;
    const auto find = [&](const std::string& name) -> Result<std::shared_ptr<node::Volume>> {
        if (name != "photos") {
            return caller_error(Code::not_found, "no swarm of that name");
        }
        return std::shared_ptr<node::Volume>(at.volume);
    };
    class Silent final : public node::ControlCall {
        void progress(const nlohmann::json&) override {}
        bool abandoned() const override { return false; }
    } call;
    auto methods = fs::mount_methods(at.table, find);
    const std::string on = at.directory.path();
    CHECK(methods["mount"]({{"name", "music"}, {"directory", on}}, call).error().code ==
          Code::not_found);
    const auto misspelt = methods["mount"](
        {{"name", "photos"}, {"directory", on}, {"options", {{"read-only", true}}}}, call);
    CHECK(misspelt.error().code == Code::invalid);
    CHECK(misspelt.error().message.find("read-only") != std::string::npos);
    const auto mounted = methods["mount"](
        {{"name", "photos"}, {"directory", on}, {"options", {{"ro", true}, {"uid", "77"}}}}, call);
    REQUIRE(mounted.ok());
    CHECK((*mounted)["directory"] == on);
    struct stat status {};
    CHECK(::stat(on.c_str(), &status) == 0);
    CHECK(status.st_uid == 77);
    CHECK_FALSE(write_file(at.directory.file("x"), "x"));
    CHECK(errno == EROFS);
    CHECK(methods["unmount"]({{"directory", on}}, call).ok());
    CHECK_FALSE(is_mounted(on));
}
