#pragma once
// The pieces of work that a verified, encrypted read cannot do without, each alone and at its best.
//
// Each function measures one of them and returns CPU seconds per byte, as the kernel accounts them
// to this program: a busy machine changes them little. All of them work on at least `bytes` bytes.

#include <cstdint>
#include <string>

namespace swarmfs::bench {

// What the channel seals at once: 65,535 bytes less the tag.
inline constexpr std::size_t kRecordBytes = 65'535 - 16;
inline constexpr std::size_t kLeafBytes = 16 * 1024;
// What is handed to the kernel at once: several records, as one call takes them.
inline constexpr std::size_t kCallBytes = 256 * 1024;

// A clock of CPU time: of this thread, or of all threads of this program.
double thread_cpu_seconds();
double process_cpu_seconds();

// AES-256-GCM by OpenSSL, a record at a time, in place, a fresh nonce each.
double seal_cost(std::uint64_t bytes);
double open_cost(std::uint64_t bytes);
// SHA-256 of leaves: OpenSSL one after another, and as engine/crypto/hash_lanes hashes them.
double hash_cost_openssl(std::uint64_t bytes);
double hash_cost_lanes(std::uint64_t bytes);
// send() and recv() over TCP on the loopback interface; both ends, and what the kernel does between.
double socket_cost(std::uint64_t bytes);
// pwrite() to a new sparse file in `directory`. What writes it back to the disk later is not in it.
double write_cost(const std::string& directory, std::uint64_t bytes);

// Seconds that one OpenSSL SHA-256 stream on each core needs for the file, each its part of it.
double streams_seconds(const std::string& path);

// Ends the program, naming what did not work.
[[noreturn]] void give_up(const std::string& what);

}  // namespace swarmfs::bench
