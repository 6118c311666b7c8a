// fuzz: uses core http
// Answers from whatever calls itself a tracker: whole and byte by byte they mean the same, or are
// refused alike, and nothing grows beyond its bound.

#include <cstdint>

#include "engine/core/assert.hpp"
#include "engine/http/answer_parser.hpp"
#include "tests/fuzz/http_feeding.hpp"

using namespace swarmfs;
using fuzzing::End;

namespace {

constexpr std::size_t kBodyMax = 256;

struct Outcome {
    bool whole = false;
    http::Answer answer;
};

Outcome parse(std::string_view text, std::size_t step) {
    Outcome outcome;
    http::AnswerParser parser(outcome.answer, kBodyMax, false);
    std::size_t consumed = 0;
    const End end = fuzzing::feed(parser, text, step, consumed, [&](const auto&) {
        SWARM_ASSERT(outcome.answer.body.size() <= kBodyMax);
        SWARM_ASSERT(outcome.answer.headers.size() <= http::kAnswerFieldsMax);
        return true;
    });
    outcome.whole = end == End::whole;
    if (end == End::cut && parser.got_some()) {  // the connection ends here
        http::AnswerParser::ErrorCode at_end;
        parser.put_eof(at_end);
        outcome.whole = !at_end && parser.is_done();
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
        SWARM_ASSERT(at_once.answer.status == trickled.answer.status);
        SWARM_ASSERT(at_once.answer.body == trickled.answer.body);
        SWARM_ASSERT(at_once.answer.headers.size() == trickled.answer.headers.size());
    }
    return 0;
}
