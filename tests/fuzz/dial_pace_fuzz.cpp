// fuzz: uses discovery core
//
// input = wanted:u8 seed:u8 (what:u8 sessions:u8 dialling:u8 pause:u8)*         there is room for as
// many as the rules say, counted one by one

#include "engine/core/wire.hpp"
#include "tests/discovery/naive_dial_pace.hpp"
#include "tests/fuzz/must.hpp"

using namespace swarmfs;

using swarmfs::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    TimePoint now{std::chrono::hours(1)};
    const std::size_t wanted = reader.u8();
    SeededDice dice(reader.u8());
    discovery::DialPace pace(wanted, dice, now);
    test::NaiveDialPace naive(wanted, now);
    must(naive.may_be_due(pace.next()));
    while (reader.remaining() >= 4) {
        const unsigned what = reader.u8();
        const std::size_t sessions = reader.u8();
        const std::size_t dialling = reader.u8() % 64U;
        now += std::chrono::milliseconds(100) * reader.u8();
        const TimePoint due = pace.next();
        const std::size_t room = naive.room(now, sessions + dialling, due);
        must(pace.room(now, sessions, dialling) == room);
        if (what % 4 == 0) {
            pace.hurry();
            naive.hurry();
        } else if (room > 0) {
            const std::size_t count = 1 + what / 4 % room;
            pace.dialled(count, now, sessions, dialling);
            naive.dialled(count, now, sessions + dialling, due);
        }
        must(naive.may_be_due(pace.next()));
    }
    return 0;
}
