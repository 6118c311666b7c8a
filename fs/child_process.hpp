#pragma once
// Short-lived children this program asks for help: run, waited for, with a bound. A child that the
// kernel keeps although it was killed (state D, in a call to a mount that does not answer) is left
// behind, and collected by a later call here.

#include <optional>
#include <string>
#include <vector>

namespace swarmfs::fs {

// Runs `words` (fusermount3, say) with nothing on its standard input and output, found by PATH.
// Returns: its exit code; nothing when it could not be started, died of a signal, or did not end in
// `patience_ms` and was killed. Thread: any.
std::optional<int> run_program(const std::vector<std::string>& words, int patience_ms);

// statfs(2) by a child, because a mount that never answers would keep whoever asks.
// Returns: 0 or its errno; nothing when there is no answer in `patience_ms`. Thread: any.
std::optional<int> statfs_error(const std::string& path, int patience_ms);

}  // namespace swarmfs::fs
