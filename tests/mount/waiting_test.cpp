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

TEST_CASE("while opening waits for other members, everything else goes on") {
    Mounted at;
    for (int i = 0; i < 40; ++i) {  // more than there are threads
        at.volume->remote_write("slow" + std::to_string(i), std::string(1000, 's'));
    }
    at.volume->hold_opens(true);
    std::vector<std::thread> readers;
    std::atomic<int> right = 0;
    for (int i = 0; i < 40; ++i) {
        readers.emplace_back([&, i] {
            right += read_file(at.path("slow" + std::to_string(i))) == std::string(1000, 's');
        });
    }
    CHECK(at.volume->wait_for_held_opens(40));
    CHECK(write_file(at.path("other"), "x"));  // nobody reads what it was
    CHECK(shell("ls -l " + quoted(at.directory) + " | wc -l").output == "42\n");
    CHECK(shell("stat " + quoted(at.path("slow1"))).code == 0);
    CHECK(right == 0);
    at.volume->answer_opens();
    for (std::thread& reader : readers) {
        reader.join();
    }
    CHECK(right == 40);
}

TEST_CASE("opening what too few members confirm fails with EIO, and works again later") {
    Mounted at;
    at.volume->remote_write("far", "away");
    at.volume->hold_opens(true);
    std::atomic<int> failure = 0;
    std::thread opening([&] {
        const int file = ::open(at.path("far").c_str(), O_RDONLY | O_CLOEXEC);
        failure = file < 0 ? errno : 0;
    });
    CHECK(at.volume->wait_for_held_opens(1));
    at.volume->answer_opens(network_error(Code::timed_out, "1 did not answer"));
    opening.join();
    CHECK(failure == EIO);
    CHECK(at.volume->open_handles() == 0);
    at.volume->hold_opens(false);
    CHECK(read_file(at.path("far")) == "away");
}

TEST_CASE("a version that is replaced while it waits to be confirmed is looked up again") {
    Mounted at;
    at.volume->remote_write("far", "old");
    at.volume->hold_opens(true);
    std::optional<std::string> text;
    std::thread opening([&] { text = read_file(at.path("far")); });
    CHECK(at.volume->wait_for_held_opens(1));
    at.volume->remote_write("far", "new!");
    at.volume->hold_opens(false);
    at.volume->answer_opens(caller_error(Code::not_found, "another version came meanwhile"));
    opening.join();
    CHECK(text == "new!");
}

TEST_CASE("creating a name that another member takes meanwhile waits for the quorum as well") {
    Mounted at;
    CHECK_FALSE(read_file(at.path("name")).has_value());  // the kernel keeps that it is absent
    at.volume->hold_opens(true);
    at.volume->after_next_lookup([&] { at.volume->remote_write("name", "theirs"); });
    std::string text(6, ' ');
    std::thread opening([&] {
        const int file = ::open(at.path("name").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (file >= 0) {
            text.resize(static_cast<std::size_t>(
                std::max<ssize_t>(0, ::read(file, text.data(), text.size()))));
            ::close(file);
        }
    });
    const bool waited = at.volume->wait_for_held_opens(1);
    at.volume->answer_opens();
    opening.join();
    // Where the kernel did not look the name up, it was made here, and nobody was asked.
    CHECK((waited ? text == "theirs" : text.empty()));
}

TEST_CASE("a signal ends a program that waits in open, and nothing stays open") {
    Mounted at;
    at.volume->remote_write("slow", "s");
    at.volume->hold_opens(true);
    SUBCASE("SIGKILL") {
        Program reader({"cat", at.path("slow")});
        CHECK(at.volume->wait_for_held_opens(1));
        reader.signal(SIGKILL);
        CHECK(reader.wait(5s) == SIGKILL);
    }
    SUBCASE("one that is caught") {
        std::atomic<int> failure = 0;
        std::thread opening([&] {
            failure = ::open(at.path("slow").c_str(), O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
        });
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(SIGUSR1, &action, nullptr);
        CHECK(at.volume->wait_for_held_opens(1));
        ::pthread_kill(opening.native_handle(), SIGUSR1);
        opening.join();
        CHECK(failure == EINTR);
    }
    CHECK(at.volume->wait_until_no_handles());
    CHECK(at.volume->cancelled() == 1);
}
