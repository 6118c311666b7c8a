// /api/swarms/{id}/changes
#include "engine/http/target.hpp"
#include "tracker/api.hpp"

namespace swarmfs::tracker {

using http::Method;
using http::Reply;
using http::Request;
using http::Response;

namespace {

// Larger bodies are parsed aside: a whole one takes tens of milliseconds, which the threads that
// serve sockets do not have.
constexpr std::size_t kParsedAtOnceBytes = 64 * 1024;

void answer(Reply reply, const Problem& problem) {
    reply(problem_response(problem));
}

void exchange(const ApiParts& parts, std::string_view swarm_text, const std::string& host,
              Result<protocol::ChangesRequest> asked, Reply reply) {
    auto swarm = id_of<SwarmId>(swarm_text, "the swarm's id");
    if (!swarm.ok()) {
        answer(std::move(reply), swarm.problem());
        return;
    }
    if (!asked.ok()) {
        answer(std::move(reply), problem_of(asked.error()));
        return;
    }
    // A function that can be copied carries the one reply there is.
    auto shared = std::make_shared<Reply>(std::move(reply));
    parts.changes.exchange(*swarm, std::move(*asked), host,
                           [shared](Outcome<protocol::ChangesAnswer> changes) {
                               (*shared)(changes.ok() ? Response::json(protocol::encode(*changes))
                                                      : problem_response(changes.problem()));
                           });
}

void exchange_of_body(const ApiParts& parts, const Request& request, Reply reply) {
    const std::string_view swarm = request.parameters[0];
    if (request.body.size() <= kParsedAtOnceBytes) {
        exchange(parts, swarm, std::string(request.host),
                 protocol::decode_changes_request(request.body), std::move(reply));
        return;
    }
    struct Later {
        std::string swarm;
        std::string host;
        std::string body;
        Reply reply;
    };
    auto later = std::make_shared<Later>(Later{std::string(swarm), std::string(request.host),
                                               std::string(request.body), std::move(reply)});
    const bool taken = parts.changes.aside(later->host, request.body.size(), [parts, later] {
        exchange(parts, later->swarm, later->host, protocol::decode_changes_request(later->body),
                 std::move(later->reply));
    });
    if (!taken) {
        answer(std::move(later->reply), {503, "busy", "too many large exchanges wait; try again"});
    }
}

Result<protocol::ChangesRequest> request_of_query(std::string_view query_text) {
    SWARM_TRY(const http::QueryValues query, http::QueryValues::parse(query_text));
    protocol::ChangesRequest request;
    // A member that has nothing may leave the vector out: a count of zero.
    const std::string* vector = query.find("vector");
    const auto decoded = from_base64url(vector == nullptr ? "AAAAAA" : *vector);
    if (!decoded) {
        return caller_error(Code::invalid, "\"vector\" must be base64url without padding");
    }
    request.vector = *decoded;
    if (const std::string* cursor = query.find("cursor")) {
        request.cursor = *cursor;
    }
    return request;
}

}  // namespace

void add_change_routes(http::Routes& routes, const ApiParts& parts) {
    routes.add_deferred(Method::get, "/api/swarms/{id}/changes", 0,
                        [parts](const Request& request, Reply reply) {
                            exchange(parts, request.parameters[0], std::string(request.host),
                                     request_of_query(request.query), std::move(reply));
                        });
    routes.add_deferred(Method::post, "/api/swarms/{id}/changes", protocol::kChangesBodyBytesMax,
                        [parts](const Request& request, Reply reply) {
                            exchange_of_body(parts, request, std::move(reply));
                        });
}

}  // namespace swarmfs::tracker
