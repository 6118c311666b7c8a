#include <doctest/doctest.h>

#include <cctype>
#include <fstream>
#include <sstream>

#include "engine/protocol/peer_frames.hpp"

namespace swarmfs::protocol {
namespace {

// The ```hex blocks of a document, as bytes.
std::vector<Bytes> hex_blocks(const std::string& path) {
    std::ifstream in(path);
    REQUIRE(in.good());
    std::vector<Bytes> blocks;
    std::string digits;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line == "```hex") {
            inside = true;
            digits.clear();
        } else if (line == "```" && inside) {
            inside = false;
            blocks.push_back(from_hex(digits).value());
        } else if (inside) {
            for (const char c : line) {
                if (std::isspace(static_cast<unsigned char>(c)) == 0) {
                    digits.push_back(c);
                }
            }
        }
    }
    return blocks;
}

template <class Body>
Body next(FrameReader& reader) {
    auto frame = reader.next();
    REQUIRE(frame.ok());
    REQUIRE(frame->has_value());
    return std::get<Body>(**frame);
}

}  // namespace

TEST_CASE("the worked example of docs/protocol.md decodes to what it says") {
    const std::vector<Bytes> records = hex_blocks("docs/protocol.md");
    REQUIRE(records.size() == 2);

    FrameReader asked(records[0]);
    const Open open = next<Open>(asked);
    CHECK(open.handle == 1);
    CHECK(open.content.size == 5);
    CHECK(open.content.root.short_hex() == "2cf24dba");
    const Request request = next<Request>(asked);
    CHECK(request.range == LeafRange{ChunkIndex(0), 0, 1});
    CHECK(request.urgency == Urgency::urgent);
    CHECK(request.known_level == 0);
    CHECK_FALSE(asked.next()->has_value());

    FrameReader answered(records[1]);
    CHECK(next<Holding>(answered).kind == HoldingKind::all);
    CHECK(as_text(next<Leaf>(answered).bytes) == "hello");
    CHECK_FALSE(answered.next()->has_value());
}

}  // namespace swarmfs::protocol
