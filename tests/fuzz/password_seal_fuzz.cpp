// fuzz: uses core crypto
// Arbitrary bytes as something sealed with a password: refused, unless they are what was sealed.
// Whatever cost they name, at most 1 MiB and one pass is spent here, so that runs stay quick.
#include <algorithm>

#include "engine/crypto/password.hpp"

namespace {

using namespace swarmfs;

constexpr crypto::StretchCost kCheap{1, 1};

const Bytes& honest() {
    static const Bytes sealed = [] {
        SeededDice dice(1);
        return crypto::seal_with_password("password", as_bytes("secret"), dice, kCheap).value();
    }();
    return sealed;
}

bool costs_little(ByteSpan sealed) {
    return sealed.size() < 4 || sealed[0] != crypto::kPasswordSealVersion || sealed[1] == 0 ||
           sealed[1] > crypto::kStretchCostMax.passes ||
           (sealed[1] == 1 && sealed[2] == 0 && sealed[3] <= 1) || sealed[2] > 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteSpan sealed(data, size);
    if (!costs_little(sealed)) {
        return 0;
    }
    const auto opened = crypto::open_with_password("password", sealed);
    SWARM_ASSERT(opened.ok() == std::ranges::equal(sealed, honest()));
    return 0;
}
