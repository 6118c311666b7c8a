#include "engine/protocol/problem.hpp"

#include "engine/protocol/json_fields.hpp"

namespace swarmfs::protocol {

using nlohmann::json;

namespace {

// What an answer that is no answer of ours may take of a log line.
constexpr std::size_t kDetailBytesMax = 512;
constexpr std::size_t kCodeBytesMax = 64;
constexpr std::size_t kProblemBytesMax = 16 * 1024;

const char* title_of(unsigned status) {
    switch (status) {
        case 400: return "The request is not valid";
        case 401: return "A key is needed";
        case 403: return "Not allowed";
        case 404: return "Not found";
        case 405: return "Wrong method";
        case 408: return "Too slow";
        case 409: return "Conflict";
        case 413: return "Too large";
        case 414: return "The path is too long";
        case 417: return "The expectation cannot be met";
        case 429: return "Too many requests";
        case 431: return "The header is too large";
        case 501: return "Unknown method";
        case 503: return "Not available now";
        case 505: return "Unknown version of HTTP";
        case 507: return "The disk is full";
        default: return status < 500 ? "The request failed" : "The tracker failed";
    }
}

}  // namespace

std::string encode(const Problem& problem) {
    return dump({{"type", "urn:swarmfs:problem:" + problem.code},
                 {"title", title_of(problem.status)},
                 {"status", problem.status},
                 {"code", problem.code},
                 {"detail", problem.detail}});
}

Problem decode_problem(unsigned status, std::string_view body) {
    JsonFields fields(body, kProblemBytesMax);
    Problem problem;
    problem.status = status;
    problem.code = fields.text("code", kCodeBytesMax);
    problem.detail = fields.text("detail", kDetailBytesMax);
    if (fields.failed()) {
        problem.code = "unknown";
        problem.detail = "the tracker answered " + std::to_string(status);
    }
    return problem;
}

}  // namespace swarmfs::protocol
