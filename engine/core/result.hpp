#pragma once
// Failure as a value. A Result holds what was asked for, or an Error that says whose fault it is,
// which decides the reaction:
//   peer     it lied or broke the protocol: end the session and remember
//   network  nobody is to blame: try elsewhere
//   disk     stop writing and tell the operator
//   caller   hand it back to the program that asked
// Broken invariants of our own are not Errors: see assert.hpp.

#include <string>
#include <utility>
#include <variant>

#include "engine/core/assert.hpp"

namespace swarmfs {

enum class Whose { peer, network, disk, caller };

// What went wrong, in words that fs/ turns into an errno and tools/ into an exit code.
enum class Code {
    invalid,  // the input breaks a rule
    not_found,
    exists,
    not_directory,
    is_directory,
    not_empty,
    name_too_long,
    too_large,   // beyond a limit
    permission,  // the role or the mode does not allow it
    read_only,
    unsupported,
    no_space,
    io,
    corrupt,      // bytes that do not match their hash, or a damaged file
    unavailable,  // nobody holds it, or nobody can be reached
    timed_out,
    cancelled,
    busy,
    try_again,
    configuration,
    protocol,  // a peer said something illegal
};

struct Error {
    Whose whose = Whose::caller;
    Code code = Code::invalid;
    std::string message;  // what happened and why, for people; one line, no newline at the end
};

// "invalid", "not_found", …: stable words for JSON and logs.
const char* name_of(Code code);
const char* name_of(Whose whose);

inline Error caller_error(Code code, std::string message) {
    return {Whose::caller, code, std::move(message)};
}
inline Error peer_error(std::string message, Code code = Code::protocol) {
    return {Whose::peer, code, std::move(message)};
}
inline Error network_error(Code code, std::string message) {
    return {Whose::network, code, std::move(message)};
}
inline Error disk_error(Code code, std::string message) {
    return {Whose::disk, code, std::move(message)};
}

// Errors: a disk error whose code follows `error_number` (ENOSPC and EDQUOT: no_space; ENOENT:
// not_found; EACCES, EPERM: permission; EROFS: read_only; otherwise io); `what` names the call and
// the file.
Error disk_error_from_errno(int error_number, const std::string& what);

struct [[nodiscard]] Done {};  // the value of a Result that only says "it worked"

template <class T = Done>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    // Requires: ok().
    T& value() & {
        SWARM_ASSERT(ok());
        return *std::get_if<0>(&state_);
    }
    const T& value() const& {
        SWARM_ASSERT(ok());
        return *std::get_if<0>(&state_);
    }
    T&& value() && {
        SWARM_ASSERT(ok());
        return std::move(*std::get_if<0>(&state_));
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    // Requires: !ok().
    const Error& error() const& {
        SWARM_ASSERT(!ok());
        return *std::get_if<1>(&state_);
    }
    Error&& error() && {
        SWARM_ASSERT(!ok());
        return std::move(*std::get_if<1>(&state_));
    }

private:
    std::variant<T, Error> state_;
};

inline Result<Done> done() {
    return Done{};
}

#define SWARM_JOIN_INNER(a, b) a##b
#define SWARM_JOIN(a, b) SWARM_JOIN_INNER(a, b)

// `SWARM_TRY(auto x, call())`: x is the value, or this function returns the error.
#define SWARM_TRY(declaration, expression)                             \
    auto SWARM_JOIN(swarm_result_, __LINE__) = (expression);           \
    if (!SWARM_JOIN(swarm_result_, __LINE__).ok()) {                   \
        return std::move(SWARM_JOIN(swarm_result_, __LINE__)).error(); \
    }                                                                  \
    declaration = std::move(SWARM_JOIN(swarm_result_, __LINE__)).value()

// The same for a Result<Done>, or a value nobody needs.
#define SWARM_CHECK(expression)                                                 \
    do {                                                                        \
        if (auto swarm_check_result = (expression); !swarm_check_result.ok()) { \
            return std::move(swarm_check_result).error();                       \
        }                                                                       \
    } while (false)

}  // namespace swarmfs
