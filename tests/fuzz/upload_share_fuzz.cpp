// fuzz: uses swarm core
//
// input = (what:u8 who:u8 amount:u16)*         what is taken on, and who is told when, is as the rules,
// followed word by word, have it; and no more waits than they allow

#include <map>
#include <vector>

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_upload_share.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

constexpr std::size_t kSessionsMax = 24;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    TimePoint now{std::chrono::hours(1)};
    UploadShare share;
    test::NaiveUploadShare naive;
    std::vector<UploadShare::Key> keys;
    std::vector<std::uint64_t> waiting;
    std::map<UploadShare::Key, std::size_t> numbers;
    while (reader.remaining() >= 4) {
        const unsigned what = reader.u8();
        const unsigned who = reader.u8();
        const std::uint64_t amount = reader.u16();
        now += std::chrono::microseconds(what * what);
        if (keys.size() < 2 || (what % 32 == 0 && keys.size() < kSessionsMax)) {
            keys.push_back(share.join(now));
            numbers[keys.back()] = keys.size() - 1;
            naive.join(now);
            waiting.push_back(0);
            continue;
        }
        const std::size_t one = who % keys.size();
        if (naive.gone(one)) {
            continue;
        }
        std::uint64_t& waits = waiting[one];
        if (what % 64 == 1) {
            share.leave(keys[one], now);
            naive.leave(one, now);
        } else if (what % 64 == 2) {
            now += std::chrono::milliseconds(amount / 16);  // up to four seconds of silence
        } else if (what % 8 == 3) {
            waits = amount % 7 == 0 ? 0 : amount * 64;
            share.waits(keys[one], waits, now);
            naive.waits(one, waits, now);
        } else if (what % 8 >= 6) {
            const std::uint64_t bytes = what % 8 == 7 ? waits : std::min(waits, amount);
            waits -= bytes;
            share.sent(keys[one], bytes, now);
            naive.sent(one, bytes, now);
        } else {
            const std::uint64_t asked = 1 + amount * (1 + what % 4);
            const std::uint64_t taken = share.admit(keys[one], asked, now);
            must(taken == naive.admit(one, asked, now));
            must(taken <= asked);
            waits += taken;
            share.waits(keys[one], waits, now);
            naive.waits(one, waits, now);
        }
        std::vector<std::size_t> told;
        for (const UploadShare::Key key : share.ready(now)) {
            told.push_back(numbers.at(key));
        }
        must(told == naive.ready(now));
        must(share.waiting() == naive.waiting());
        must(share.queue_bytes() == naive.most());
    }
    return 0;
}
