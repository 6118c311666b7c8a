// Changes made elsewhere are visible through a mount within 300 ms, without remounting, although
// the kernel may keep everything for an hour. `told` is the end of those 300 ms: the kernel has
// been told, so the next call of any program must see the change.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include <doctest/doctest.h>

#include "tests/mount/mounted.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

namespace {

bool exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    DIR* const stream = ::opendir(directory.c_str());
    REQUIRE(stream != nullptr);
    while (const dirent* const entry = ::readdir(stream)) {
        if (entry->d_name[0] != '.') {
            names.emplace_back(entry->d_name);
        }
    }
    ::closedir(stream);
    std::sort(names.begin(), names.end());
    return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a name that was absent appears") {
    Mounted at;
    CHECK_FALSE(exists(at.path("new.txt")));
    const std::size_t asked = at.volume->calls("lookup");
    CHECK_FALSE(exists(at.path("new.txt")));
    CHECK(at.volume->calls("lookup") == asked);  // the kernel kept that it is absent
    at.volume->remote_write("new.txt", "here");
    CHECK(at.told());
    CHECK(read_file(at.path("new.txt")) == "here");
}

TEST_CASE("a new version appears under its name, and an open descriptor keeps the old one") {
    Mounted at;
    at.volume->remote_write("a.txt", "first version");
    const int old = ::open(at.path("a.txt").c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(read_file(at.path("a.txt")) == "first version");
    at.volume->remote_write("a.txt", "second");
    CHECK(at.told());
    CHECK(read_file(at.path("a.txt")) == "second");
    char bytes[32] = {};
    CHECK(::pread(old, bytes, sizeof(bytes), 0) == 13);
    CHECK(std::string(bytes) == "first version");
    ::close(old);
}

TEST_CASE("a removed name disappears") {
    Mounted at;
    at.volume->remote_write("d/a.txt", "x");
    CHECK(exists(at.path("d/a.txt")));
    at.volume->remote_remove("d/a.txt");
    CHECK(at.told());
    CHECK_FALSE(exists(at.path("d/a.txt")));
    CHECK(errno == ENOENT);
    CHECK(names_in(at.path("d")).empty());
}

TEST_CASE("attributes change") {
    Mounted at;
    at.volume->remote_write("a.txt", "x");
    struct stat status {};
    CHECK(::stat(at.path("a.txt").c_str(), &status) == 0);
    at.volume->remote_mode("a.txt", 0600);
    CHECK(at.told());
    CHECK(::stat(at.path("a.txt").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a listing the kernel kept is dropped when names come and go") {
    Mounted at;
    at.volume->remote_write("d/a", "");
    at.volume->remote_write("d/b", "");
    CHECK(at.told());  // a listing made before that may be dropped again
    CHECK(names_in(at.path("d")) == Names{"a", "b"});
    const std::size_t listed = at.volume->calls("list");
    CHECK(names_in(at.path("d")) == Names{"a", "b"});
    CHECK(at.volume->calls("list") == listed);  // from the kernel's own memory
    at.volume->remote_write("d/c", "");
    CHECK(at.told());
    CHECK(names_in(at.path("d")) == Names{"a", "b", "c"});
    at.volume->remote_remove("d/a");
    CHECK(at.told());
    CHECK(names_in(at.path("d")) == Names{"b", "c"});
    CHECK(write_file(at.path("d/e"), "mine"));
    CHECK(names_in(at.path("d")) == Names{"b", "c", "e"});
    CHECK(::unlink(at.path("d/e").c_str()) == 0);
    CHECK(names_in(at.path("d")) == Names{"b", "c"});
}

TEST_CASE("a listing that is dropped halfway goes on where it was, for every reader") {
    Mounted at;
    std::vector<std::string> names;
    for (int i = 0; i < 3'000; ++i) {
        names.push_back("name-" + std::to_string(i));
    }
    at.volume->remote_write_many("d", names);
    CHECK(names_in(at.path("d")).size() == names.size());  // the kernel keeps it now
    Names read;
    DIR* const stream = ::opendir(at.path("d").c_str());
    while (const dirent* const entry = ::readdir(stream)) {
        if (entry->d_name[0] != '.') {
            read.emplace_back(entry->d_name);
            CHECK(::unlink(at.path("d/" + read.back()).c_str()) == 0);
        }
        if (read.size() % 500 == 1) {  // as when memory is short, or somebody else lists
            at.volume->remote_write("d/zz" + std::to_string(read.size()), "");
            CHECK(at.told());
            names_in(at.path("d"));
        }
    }
    ::closedir(stream);
    const auto added = std::remove_if(read.begin(), read.end(),
                                      [](const std::string& name) { return name[0] == 'z'; });
    read.erase(added, read.end());
    std::sort(read.begin(), read.end());
    std::sort(names.begin(), names.end());
    CHECK(read == names);
}

TEST_CASE("a directory that changes stays the working directory of those inside") {
    Mounted at;
    at.volume->remote_write("d/a", "x");
    const int inside = ::open(at.path("d").c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    at.volume->remote_write("d/b", "y");
    at.volume->remote_mode("d", 0700);
    CHECK(at.told());
    CHECK(::faccessat(inside, "b", F_OK, 0) == 0);
    char path[512] = {};
    const ssize_t length =
        ::readlink(("/proc/self/fd/" + std::to_string(inside)).c_str(), path, sizeof(path) - 1);
    CHECK(length > 0);
    CHECK(std::string(path) == at.path("d"));
    ::close(inside);
}

TEST_CASE("what is kept is served without asking, and re-reading asks for no bytes") {
    Mounted at;
    at.volume->remote_write("a.txt", std::string(100'000, 'a'));
    CHECK(at.told());  // what is read before that may be dropped again, and is asked for anew
    CHECK(read_file(at.path("a.txt"))->size() == 100'000);
    const std::size_t reads = at.volume->calls("read");
    const std::size_t lookups = at.volume->calls("lookup");
    CHECK(read_file(at.path("a.txt"))->size() == 100'000);
    CHECK(at.volume->calls("read") == reads);
    CHECK(at.volume->calls("lookup") == lookups);
    // Still so after something else has changed.
    at.volume->remote_write("b.txt", "x");
    at.volume->remote_mode("b.txt", 0600);
    CHECK(at.told());
    CHECK(read_file(at.path("a.txt"))->size() == 100'000);
    CHECK(at.volume->calls("read") == reads);
}

TEST_CASE("a name that changes while it is looked up is never kept stale") {
    Mounted at;
    at.volume->remote_write("hot", "0");
    std::atomic<bool> over = false;
    std::thread looking([&] {
        while (!over) {
            struct stat status {};
            ::stat(at.path("hot").c_str(), &status);
            ::stat(at.path("cold").c_str(), &status);
            names_in(at.directory);
        }
    });
    std::size_t wrong = 0;
    for (int version = 1; version <= 300; ++version) {
        const std::string content(static_cast<std::size_t>(version), 'v');
        at.volume->remote_write("hot", content);
        if (version % 2 == 1) {
            at.volume->remote_write("cold", "now it is there");
        } else {
            at.volume->remote_remove("cold");
        }
        CHECK(at.told());
        struct stat status {};
        wrong += ::stat(at.path("hot").c_str(), &status) != 0 || status.st_size != version ? 1 : 0;
        wrong += exists(at.path("cold")) != (version % 2 == 1) ? 1 : 0;
        wrong += names_in(at.directory).size() != (version % 2 == 1 ? 2U : 1U) ? 1 : 0;
    }
    over = true;
    looking.join();
    CHECK(wrong == 0);
}

TEST_CASE("more changes at once than can be told one by one are all visible") {
    Mounted at;
    at.volume->remote_write("many/gone", "x");
    CHECK(exists(at.path("many/gone")));
    CHECK_FALSE(exists(at.path("many/n70000")));
    CHECK(names_in(at.path("many")).size() == 1);
    std::vector<std::string> names;
    for (std::size_t i = 0; i <= fs::Notifier::kQueueMax + 10'000; ++i) {
        names.push_back("n" + std::to_string(i));
    }
    at.volume->remote_write_many("many", names);
    CHECK(at.told());
    CHECK(exists(at.path("many/n70000")));
    CHECK(names_in(at.path("many")).size() == names.size() + 1);
}

TEST_CASE("two mounts of one swarm see each other's changes") {
    Mounted at;
    TemporaryDirectory second;
    const auto also = at.table.mount(at.volume, second.path(), {});
    REQUIRE(also.ok());
    CHECK_FALSE(exists(second.file("a.txt")));
    CHECK(write_file(at.path("a.txt"), "one"));
    CHECK(at.told());
    CHECK(read_file(second.file("a.txt")) == "one");
    CHECK(write_file(at.path("a.txt"), "two!"));
    CHECK(at.volume->wait_until_no_handles());
    CHECK(at.told());
    CHECK(read_file(second.file("a.txt")) == "two!");
    CHECK(::unlink(second.file("a.txt").c_str()) == 0);
    CHECK(at.told());
    CHECK_FALSE(exists(at.path("a.txt")));
}

TEST_CASE("what is written through one mount is read through a descriptor held on another") {
    Mounted at;
    TemporaryDirectory second;
    REQUIRE(at.table.mount(at.volume, second.path(), {}).ok());
    CHECK(write_file(at.path("log"), "line 0\n"));
    CHECK(at.told());
    const int reading = ::open(second.file("log").c_str(), O_RDONLY | O_CLOEXEC);
    const int writing = ::open(at.path("log").c_str(), O_WRONLY | O_CLOEXEC);
    char bytes[64] = {};
    CHECK(::pread(reading, bytes, sizeof(bytes), 0) == 7);
    CHECK(::pwrite(writing, "line 1\n", 7, 7) == 7);
    CHECK(::pread(reading, bytes, sizeof(bytes), 0) == 14);
    CHECK(std::string(bytes) == "line 0\nline 1\n");
    CHECK(::pwrite(writing, "LINE", 4, 0) == 4);
    CHECK(::pread(reading, bytes, sizeof(bytes), 0) == 14);
    CHECK(std::string(bytes) == "LINE 0\nline 1\n");
    ::close(reading);
    ::close(writing);
}

TEST_CASE("beside a mount that only reads, pages are kept") {
    Mounted at;
    at.volume->remote_write("a.txt", std::string(100'000, 'a'));
    TemporaryDirectory second;
    fs::MountOptions reads;
    reads.read_only = true;
    REQUIRE(at.table.mount(at.volume, second.path(), reads).ok());
    CHECK(at.told());
    CHECK(read_file(at.path("a.txt"))->size() == 100'000);
    const std::size_t asked = at.volume->calls("read");
    CHECK(read_file(at.path("a.txt"))->size() == 100'000);
    CHECK(at.volume->calls("read") == asked);
    CHECK(read_file(second.file("a.txt"))->size() == 100'000);
    CHECK(at.volume->calls("read") > asked);
}
