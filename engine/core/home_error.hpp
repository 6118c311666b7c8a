#pragma once
// Why a node's home cannot be used, in the same words and with the same code from the node and from
// a command that would start it.

#include <string>

#include "engine/core/result.hpp"

namespace swarmfs {

// `error_number` is what opening or making `home`, or `part` of it, ended with.
// Returns: configuration where the home is no directory, permission, no_space or io; with what to
// try.
Error home_error(const std::string& home, int error_number, const std::string& part = "");

}  // namespace swarmfs
