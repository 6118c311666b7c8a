// Small files are put into the kernel's cache when they are opened (fs/file_system.hpp, rule 6).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "tests/mount/mounted.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

TEST_CASE("reading many small files asks for each once, when it is opened") {
    Mounted at;
    std::vector<std::string> names;
    for (int i = 0; i < 200; ++i) {
        names.push_back("file " + std::to_string(i));
    }
    at.volume->remote_write_many("many", names);
    const std::string tar = "tar c -C " + quoted(at.directory) + " many | tar x -O | wc -c";
    const std::string bytes = shell(tar).output;
    CHECK(std::stoul(bytes) > 0);
    CHECK(at.volume->calls("read") == 200);
    CHECK(shell(tar).output == bytes);
    CHECK(at.volume->calls("read") == 200);
}

TEST_CASE("what a program has written is what it reads, whoever opens the file beside it") {
    Mounted at;
    const std::string file = at.path("file");
    REQUIRE(write_file(file, "0"));
    std::atomic<bool> over = false;
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            while (!over) {
                const auto read = read_file(file);
                if (!read || read->size() > 5000) {
                    over = true;
                }
            }
        });
    }
    std::size_t wrong = 0;
    for (std::size_t i = 1; i <= 2000 && !over; ++i) {
        const std::string content(1 + i * 37 % 5000, static_cast<char>('a' + i % 26));
        bool written = false;
        switch (i % 3) {
            case 0: written = write_file(file, content); break;  // O_TRUNC
            case 1: written = ::truncate(file.c_str(), 0) == 0 && write_file(file, content); break;
            case 2: {  // over what is there, then to its length, without a descriptor
                const int out = ::open(file.c_str(), O_WRONLY);
                const auto size = static_cast<ssize_t>(content.size());
                written = ::pwrite(out, content.data(), content.size(), 0) == size &&
                          ::close(out) == 0 && ::truncate(file.c_str(), size) == 0;
                break;
            }
        }
        struct stat status {};
        const bool same = written && read_file(file) == content &&
                          ::stat(file.c_str(), &status) == 0 &&
                          static_cast<std::size_t>(status.st_size) == content.size();
        wrong += same ? 0U : 1U;
    }
    CHECK_FALSE(over);
    CHECK(wrong == 0);
    over = true;
    for (std::thread& reader : readers) {
        reader.join();
    }
}
