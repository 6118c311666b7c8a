// What people and programs do all day.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <thread>

#include <doctest/doctest.h>

#include "tests/mount/mounted.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

namespace {

struct stat status_of(const std::string& path) {
    struct stat status {};
    CHECK(::lstat(path.c_str(), &status) == 0);
    return status;
}

}  // namespace

TEST_CASE("a mounted swarm looks like any directory to ls, cp, mv, ln, rm and diff") {
    Mounted at;
    at.volume->remote_write("docs/readme.txt", "read me\n");
    const std::string in = "cd " + quoted(at.directory) + " && ";
    CHECK(shell(in + "cat docs/readme.txt").output == "read me\n");
    CHECK(shell(in + "cp docs/readme.txt copy.txt && mkdir -p a/b && mv copy.txt a/b/moved.txt")
              .code == 0);
    CHECK(shell(in + "diff docs/readme.txt a/b/moved.txt").code == 0);
    CHECK(shell(in + "ln -s ../docs/readme.txt a/link && cat a/link").output == "read me\n");
    CHECK(shell(in + "ls -A . a").output == ".:\na\ndocs\n\na:\nb\nlink\n");
    CHECK(shell(in + "find . -type f | sort").output == "./a/b/moved.txt\n./docs/readme.txt\n");
    CHECK(shell(in + "cp -a /usr/include/fuse3 a/ && diff -r /usr/include/fuse3 a/fuse3").code ==
          0);
    CHECK(shell(in + "rm -r a && ls -A").output == "docs\n");
    CHECK(at.volume->wait_until_no_handles());
}

TEST_CASE("what is written is read, truncated, appended to and renamed over") {
    Mounted at;
    const std::string file = at.path("file");
    CHECK(write_file(file, "0123456789"));
    CHECK(read_file(file) == "0123456789");
    CHECK(::truncate(file.c_str(), 4) == 0);
    CHECK(read_file(file) == "0123");
    CHECK(shell("printf abc >> " + quoted(file)).code == 0);
    CHECK(read_file(file) == "0123abc");
    CHECK(::truncate(file.c_str(), 9) == 0);
    CHECK(read_file(file) == std::string("0123abc\0\0", 9));
    CHECK(write_file(at.path("new"), "new"));
    CHECK(::rename(at.path("new").c_str(), file.c_str()) == 0);
    CHECK(read_file(file) == "new");
    CHECK_FALSE(at.volume->exists("new"));
}

TEST_CASE("a removed file lives on behind its descriptor") {
    Mounted at;
    const std::string file = at.path("file");
    CHECK(write_file(file, "still here"));
    const int opened = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    CHECK(::unlink(file.c_str()) == 0);
    char bytes[16] = {};
    CHECK(::pread(opened, bytes, sizeof(bytes), 0) == 10);
    CHECK(::pwrite(opened, "S", 1, 0) == 1);
    CHECK(::ftruncate(opened, 5) == 0);
    struct stat status {};
    CHECK(::fstat(opened, &status) == 0);
    CHECK(status.st_nlink == 0);
    CHECK(status.st_size == 5);
    ::close(opened);
    CHECK(at.volume->wait_until_no_handles());
}

TEST_CASE("rename keeps what exists or exchanges, when asked to") {
    Mounted at;
    const std::string a = at.path("a");
    const std::string b = at.path("b");
    CHECK(write_file(a, "A"));
    CHECK(write_file(b, "B"));
    CHECK(::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_NOREPLACE) == -1);
    CHECK(errno == EEXIST);
    CHECK(::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0);
    CHECK(read_file(a) == "B");
    CHECK(read_file(b) == "A");
}

TEST_CASE("modes and times are kept, owners are the mount's") {
    fs::MountOptions options;
    options.files.uid = 1234;
    options.files.gid = 56;
    Mounted at(options);
    const std::string file = at.path("file");
    CHECK(write_file(file, "x"));
    CHECK(::chmod(file.c_str(), 04640) == 0);
    const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 123'456'789}};
    CHECK(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
    const struct stat status = status_of(file);
    CHECK((status.st_mode & 07777) == 0640);
    CHECK(status.st_mtim.tv_sec == 1'000'000'000);
    CHECK(status.st_mtim.tv_nsec == 123'456'789);
    CHECK(status.st_uid == 1234);
    CHECK(status.st_gid == 56);
    const timespec year_2300[2] = {{0, UTIME_OMIT}, {10'413'792'000, 0}};
    CHECK(::utimensat(AT_FDCWD, file.c_str(), year_2300, 0) == 0);
    CHECK(status_of(file).st_mtim.tv_sec == 9'223'372'036);  // in 2262, the last time there is
    CHECK(::chown(file.c_str(), 1234, 56) == 0);
    CHECK(::chown(file.c_str(), 4321, 56) == -1);
    CHECK(errno == EPERM);
}

TEST_CASE("what a swarm cannot carry is refused with the errno programs expect") {
    Mounted at;
    CHECK(write_file(at.path("file"), "x"));
    CHECK(::link(at.path("file").c_str(), at.path("hard").c_str()) == -1);
    CHECK(errno == EPERM);
    CHECK(::mkfifo(at.path("pipe").c_str(), 0600) == -1);
    CHECK(errno == EPERM);
    CHECK(::mknod(at.path("regular").c_str(), S_IFREG | 0600, 0) == 0);
    const std::string long_name(256, 'n');
    CHECK(::open(at.path(long_name).c_str(), O_CREAT | O_WRONLY, 0600) == -1);
    CHECK(errno == ENAMETOOLONG);
    CHECK(shell("getfattr -d " + quoted(at.path("file"))).output.find("rror") == std::string::npos);
}

TEST_CASE("names may hold newlines, emoji, spaces, dashes and 255 bytes") {
    Mounted at;
    const std::vector<std::string> names = {
        "line\nbreak", "\xF0\x9F\x90\x9D swarm", "-rf",
        " leading",    "tab\tand'quote\"",       std::string(255, 'x')};
    for (const std::string& name : names) {
        CHECK(write_file(at.path(name), name));
    }
    for (const std::string& name : names) {
        CHECK(read_file(at.path(name)) == name);
        CHECK(at.volume->content(name) == name);
    }
    CHECK(shell("ls -A " + quoted(at.directory) + " | wc -l").output == "7\n");
}

TEST_CASE("ten thousand names are listed once each, and removed by rm -r") {
    Mounted at;
    std::vector<std::string> names;
    for (int i = 0; i < 10'000; ++i) {
        names.push_back("file-" + std::to_string(i));
    }
    at.volume->remote_write_many("many", names);
    const std::string many = quoted(at.path("many"));
    CHECK(shell("ls " + many + " | sort -u | wc -l").output == "10000\n");
    CHECK(shell("ls -f " + many + " | wc -l").output == "10002\n");
    CHECK(shell("find " + many + " -type f -size +0 | wc -l").output == "10000\n");
    CHECK(shell("rm -r " + many).code == 0);
    CHECK_FALSE(at.volume->exists("many"));
}

TEST_CASE("df shows the disk that holds the swarm") {
    Mounted at;
    struct statvfs space {};
    CHECK(::statvfs(at.directory.c_str(), &space) == 0);
    CHECK(space.f_blocks * space.f_frsize == (std::uint64_t{1} << 40));
    CHECK(space.f_namemax == 255);
    CHECK(space.f_files == 0);  // else `df -i` shows it full: there are no inodes to run out of
    CHECK(space.f_ffree == 0);
}

TEST_CASE("blocks count the bytes that are here, and a file that is not empty has one at least") {
    Mounted at;
    at.volume->remote_write("big", std::string(1 << 20, 'b'));
    at.volume->set_stored("big", 0);
    CHECK(status_of(at.path("big")).st_blocks == 1);
    const int opened = ::open(at.path("big").c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    CHECK(::read(opened, &byte, 1) == 1);
    at.volume->set_stored("big", 1 << 20);
    ::close(opened);
    CHECK(at.volume->wait_until_no_handles());
    CHECK(at.told());
    CHECK(status_of(at.path("big")).st_blocks == 2048);
}

TEST_CASE("tar -S keeps the bytes of files that are not here yet") {
    Mounted at;
    at.volume->remote_write("far", std::string(100'000, 'f'));
    at.volume->set_stored("far", 0);
    CHECK(
        shell("tar -S -C " + quoted(at.directory) + " -c far | tar -xO | tr -d f | wc -c").output ==
        "0\n");
}

TEST_CASE("syncing a file through a descriptor that only reads reaches the volume") {
    Mounted at;
    at.volume->remote_write("f", "x");
    CHECK(shell("sync " + quoted(at.path("f"))).code == 0);
    CHECK(at.volume->calls("sync") == 1);
    at.volume->fail_next("sync", disk_error(Code::io, "disk broken"));
    CHECK(shell("sync " + quoted(at.path("f"))).code != 0);
}

TEST_CASE("twenty programs read at once") {
    Mounted at;
    std::string content;
    for (int i = 0; i < 300'000; ++i) {
        content += std::to_string(i) + "\n";
    }
    at.volume->remote_write("shared", content);
    std::vector<std::thread> readers;
    std::atomic<int> right = 0;
    for (int i = 0; i < 20; ++i) {
        readers.emplace_back([&] { right += read_file(at.path("shared")) == content ? 1 : 0; });
    }
    for (std::thread& reader : readers) {
        reader.join();
    }
    CHECK(right == 20);
}

TEST_CASE("errors of the disk reach write, close and fsync") {
    Mounted at;
    const int file = ::open(at.path("f").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    at.volume->fail_next("write", disk_error(Code::no_space, "disk full"));
    CHECK(::write(file, "x", 1) == -1);
    CHECK(errno == ENOSPC);
    at.volume->fail_next("sync", disk_error(Code::io, "disk broken"));
    CHECK(::fsync(file) == -1);
    CHECK(errno == EIO);
    CHECK(::fsync(file) == 0);
    at.volume->fail_next("close_write", disk_error(Code::no_space, "disk full"));
    CHECK(::close(file) == -1);
    CHECK(errno == ENOSPC);
}

TEST_CASE("a reader's mount refuses every change with EROFS") {
    Mounted writer;
    writer.volume->remote_write("f", "x");
    SUBCASE("by option") {
        fs::MountOptions options;
        options.read_only = true;
        Mounted at(options);
        CHECK_FALSE(write_file(at.path("f"), "y"));
        CHECK(errno == EROFS);
        CHECK(::mkdir(at.path("d").c_str(), 0755) == -1);
        CHECK(errno == EROFS);
    }
    SUBCASE("by role, taken away while mounted") {
        writer.volume->set_read_only(true);
        CHECK_FALSE(write_file(writer.path("f"), "y"));
        CHECK(errno == EROFS);
        CHECK(::mkdir(writer.path("d").c_str(), 0755) == -1);
        CHECK(errno == EROFS);
        CHECK(::unlink(writer.path("f").c_str()) == -1);
        CHECK(errno == EROFS);
        CHECK(read_file(writer.path("f")) == "x");
    }
}
