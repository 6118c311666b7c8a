// fuzz: uses swarm core
//
// input = size:u32 budget:u8 (how:u8 offset:u24 length:u16)*      every plan is one the rules allow

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_window.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    const std::uint64_t size = std::uint64_t{1} + reader.u32();
    WindowBudget budget((std::uint64_t{1} + reader.u8()) << 19);
    ReadWindow window(size, budget);
    test::WindowJudge judge(size);
    TimePoint now{std::chrono::hours(1)};
    std::uint64_t at = 0;
    while (reader.remaining() >= 6) {
        const unsigned how = reader.u8();
        const std::uint64_t far = std::uint64_t{reader.u8()} << 16 | reader.u16();
        const std::uint64_t span = 1 + std::uint64_t{reader.u16()} * 8;
        switch (how % 4) {
            case 0: at = far * 256 % size; break;
            case 1: at = (at + far) % size; break;
            case 2: at -= std::min(at, far); break;
            default: break;  // goes on where it was
        }
        at %= size;
        const std::uint64_t bytes = std::min(span, size - at);
        now += std::chrono::milliseconds(1);
        const auto plan = window.on_read(at, bytes, how / 4 % 2 == 0, now);
        must(judge.judge(at, bytes, plan).empty());
        must(window.runs() == judge.runs());
        must(budget.used() == window.window_bytes());
        at += bytes;
    }
    (void)window.end();
    must(budget.used() == 0);
    return 0;
}
