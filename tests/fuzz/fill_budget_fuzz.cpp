// fuzz: uses swarm core
//
// input = (what:u8 pause:u8 amount:u16)*         what may be owed is what the rules say, computed anew
// from all that came, and never less than their least

#include <cmath>

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_fill_budget.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

constexpr std::size_t kStepsMax = 512;  // the twin looks at all of them each time

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    TimePoint now{std::chrono::hours(1)};
    FillBudget budget;
    test::NaiveFillBudget naive;
    for (std::size_t step = 0; step < kStepsMax && reader.remaining() >= 4; ++step) {
        const unsigned what = reader.u8();
        const unsigned pause = reader.u8();
        const std::uint64_t amount = std::uint64_t{reader.u16()} << (what % 10);
        now += std::chrono::microseconds(pause * pause * (what % 16 == 15 ? 100 : 1));
        switch (what % 4) {
            case 0:
            case 1:
                budget.owed(amount, now);
                naive.owed(amount, now);
                break;
            case 2: {
                const std::uint64_t bytes = std::min(amount, budget.owed());
                budget.arrived(bytes, now);
                naive.arrived(bytes, now);
                budget.settled(bytes);
                naive.settled(bytes);
                break;
            }
            default: {
                const std::uint64_t bytes = std::min(amount, budget.owed());
                budget.settled(bytes);
                naive.settled(bytes);
            }
        }
        must(budget.owed() == naive.owed());
        const auto most = static_cast<double>(budget.most(now));
        must(most >= static_cast<double>(FillBudget::kMin));
        must(std::abs(most - naive.most(now)) <= 1 + naive.most(now) * 1e-6);
        must(budget.has_room(now) == (budget.owed() < budget.most(now)));
    }
    return 0;
}
