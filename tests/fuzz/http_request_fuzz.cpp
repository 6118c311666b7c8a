// fuzz: uses core http
// Requests from strangers: whole and byte by byte they mean the same, or are refused alike.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/core/assert.hpp"
#include "engine/http/parser_floor.hpp"
#include "engine/http/request_parser.hpp"

using namespace swarmfs;
using boost::beast::http::error;

namespace {

constexpr std::size_t kBodyMax = 256;

struct Outcome {
    bool refused = false;
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
    std::size_t available = 0;
    while (true) {
        http::RequestParser::ErrorCode failed = error::need_more;
        if (http::may_parse(parser, available - outcome.consumed)) {
            outcome.consumed += parser.put(
                boost::asio::buffer(text.data() + outcome.consumed, available - outcome.consumed),
                failed);
        }
        if (failed && failed != error::need_more) {
            SWARM_ASSERT(parser.refusal_for(failed).status >= 400);
            outcome.refused = true;
            return outcome;
        }
        if (!failed && !routed) {
            routed = true;
            if (!parser.finish_header()) {
                outcome.refused = true;
                return outcome;
            }
            parser.set_body_max(kBodyMax);
            parser.eager(true);
            if (!parser.is_done()) {
                continue;
            }
        }
        if (routed && parser.is_done()) {
            SWARM_ASSERT(room.body.size() <= kBodyMax);
            outcome.whole = true;
            outcome.path = room.request.path;
            outcome.body = room.body;
            outcome.headers = room.request.headers.size();
            return outcome;
        }
        if (available == text.size()) {
            return outcome;
        }
        available = std::min(text.size(), available + step);
    }
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
