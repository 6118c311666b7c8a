// /api/peers/… and /api/swarms/{id}/peers
#include "engine/http/target.hpp"
#include "tracker/api.hpp"

namespace swarmfs::tracker {

using http::Method;
using http::Request;
using http::Response;

namespace {

constexpr std::size_t kPeersPerPage = 50;

Response enter(const ApiParts& parts, const Request& request) {
    const auto registration = protocol::decode_registration(request.body);
    if (!registration.ok()) {
        return problem_response(problem_of(registration.error()));
    }
    auto registered = parts.registry.enter(*registration, request.remote_address);
    if (!registered.ok()) {
        return problem_response(registered.problem());
    }
    registered->changes = parts.changes.moves_of(registration->swarm);
    return Response::json(protocol::encode(*registered));
}

Response heartbeat(const ApiParts& parts, const Request& request) {
    const auto heartbeat = protocol::decode_heartbeat(request.body);
    if (!heartbeat.ok()) {
        return problem_response(problem_of(heartbeat.error()));
    }
    auto swarm = parts.registry.heartbeat(*heartbeat);
    if (!swarm.ok()) {
        return problem_response(swarm.problem());
    }
    return Response::json(
        protocol::encode(protocol::HeartbeatAnswer{parts.changes.moves_of(*swarm)}));
}

Response leave(const ApiParts& parts, const Request& request) {
    auto node = id_of<NodeId>(request.parameters[0], "the peer's id");
    if (!node.ok()) {
        return problem_response(node.problem());
    }
    const auto leaving = protocol::decode_leaving(request.body);
    if (!leaving.ok()) {
        return problem_response(problem_of(leaving.error()));
    }
    if (leaving->peer != *node) {
        return problem_response({400, "invalid", "\"peer_id\" is not the peer of this path"});
    }
    if (const auto problem = parts.registry.leave(*leaving)) {
        return problem_response(*problem);
    }
    return Response::empty(204);
}

Response peers_of_swarm(const ApiParts& parts, const Request& request) {
    auto swarm = id_of<SwarmId>(request.parameters[0], "the swarm's id");
    if (!swarm.ok()) {
        return problem_response(swarm.problem());
    }
    const auto query = http::QueryValues::parse(request.query);
    if (!query.ok()) {
        return problem_response(problem_of(query.error()));
    }
    const auto limit = query->number("limit", kPeersPerPage, 1, protocol::kPeersPerPageMax);
    if (!limit.ok()) {
        return problem_response(problem_of(limit.error()));
    }
    return Response::json(
        protocol::encode(parts.registry.peers_of_swarm(*swarm, request.remote_address, *limit)));
}

}  // namespace

void add_peer_routes(http::Routes& routes, const ApiParts& parts) {
    const auto bound = [&parts](Response (*handler)(const ApiParts&, const Request&)) {
        return [parts, handler](const Request& request) { return handler(parts, request); };
    };
    routes.add(Method::post, "/api/peers/register", protocol::kSmallBodyBytesMax, bound(enter));
    routes.add(Method::post, "/api/peers/heartbeat", protocol::kSmallBodyBytesMax,
               bound(heartbeat));
    routes.add(Method::delete_, "/api/peers/{id}", protocol::kSmallBodyBytesMax, bound(leave));
    routes.add(Method::get, "/api/swarms/{id}/peers", 0, bound(peers_of_swarm));
}

}  // namespace swarmfs::tracker
