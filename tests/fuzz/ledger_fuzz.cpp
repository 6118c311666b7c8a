// fuzz: uses swarm core protocol
//
// input = (what:u8 where:u8 leaves:u16)*         the ledger and a plain list agree on who owes
// what, and the times keep their bounds

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_ledger.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

constexpr std::uint64_t kSize = 3 * kChunkBytes + 5 * kLeafBytes + 77;
constexpr std::uint32_t kPeers = 3;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    TimePoint now{std::chrono::hours(1)};
    RequestLedger ledger;
    test::NaiveLedger naive(kSize);
    for (std::uint32_t peer = 0; peer < kPeers; ++peer) {
        ledger.add_peer(PeerNumber{peer}, now);
    }
    while (reader.remaining() >= 4) {
        const unsigned what = reader.u8();
        const unsigned where = reader.u8();
        const std::uint32_t peer = where % kPeers;
        const std::uint32_t content = where / 4 % 2;
        const std::uint64_t chunk = where / 8 % 4;
        const auto leaves = static_cast<LeafMask>(reader.u16() & (chunk == 3 ? 0x3F : 0xFFFF));
        now += std::chrono::milliseconds(what);
        switch (what % 8) {
            case 0:
            case 1: {
                const auto fresh = static_cast<LeafMask>(
                    leaves & ~naive.asked(content, chunk, static_cast<int>(peer)));
                if (fresh != 0) {
                    ledger.ask(PeerNumber{peer}, ContentNumber{content}, kSize, ChunkIndex(chunk),
                               fresh, static_cast<protocol::Urgency>(what / 8 % 3), now);
                    naive.ask(peer, content, chunk, fresh);
                }
                break;
            }
            case 2:
            case 3: {
                const auto arrival = ledger.arrived(PeerNumber{peer}, ContentNumber{content},
                                                    ChunkIndex(chunk), leaves, now);
                must(arrival.expected == naive.settle(peer, content, chunk, leaves));
                naive.settle_others(content, chunk, leaves);
                break;
            }
            case 4:
                must(ledger.refused(PeerNumber{peer}, ContentNumber{content}, ChunkIndex(chunk),
                                    leaves) == naive.settle(peer, content, chunk, leaves));
                break;
            case 5:
                ledger.busy(PeerNumber{peer}, now);
                must(ledger.room(PeerNumber{peer}, now) == 0);
                break;
            case 6: {
                now += std::chrono::milliseconds(reader.u16());
                const auto overdue = ledger.overdue(now);
                for (const PeerNumber silent : overdue.silent) {
                    must(ledger.silent(silent));
                    ledger.release(silent);
                    naive.release(static_cast<std::uint32_t>(silent));
                }
                for (const Ask& ask : overdue.released) {
                    must(now - ask.asked_at >= std::chrono::seconds(60));
                    naive.settle(static_cast<std::uint32_t>(ask.peer),
                                 static_cast<std::uint32_t>(ask.content), ask.chunk.value,
                                 ask.leaves);
                }
                must(ledger.next_event(now) > now);
                break;
            }
            default: ledger.release(PeerNumber{peer}); naive.release(peer);
        }
        for (std::uint32_t p = 0; p < kPeers; ++p) {
            const PeerNumber number{p};
            must(ledger.outstanding(number) == naive.outstanding(p));
            must(ledger.budget(number) >= RequestLedger::kBudgetMin &&
                 ledger.budget(number) <= RequestLedger::kBudgetMax);
            must(ledger.asked_of(number, ContentNumber{content}, ChunkIndex(chunk)) ==
                 naive.asked(content, chunk, static_cast<int>(p)));
        }
        must(ledger.asked(ContentNumber{content}, ChunkIndex(chunk)) ==
             naive.asked(content, chunk));
    }
    return 0;
}
