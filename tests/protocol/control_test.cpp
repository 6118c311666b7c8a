#include "engine/protocol/control.hpp"

#include <doctest/doctest.h>

namespace swarmfs::protocol {

TEST_CASE("control requests and replies come back as they were sent") {
    ControlRequest request;
    request.id = 3;
    request.method = "list";
    request.params = {{"path", "a\nb"}};
    const std::string line = encode(request);
    CHECK(line.find('\n') == line.size() - 1);
    auto decoded = decode_request(line);
    REQUIRE(decoded.ok());
    CHECK(decoded->method == "list");
    CHECK(decoded->params == request.params);

    ControlReply failed;
    failed.id = 3;
    failed.error = network_error(Code::unavailable, "nobody is there");
    auto error = decode_reply(encode(failed));
    REQUIRE(error.ok());
    CHECK(error->error->code == Code::unavailable);
    CHECK(error->error->whose == Whose::network);
    CHECK(error->error->message == "nobody is there");
}

TEST_CASE("a control message that is not a JSON object with an id and a method is refused") {
    for (const char* line : {"", "nonsense", "[]", "{}", "{\"id\":-1,\"method\":\"x\"}",
                             "{\"id\":1}", "{\"id\":1,\"method\":\"x\",\"params\":[]}"}) {
        CHECK_FALSE(decode_request(line).ok());
    }
    CHECK_FALSE(decode_reply("{\"id\":1}").ok());
    CHECK_FALSE(decode_request(std::string(100'000, '[')).ok());
}

TEST_CASE("bytes that are not UTF-8 do not break a line") {
    ControlReply reply;
    reply.result = {{"name", "\xff\xfe"}};
    CHECK(decode_reply(encode(reply)).ok());
}

}  // namespace swarmfs::protocol
