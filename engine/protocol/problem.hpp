#pragma once
// How a tracker says that something failed: problem details (RFC 9457) with a code that stays the
// same between versions. Programs go by `code`, people by `detail`. Pure; any thread.

#include <string>
#include <string_view>

#include "engine/core/result.hpp"

namespace swarmfs::protocol {

inline constexpr const char* kProblemType = "application/problem+json";

// {"type":"urn:swarmfs:problem:<code>","title","status","code","detail"}
struct Problem {
    unsigned status = 500;
    std::string code;    // "unknown_peer"
    std::string detail;  // what happened, why, and what to do
};

std::string encode(const Problem& problem);

// Returns: what an answer of this status says went wrong, as far as it can be understood.
Problem decode_problem(unsigned status, std::string_view body);

}  // namespace swarmfs::protocol
