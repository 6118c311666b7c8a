#include "tracker/outcome.hpp"

namespace swarmfs::tracker {

Problem problem_of(const Error& error) {
    switch (error.code) {
        case Code::not_found: return {404, "not_found", error.message};
        case Code::permission:
        case Code::read_only: return {403, "forbidden", error.message};
        case Code::exists: return {409, "conflict", error.message};
        case Code::too_large: return {413, "too_large", error.message};
        case Code::no_space: return {507, "storage_full", error.message};
        case Code::busy:
        case Code::try_again: return {503, "try_again", error.message};
        case Code::io:
        case Code::corrupt: return {500, "storage_failed", error.message};
        default: return {400, "invalid", error.message};
    }
}

}  // namespace swarmfs::tracker
