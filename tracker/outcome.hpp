#pragma once
// What a request comes to: a value, or the problem that is shown to whoever asked.

#include <optional>
#include <utility>

#include "engine/core/assert.hpp"
#include "engine/protocol/problem.hpp"

namespace swarmfs::tracker {

using protocol::Problem;

template <class T>
class Outcome {
public:
    Outcome(T value) : value_(std::move(value)) {}
    Outcome(Problem problem) : problem_(std::move(problem)) {}

    bool ok() const { return value_.has_value(); }
    // Requires: ok().
    T& operator*() {
        SWARM_ASSERT(ok());
        return *value_;
    }
    T* operator->() { return &**this; }
    // Requires: !ok().
    const Problem& problem() const { return problem_; }

private:
    std::optional<T> value_;
    Problem problem_;
};

// A problem for an error of the code: 400 for what the caller got wrong, 413, 503, 507 for ours.
Problem problem_of(const Error& error);

}  // namespace swarmfs::tracker
