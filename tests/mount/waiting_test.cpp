// Reads that wait for the network hold up nothing but themselves.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include <doctest/doctest.h>

#include "tests/mount/mounted.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using namespace std::chrono_literals;

TEST_CASE("while reads wait, everything else goes on") {
    Mounted at;
    for (int i = 0; i < 40; ++i) {  // more than there are threads
        at.volume->remote_write("slow" + std::to_string(i), std::string(1000, 's'));
    }
    at.volume->hold_reads(true);
    std::vector<std::thread> readers;
    std::atomic<int> right = 0;
    for (int i = 0; i < 40; ++i) {
        readers.emplace_back([&, i] {
            right += read_file(at.path("slow" + std::to_string(i))) == std::string(1000, 's');
        });
    }
    CHECK(at.volume->wait_for_held(40));
    CHECK(write_file(at.path("other"), "x"));
    CHECK(shell("ls " + quoted(at.directory) + " | wc -l").output == "41\n");
    CHECK(shell("df " + quoted(at.directory)).code == 0);
    CHECK(shell("mkdir " + quoted(at.path("d")) + " && stat " + quoted(at.path("slow1"))).code ==
          0);
    CHECK(right == 0);
    at.volume->hold_reads(false);
    at.volume->answer_held();
    for (std::thread& reader : readers) {
        reader.join();
    }
    CHECK(right == 40);
}

TEST_CASE("changes are told while reads wait, of the very files that are read") {
    Mounted at;
    at.volume->remote_write("d/slow", std::string(1000, 's'));
    at.volume->hold_reads(true);
    Program reader({"cat", at.path("d/slow")});
    CHECK(at.volume->wait_for_held(1));
    at.volume->remote_mode("d/slow", 0600);
    at.volume->remote_write("d/slow", "new");
    at.volume->remote_write("d/another", "x");
    CHECK(at.told());
    CHECK(::access(at.path("d/another").c_str(), F_OK) == 0);
    struct stat status {};
    CHECK(::stat(at.path("d/slow").c_str(), &status) == 0);
    CHECK(status.st_size == 3);
    at.volume->hold_reads(false);
    at.volume->answer_held();
    CHECK(reader.wait(10s) == 0);
}

TEST_CASE("SIGKILL ends a program that waits for bytes at once") {
    Mounted at;
    at.volume->remote_write("slow", std::string(1 << 20, 's'));
    at.volume->hold_reads(true);
    Program reader({"cat", at.path("slow")});
    CHECK(at.volume->wait_for_held(1));
    reader.signal(SIGKILL);
    CHECK(reader.wait(1s) == SIGKILL);
    at.volume->hold_reads(false);
    at.volume->answer_held();
    CHECK(at.volume->wait_until_no_handles());
    CHECK(read_file(at.path("slow"))->size() == 1 << 20);
}

TEST_CASE("a signal a program catches interrupts its direct read with EINTR") {
    Mounted at;
    at.volume->remote_write("slow", std::string(1 << 20, 's'));
    at.volume->hold_reads(true);
    std::atomic<int> failure = 0;
    std::thread reading([&] {
        const int file = ::open(at.path("slow").c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
        alignas(4096) static char bytes[4096];
        failure = ::read(file, bytes, sizeof(bytes)) < 0 ? errno : 0;
        ::close(file);
    });
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    CHECK(at.volume->wait_for_held(1));
    ::pthread_kill(reading.native_handle(), SIGUSR1);
    reading.join();
    CHECK(failure == EINTR);
    CHECK(at.volume->cancelled() == 1);
}

TEST_CASE("a read nobody can answer fails with EIO, and works again later") {
    Mounted at;
    at.volume->remote_write("far", "away");
    at.volume->fail_reads(network_error(Code::unavailable, "no member that holds it is online"));
    CHECK_FALSE(read_file(at.path("far")).has_value());
    CHECK(errno == EIO);
    at.volume->fail_reads(std::nullopt);
    CHECK(read_file(at.path("far")) == "away");
}
