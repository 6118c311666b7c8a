// fuzz: uses swarm core
//
// input = (what:u8 who:u8 amount:u16)*         the throttle allows what its rules, followed word by
// word, allow; and never more than a bucket can have held

#include <array>
#include <vector>

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_throttle.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

constexpr std::size_t kSwarms = 2;
constexpr std::size_t kPeersMax = 24;

// From none, 1 KiB/s to 64 MiB/s, and not only powers of two.
Rate rate_of(std::uint16_t amount) {
    return amount % 5 == 0 ? kNoLimit : (kRateMin << (amount % 17)) + amount;
}

// What went since the node's limit was set.
struct Passed {
    Rate rate = kNoLimit;
    TimePoint since{};
    std::uint64_t fetched = 0;
    std::uint64_t more_than_allowed = 0;

    // A bucket begins empty or at most full; each peer may have had a portion, and one more is owed.
    bool fits(TimePoint now) const {
        const double passed = std::chrono::duration<double>(now - since).count();
        const double most = static_cast<double>(rate) * (passed + 0.1) +
                            static_cast<double>((kPeersMax + 1) * Throttle::kPortionMax) +
                            static_cast<double>(more_than_allowed);
        return rate == kNoLimit || static_cast<double>(fetched) <= most;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    TimePoint now{std::chrono::hours(1)};
    Throttle throttle;
    test::NaiveThrottle naive(kSwarms);
    Passed passed;
    std::array<Throttle::SwarmKey, kSwarms> swarms{};
    std::vector<Throttle::PeerKey> peers;
    for (Throttle::SwarmKey& key : swarms) {
        key = throttle.add_swarm(kNoLimit, now);
    }
    while (reader.remaining() >= 4) {
        const unsigned what = reader.u8();
        const std::size_t who = reader.u8();
        const std::uint16_t amount = reader.u16();
        now += std::chrono::microseconds(what * what);
        if (peers.size() < 2 || (what % 16 == 0 && peers.size() < kPeersMax)) {
            peers.push_back(throttle.add_peer(swarms[who % kSwarms], kNoLimit, now));
            naive.add_peer(who % kSwarms);
            continue;
        }
        const std::size_t peer = who % peers.size();
        if (what % 16 == 1) {
            passed = {rate_of(amount), now, 0, 0};
            throttle.limit_node(passed.rate, now);
            naive.limit_node(passed.rate, now);
        } else if (what % 16 == 2) {
            throttle.limit_swarm(swarms[who % kSwarms], rate_of(amount), now);
            naive.limit_swarm(who % kSwarms, rate_of(amount), now);
        } else if (naive.gone(peer)) {
            continue;
        } else if (what % 16 == 3) {
            throttle.limit_peer(peers[peer], rate_of(amount), now);
            naive.limit_peer(peer, rate_of(amount), now);
        } else if (what % 64 == 4) {
            throttle.remove_peer(peers[peer], now);
            naive.remove_peer(peer, now);
        } else if (what % 64 == 20) {
            now += std::chrono::milliseconds(amount / 16);  // up to four seconds of silence
        } else {
            const std::uint64_t wish = 1 + std::uint64_t{amount} * (1 + what % 8);
            const auto urgency = what % 3 == 0 ? Throttle::Class::urgent : Throttle::Class::rest;
            const auto answer = throttle.ask(peers[peer], wish, urgency, now);
            must(answer.allowed == naive.ask(peer, wish, urgency, now));
            must(answer.allowed <= wish);
            must(answer.allowed > 0 || (answer.again_at > now &&
                                        answer.again_at <= now + std::chrono::milliseconds(250)));
            if (answer.allowed > 0) {
                const std::uint64_t used = answer.allowed * (what / 16) / 8;
                throttle.settle(peers[peer], answer.allowed, used, now);
                naive.settle(peer, answer.allowed, used, now);
                passed.fetched += used;
                passed.more_than_allowed += used - std::min(used, answer.allowed);
            }
        }
        must(passed.fits(now));
    }
    return 0;
}
