// mount.swarmfs, as mount(8) calls it. The command line it goes to is played by a script that
// writes its words down.
#include <sys/stat.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "tests/mount/mounted.hpp"

using namespace swarmfs::test;

namespace {

struct Installed {
    TemporaryDirectory prefix;

    explicit Installed(int exit_code) {
        std::filesystem::create_directories(prefix.file("sbin"));
        std::filesystem::create_directories(prefix.file("bin"));
        std::filesystem::copy_file(MOUNT_SWARMFS, prefix.file("sbin/mount.swarmfs"));
        const std::string script =
            "#!/bin/sh\nprintf '%s|' \"$@\"\nexit " + std::to_string(exit_code) + "\n";
        REQUIRE(write_file(prefix.file("bin/swarmfs"), script));
        REQUIRE(::chmod(prefix.file("bin/swarmfs").c_str(), 0755) == 0);
    }
    Ran run(const std::string& words) {
        return shell(quoted(prefix.file("sbin/mount.swarmfs")) + " " + words);
    }
};

}  // namespace

TEST_CASE("mount.swarmfs hands the name, the directory and the options on") {
    Installed at(0);
    const Ran plain = at.run("photos /mnt/photos");
    CHECK(plain.code == 0);
    CHECK(plain.output == "mount|photos|/mnt/photos|");
    CHECK(at.run("swarmfs:photos /mnt/photos -o rw,noauto,uid=1000").output ==
          "mount|photos|/mnt/photos|-o|rw,noauto,uid=1000|");
    CHECK(at.run("photos /mnt/photos -o ro,home=/srv/node,nodev").output ==
          "--home|/srv/node|mount|photos|/mnt/photos|-o|ro,nodev|");
    CHECK(at.run("photos /mnt/photos -s -v -n -t fuse.swarmfs -o ro").output ==
          "mount|photos|/mnt/photos|-o|ro|");
}

TEST_CASE("mount.swarmfs answers with mount(8)'s exit codes") {
    CHECK(Installed(0).run("photos /mnt").code == 0);
    CHECK(Installed(64).run("photos /mnt").code == 1);  // EX_USAGE
    CHECK(Installed(71).run("photos /mnt").code == 2);  // EX_OSERR
    CHECK(Installed(69).run("photos /mnt").code == 32);
    CHECK(Installed(0).run("photos").code == 1);
    CHECK(Installed(0).run("photos /mnt extra").code == 1);
    CHECK(Installed(0).run("photos /mnt -o").code == 1);
    const Ran pretended = Installed(69).run("-f photos /mnt");
    CHECK(pretended.code == 0);
    CHECK(pretended.output.empty());
}
