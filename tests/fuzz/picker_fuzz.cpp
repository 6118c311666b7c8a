// fuzz: uses swarm core
//
// input = chunks:u8 order:u8 (what:u8 which:u8)*        every pick must be one the naive twin
// allows

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_picker.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    const std::uint64_t chunks = 1 + reader.u8();
    const auto order = reader.u8() % 2 == 0 ? FillOrder::rarest_first : FillOrder::sequential;
    ChunkPicker picker(chunks, order, length);
    test::NaivePicker naive(chunks, order);
    std::array<Holdings, 4> peers;
    peers[0].all = true;
    while (reader.remaining() >= 2) {
        const unsigned what = reader.u8();
        const ChunkIndex chunk(reader.u8() % chunks);
        Holdings& peer = peers[1 + what / 8 % 3];
        switch (what % 8) {
            case 0:
                if (peer.some.insert(chunk)) {
                    picker.gained(chunk);
                    naive.gained(chunk.value);
                }
                break;
            case 1:
                if (peer.some.erase(chunk)) {
                    picker.lost(chunk);
                    naive.lost(chunk.value);
                }
                break;
            case 2: {
                const auto begun =
                    what / 8 % 2 == 0 ? ChunkPicker::Begun::no : ChunkPicker::Begun::yes;
                picker.put_back(chunk, begun);
                naive.put_back(chunk.value, begun);
                break;
            }
            case 3:
                picker.take(chunk);
                naive.take(chunk.value);
                break;
            case 4:
                picker.note_stored();
                naive.note_stored();
                break;
            case 5: {
                const auto changed =
                    what / 8 % 2 == 0 ? FillOrder::rarest_first : FillOrder::sequential;
                picker.set_order(changed);
                naive.set_order(changed);
                break;
            }
            default: {
                const Holdings& held = what % 8 == 6 ? peers[0] : peer;
                const auto suggested = what / 128 == 0 ? std::nullopt : std::optional(chunk);
                const auto pick = picker.pick(held, suggested);
                must(naive.legal(pick, held, suggested));
                if (pick) {
                    picker.take(*pick);
                    naive.take(pick->value);
                }
            }
        }
        must(picker.wanted() == naive.wanted());
    }
    return 0;
}
