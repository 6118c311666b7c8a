#pragma once
// Short-lived programs this one asks for help (fusermount3, stat): run, waited for, with a bound.

#include <optional>
#include <string>
#include <vector>

namespace swarmfs::fs {

// Runs `words` with nothing on its standard input and output, found by PATH.
// Returns: its exit code; nothing when it could not be started, died of a signal, or did not end in
// `patience_ms` and was killed. Thread: any.
std::optional<int> run_program(const std::vector<std::string>& words, int patience_ms);

}  // namespace swarmfs::fs
