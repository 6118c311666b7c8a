// bench_primitives costs DIRECTORY BYTES   one JSON line: CPU seconds per byte of each primitive
// bench_primitives streams FILE            one JSON line: SHA-256, one OpenSSL stream a core

#include "tests/bench/primitives/primitives.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "engine/crypto/hash_lanes.hpp"

namespace swarmfs::bench {
namespace {

double seconds_of(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void print_costs(const std::string& directory, std::uint64_t bytes) {
    std::printf(
        "{\"seal\": %.6e, \"open\": %.6e, \"hash_openssl\": %.6e, \"hash_lanes\": %.6e, "
        "\"lanes\": %s, \"socket\": %.6e, \"write\": %.6e}\n",
        seal_cost(bytes), open_cost(bytes), hash_cost_openssl(bytes), hash_cost_lanes(bytes),
        crypto::hash_ways().size() > 1 ? "true" : "false", socket_cost(bytes),
        write_cost(directory, bytes));
}

}  // namespace

double thread_cpu_seconds() {
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}
double process_cpu_seconds() {
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

void give_up(const std::string& what) {
    std::fprintf(stderr, "bench_primitives: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

}  // namespace swarmfs::bench

int main(int count, char** words) {
    using namespace swarmfs::bench;
    const std::string what = count > 1 ? words[1] : "";
    if (what == "costs" && count == 4) {
        print_costs(words[2], std::strtoull(words[3], nullptr, 10));
    } else if (what == "streams" && count == 3) {
        std::printf("{\"seconds\": %.6f}\n", streams_seconds(words[2]));
    } else {
        std::fprintf(stderr, "usage: bench_primitives costs DIRECTORY BYTES | streams FILE\n");
        return 64;
    }
    return 0;
}
