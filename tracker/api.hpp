#pragma once
// The tracker's HTTP interface: which path does what. Handlers unpack a request, ask the cores, and
// pack the answer; they hold no policy. docs/tracker.md is their manual.

#include <string>

#include "engine/http/routes.hpp"
#include "tracker/changes.hpp"
#include "tracker/outcome.hpp"
#include "tracker/registry.hpp"
#include "tracker/storage.hpp"

namespace swarmfs::tracker {

// All of it outlives the server that the routes are given to.
struct ApiParts {
    Registry& registry;
    Changes& changes;
    Storage& storage;
};

http::Routes make_routes(const ApiParts& parts);

// A problem as an answer. Also what the server refuses by itself is shown so.
http::Response problem_response(const Problem& problem);

// ---- the groups make_routes puts together ----
void add_peer_routes(http::Routes& routes, const ApiParts& parts);
void add_file_routes(http::Routes& routes, const ApiParts& parts);
void add_change_routes(http::Routes& routes, const ApiParts& parts);

// A path's or query's hexadecimal id.   Problems: bad_id.
template <class Id>
Outcome<Id> id_of(std::string_view text, const char* what) {
    const auto id = Id::from_hex(text);
    if (!id || id->hex() != text) {
        return Problem{400, "bad_id",
                       std::string(what) + " must be 64 lower-case hexadecimal digits"};
    }
    return *id;
}

}  // namespace swarmfs::tracker
