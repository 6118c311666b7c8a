// fuzz: uses core http
// Requests from strangers: whole and byte by byte they mean the same, or are refused alike.

#include <cstdint>
#include <string>
#include <utility>

#include "engine/core/assert.hpp"
#include "engine/http/request_parser.hpp"
#include "tests/fuzz/http_feeding.hpp"

using namespace swarmfs;

namespace {

constexpr std::size_t kBodyMax = 256;

struct Outcome {
    bool whole = false;
    std::size_t consumed = 0;
    std::string path;
    std::string body;
    std::size_t headers = 0;
};

Outcome parse(std::string_view text, std::size_t step) {
    Outcome outcome;
    http::RequestRoom room;
    room.clear();
    http::RequestParser parser(room);
    bool routed = false;
    const auto look = [&](const http::RequestParser::ErrorCode& failed) {
        if (failed) {
            SWARM_ASSERT(failed == boost::beast::http::error::need_more ||
                         parser.refusal_for(failed).status >= 400);
            return true;
        }
        if (!std::exchange(routed, true)) {
            if (!parser.finish_header()) {
                return false;
            }
            parser.set_body_max(kBodyMax);
            parser.eager(true);
        }
        return true;
    };
    outcome.whole =
        fuzzing::feed(parser, text, step, outcome.consumed, look) == fuzzing::End::whole;
    if (outcome.whole) {
        SWARM_ASSERT(room.body.size() <= kBodyMax);
        outcome.path = room.request.path;
        outcome.body = room.body;
        outcome.headers = room.request.headers.size();
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.size() > 4096) {
        return 0;
    }
    const Outcome at_once = parse(text, text.size());
    const Outcome trickled = parse(text, 1);
    SWARM_ASSERT(at_once.whole == trickled.whole);
    if (at_once.whole) {
        SWARM_ASSERT(at_once.consumed == trickled.consumed);
        SWARM_ASSERT(at_once.path == trickled.path && at_once.body == trickled.body);
        SWARM_ASSERT(at_once.headers == trickled.headers);
    }
    return 0;
}
