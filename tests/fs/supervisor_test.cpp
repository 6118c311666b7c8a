#include "fs/supervisor.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.hpp"

namespace swarmfs::fs {
namespace {

// A supervisor in a process of its own, since it wants to be the only thread there.
struct Supervised {
    // Runs a shell command that may say `began` (one run more) until it ends for good.
    // Returns: the supervisor's exit code.
    int run(const std::string& command) {
        const std::string script = "began() { echo >> " + runs_file + "; }; " + command;
        const pid_t child = ::fork();
        if (child == 0) {
            ::_exit(supervise({"/bin/sh", "-c", script}));
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    long runs() const {
        std::ifstream in(runs_file);
        return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
    }

    test::TemporaryDirectory folder;
    std::string runs_file = folder.file("runs");
};

}  // namespace

TEST_CASE("a program that ends by itself, or for a reason that stays, is not started again") {
    for (const int code : {0, 64, 65, 75, 77, 78}) {
        Supervised at;
        CHECK(at.run("began; exit " + std::to_string(code)) == code);
        CHECK(at.runs() == 1);
    }
}

TEST_CASE("a program that dies is started again, until it does not") {
    Supervised at;
    CHECK(at.run("began; [ $(wc -l < " + at.runs_file + ") -ge 3 ] && exit 0; kill -9 $$") == 0);
    CHECK(at.runs() == 3);
    Supervised failing;
    CHECK(failing.run("began; [ $(wc -l < " + failing.runs_file + ") -ge 2 ] && exit 0; exit 69") ==
          0);
    CHECK(failing.runs() == 2);
}

TEST_CASE("a program that comes to nothing again and again is given up") {
    Supervised at;
    CHECK(at.run("began; kill -9 $$") == 70);
    CHECK(at.runs() == kNotReadyMax);
}

TEST_CASE("a signal is passed on, and ends both") {
    Supervised at;
    CHECK(at.run("began; trap 'exit 7' TERM; kill -TERM $PPID; while :; do :; done") == 7);
    CHECK(at.runs() == 1);
}

}  // namespace swarmfs::fs
