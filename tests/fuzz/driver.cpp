// Runs one fuzz target over its corpus without libFuzzer, so that every build does it:
// each seed whole, cut short, lengthened, and with bits flipped. A seed is found again by its file.
//
//   fuzz_driver TARGET CORPUS_FOLDER

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/targets.hpp"

namespace swarmfs::fuzz {
namespace {

using Input = std::vector<std::uint8_t>;

constexpr std::size_t kRunsMax = 40'000;        // a target's whole test, some seconds at most
constexpr std::size_t kRunsPerSeedMax = 6'000;  // one long seed does not eat what others need
constexpr std::size_t kRunsPerSeedMin = 200;

// What is being run, for the words printed when it dies.
char running[512];

void say_what_was_running(int signal_number) {
    // Only async-signal-safe calls: the heap may be what broke.
    [[maybe_unused]] const ssize_t sent = ::write(STDERR_FILENO, running, std::strlen(running));
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);
}

Input read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return Input(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Positions 0..count-1, thinned out evenly to at most `wanted`, both ends kept.
std::vector<std::size_t> spread(std::size_t count, std::size_t wanted) {
    std::vector<std::size_t> positions;
    if (count == 0) {
        return positions;
    }
    const std::size_t taken = std::min(count, std::max<std::size_t>(wanted, 2));
    for (std::size_t i = 0; i < taken; ++i) {
        positions.push_back(taken == 1 ? 0 : i * (count - 1) / (taken - 1));
    }
    return positions;
}

class Runner {
public:
    Runner(const Target& target, std::string seed) : target_(target), seed_(std::move(seed)) {}

    void run(const Input& input, const char* damage, std::size_t where) {
        std::snprintf(running, sizeof(running), "\nfuzz target %s died on %s, %s %zu\n",
                      target_.name, seed_.c_str(), damage, where);
        // A copy of exact size, so that a sanitizer sees a read one byte past the end.
        const Input exact(input.begin(), input.end());
        target_.one_input(exact.data(), exact.size());
        ++runs_;
    }
    std::size_t runs() const { return runs_; }

private:
    const Target& target_;
    const std::string seed_;
    std::size_t runs_ = 0;
};

std::size_t run_seed(const Target& target, const std::string& name, const Input& seed,
                     std::size_t runs_max) {
    Runner runner(target, name);
    runner.run(seed, "unchanged, bytes:", seed.size());
    for (const std::size_t length : spread(seed.size(), runs_max / 4)) {
        runner.run(Input(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(length)),
                   "cut to", length);
    }
    Input longer = seed;
    longer.push_back(0);
    runner.run(longer, "one byte longer, bytes:", longer.size());
    for (const std::size_t at : spread(seed.size(), runs_max / 4)) {
        for (const std::uint8_t damage : {std::uint8_t{0x01}, std::uint8_t{0x80}}) {
            Input flipped = seed;
            flipped[at] = static_cast<std::uint8_t>(flipped[at] ^ damage);
            runner.run(flipped, "a flipped bit in byte", at);
        }
        Input saturated = seed;
        saturated[at] = 0xFF;
        runner.run(saturated, "0xFF in byte", at);
    }
    return runner.runs();
}

int run_target(const Target& target, const std::filesystem::path& corpus) {
    std::vector<std::filesystem::path> seeds;
    if (std::filesystem::is_directory(corpus)) {
        for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
            seeds.push_back(entry.path());
        }
    }
    if (seeds.empty()) {
        std::fprintf(stderr, "%s holds no seed: a target without one tests only refusal\n",
                     corpus.c_str());
        return 1;
    }
    std::sort(seeds.begin(), seeds.end());
    const std::size_t share = std::clamp(kRunsMax / seeds.size(), kRunsPerSeedMin, kRunsPerSeedMax);
    std::size_t runs = run_seed(target, "nothing", Input(), share);
    for (const auto& seed : seeds) {
        runs += run_seed(target, seed.filename().string(), read_file(seed), share);
    }
    std::printf("%s: %zu inputs from %zu seeds\n", target.name, runs, seeds.size());
    return 0;
}

}  // namespace
}  // namespace swarmfs::fuzz

int main(int count, char** words) {
    using namespace swarmfs::fuzz;
    if (count != 3) {
        std::fprintf(stderr, "usage: fuzz_driver TARGET CORPUS_FOLDER\n");
        return 64;
    }
    ::signal(SIGABRT, say_what_was_running);
#ifndef __SANITIZE_ADDRESS__  // it has a better report of its own, and aborts after it
    ::signal(SIGSEGV, say_what_was_running);
#endif
    for (const Target& target : targets()) {
        if (std::strcmp(target.name, words[1]) == 0) {
            return run_target(target, words[2]);
        }
    }
    std::fprintf(stderr, "no fuzz target is called %s\n", words[1]);
    return 64;
}
