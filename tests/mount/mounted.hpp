#pragma once
// A swarm in memory, mounted on a directory of the test's own; and programs run against it.

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "fs/mount_table.hpp"
#include "tests/support/fake_volume.hpp"
#include "tests/support/temporary_directory.hpp"

namespace swarmfs::test {

class Mounted {
public:
    explicit Mounted(fs::MountOptions options = {});
    ~Mounted();

    std::string path(const std::string& name) const { return directory + "/" + name; }
    // Everything the volume told has been told to the kernel, within the promised 300 ms (ten
    // times as long under sanitizers).
    bool told();

    TemporaryDirectory home;
    TemporaryDirectory parent;
    std::string directory = parent.path() + "/mnt";
    SystemClock clock;
    SeededDice dice{1};
    std::shared_ptr<FakeVolume> volume = std::make_shared<FakeVolume>();
    fs::MountTable table;
};

struct Ran {
    int code = -1;
    std::string output;  // both streams
};

// Through the shell. Quote what is not plain.
Ran shell(const std::string& command);
std::string quoted(const std::string& word);

// A program that runs beside the test; killed, at the latest, when this ends.
class Program {
public:
    explicit Program(const std::vector<std::string>& words);
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    pid_t pid() const { return pid_; }
    std::string read_line();
    void signal(int number);
    // Returns: the status as waitpid gives it; nothing when it did not end in time.
    std::optional<int> wait(std::chrono::milliseconds patience);

private:
    pid_t pid_ = -1;
    int output_ = -1;
    int input_ = -1;
    bool over_ = false;
};

std::optional<std::string> read_file(const std::string& path);  // nothing on failure; sees errno
bool write_file(const std::string& path, const std::string& content);

}  // namespace swarmfs::test
