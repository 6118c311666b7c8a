// fuzz: uses swarm core
//
// input = salt:u8 (content:u16 count:u8)*         each chunk once before any a second time, in the
// content's order, for as many contents as are remembered

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_suggestions.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

constexpr unsigned kContents = 1500;  // more than are remembered

ContentId content_of(unsigned number) {
    ContentId content;
    content.root.bytes[0] = static_cast<std::uint8_t>(number);
    content.root.bytes[1] = static_cast<std::uint8_t>(number >> 8);
    content.size = 1 + std::uint64_t{number} * number % (40 * kChunkBytes);
    return content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    Suggestions suggestions(reader.u8() * 0x9E3779B97F4A7C15ULL);
    test::SuggestionJudge judge;
    while (reader.remaining() >= 3) {
        const unsigned first = reader.u16();
        const unsigned count = reader.u8() % 8U;
        // Some of one content, or one of each of some.
        for (unsigned i = 0; i < count; ++i) {
            const ContentId content = content_of((first + (count % 2 == 0 ? i : 0)) % kContents);
            must(judge.judge(content, suggestions.next(content)));
        }
        must(suggestions.contents() == judge.contents());
    }
    return 0;
}
