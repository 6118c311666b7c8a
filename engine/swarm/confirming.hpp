#pragma once
// What somebody here asks for who opens a file under `read_quorum` (read_quorum.hpp).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/core/clock.hpp"
#include "engine/core/result.hpp"
#include "engine/protocol/catalog_messages.hpp"

namespace swarmfs::swarm {

using ConfirmId = std::uint64_t;  // never 0, never used again

struct ConfirmRequest {
    // What is shown here. Nothing: it is written and has no number yet, so nobody is asked, and the
    // deadline alone ends it.
    std::optional<protocol::VectorItem> version;
    std::string path;        // 1 to protocol::kConfirmPathBytesMax bytes
    std::size_t others = 1;  // members besides this one that have to confirm it; at least 1
    TimePoint deadline = TimePoint::max();
};

// Errors: unavailable (fewer are connected than have to confirm it), timed_out, cancelled.
using ConfirmDone = std::function<void(Result<>)>;

}  // namespace swarmfs::swarm
