// fuzz: uses swarm core
//
// input = (what:u8 who:u8 amount:u32 more:u32)*         scores are what their formula says and between 0
// and 1; what is remembered keeps its bounds; bans last as long as they should

#include <cmath>

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_score.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

NodeId node_of(unsigned who) {
    NodeId node;
    node.bytes[0] = static_cast<std::uint8_t>(who % 8);
    return node;
}

// Ever more of everything, so that the bounds of what is remembered are met.
PeerFacts facts_of(unsigned what, std::uint64_t amount, std::uint64_t more) {
    PeerFacts facts;
    facts.bytes_received = what % 3 == 0 ? 0 : amount << (what % 24);
    facts.bytes_sent = what % 5 == 0 ? 0 : more << (what % 20);
    facts.receive_rate = static_cast<double>(more) - 1000;
    facts.answers = static_cast<std::uint32_t>(amount >> (what % 32));
    facts.failures = static_cast<std::uint32_t>(more >> (what % 32));
    if (what % 2 == 0) {
        facts.round_trip = std::chrono::microseconds(amount) - std::chrono::milliseconds(1);
    }
    facts.since_last_word = std::chrono::microseconds(more) - std::chrono::milliseconds(1);
    return facts;
}

void check_score(const PeerFacts& facts, double fastest) {
    const double score = score_of(facts, fastest);
    must(score >= 0 && score <= 1);
    must(std::abs(score - test::naive_score(facts, fastest)) < 1e-9);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    TimePoint now{std::chrono::hours(1)};
    constexpr Duration kFirst = std::chrono::minutes(10);
    constexpr Duration kMost = std::chrono::hours(7);
    BanList bans(kFirst, kMost);
    test::NaiveBans naive(kFirst, kMost);
    Standing standing;
    while (reader.remaining() >= 10) {
        const unsigned what = reader.u8();
        const unsigned who = reader.u8();
        const std::uint64_t amount = reader.u32();
        const std::uint64_t more = reader.u32();
        now += std::chrono::milliseconds(amount % 10'000'000);
        const NodeId node = node_of(who);
        if (what % 8 == 0) {
            must(bans.ban(node, now) == naive.ban(node, now));
        } else if (what % 32 == 1) {
            bans.lift(node);
            naive.lift(node);
        } else if (what % 32 == 2) {  // as another process would find it
            const Ban kept = bans.of(node);
            bans.lift(node);
            bans.restore(kept);
        } else {
            const PeerFacts facts = facts_of(what, amount, more);
            check_score(facts, static_cast<double>(amount));
            check_score(facts_with(standing, facts), static_cast<double>(more));
            standing = standing_after(standing, facts, facts.receive_rate);
            must(standing.bytes_received + standing.bytes_sent <= Standing::kBytesMax);
            must(standing.answers + standing.failures <= Standing::kRequestsMax);
        }
        for (unsigned i = 0; i < 8; ++i) {
            must(bans.banned(node_of(i), now) == naive.banned(node_of(i), now));
        }
    }
    return 0;
}
