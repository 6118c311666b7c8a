// usage: fake_swarmfsd DIR    mounts a swarm in memory on DIR, says "ready", and serves until it is
// killed or its standard input ends.
#include <unistd.h>
#include <cstdio>

#include "fs/mount_table.hpp"
#include "tests/support/fake_volume.hpp"

int main(int count, char** words) {
    using namespace swarmfs;
    if (count != 2) {
        return 64;
    }
    SystemClock clock;
    SeededDice dice{1};
    auto volume = std::make_shared<test::FakeVolume>();
    volume->remote_write("a.txt", "hello");
    fs::MountTable table("/nonexistent-home", {}, clock, dice);
    const auto mounted = table.mount(volume, words[1], {});
    if (!mounted.ok()) {
        std::fprintf(stderr, "%s\n", mounted.error().message.c_str());
        return 74;
    }
    std::puts("ready");
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}
