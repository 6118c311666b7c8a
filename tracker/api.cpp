#include "tracker/api.hpp"

namespace swarmfs::tracker {

http::Response problem_response(const Problem& problem) {
    return {problem.status, protocol::kProblemType, protocol::encode(problem), {}};
}

http::Routes make_routes(const ApiParts& parts) {
    http::Routes routes;
    // Never touches storage: it says that the process lives.
    routes.add(http::Method::get, "/health", 0,
               [](const http::Request&) { return http::Response::json(R"({"status":"ok"})"); });
    add_peer_routes(routes, parts);
    add_file_routes(routes, parts);
    add_change_routes(routes, parts);
    return routes;
}

}  // namespace swarmfs::tracker
