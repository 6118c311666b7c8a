#pragma once
// A service manager for one program, where there is no systemd: it starts the program, starts it again
// when it crashes, and keeps the descriptors that program gives it meanwhile (sd_notify(3), FDSTORE=1),
// so that mounts outlive a crash. It holds nothing else, so that nothing of it can fail.
//
//   program ── READY=1, FDSTORE=1 … ──> supervisor ── all but descriptors ──> who started it, if told so
//     ^                                    │
//     └──── LISTEN_FDS, signals ───────────┘
//
//   1. It ends with the program's exit code when the program ends by itself: with 0, or with a code
//      that says that another start would not help. Descriptors go with it.
//   2. A program that ends otherwise is started again. It gives up, so that nobody waits for ever on a
//      mount that has nobody behind it, when kNotReadyMax runs in a row came to nothing (neither READY=1
//      nor a descriptor to keep), or when kStartsMax began within kStartsWithin.
//   3. SIGTERM, SIGINT and SIGHUP are passed on. Messages count from processes of the same user only.
//
// Thread: one, and the only one of its process.

#include <chrono>
#include <string>
#include <vector>

namespace swarmfs::fs {

inline constexpr int kNotReadyMax = 5;
inline constexpr int kStartsMax = 60;
inline constexpr std::chrono::seconds kStartsWithin{60};

// Runs `words` until they end for good.
// Returns: the exit code; 128 + the signal's number where a signal ended the last start.
int supervise(const std::vector<std::string>& words);

}  // namespace swarmfs::fs
