// fuzz: uses swarm core protocol
//
// input = (what:u8 where:u8 leaves:u16)*         the queue sends what a plain list sends, in the same
// order, and weighs the same

#include <array>

#include "engine/core/wire.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/naive_upload_queue.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

// By handle: a file of one leaf, one of a chunk and a bit, and larger ones with short ends.
constexpr std::array<std::uint64_t, 4> kSizes{300, kChunkBytes + 5, 40 * kChunkBytes - 1,
                                              1000 * kChunkBytes};

protocol::LeafRange range_in(std::uint64_t size, unsigned where, unsigned leaves) {
    const ChunkIndex chunk(where % chunk_count(size));
    const auto there = static_cast<unsigned>(leaves_in_chunk(size, chunk));
    const unsigned first = leaves % there;
    return {chunk, static_cast<std::uint8_t>(first),
            static_cast<std::uint8_t>(1 + leaves / 16 % (there - first))};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    UploadQueue queue;
    test::NaiveUploadQueue naive;
    const auto same_next = [&](std::uint64_t bytes_max) {
        const auto next = queue.next(bytes_max);
        const auto other = naive.next(bytes_max);
        must(next.has_value() == other.has_value());
        if (next) {
            must(next->handle == other->handle && next->urgency == other->urgency);
            must(next->leaves == other->leaves && next->proof_first == other->proof_first);
            must(!next->proof_first || next->known_level == other->known_level);
        }
        return next.has_value();
    };
    while (reader.remaining() >= 4) {
        const unsigned what = reader.u8();
        const unsigned where = reader.u8();
        const unsigned leaves = reader.u16();
        const protocol::Handle handle = where % kSizes.size();
        const std::uint64_t size = kSizes[handle];
        const protocol::LeafRange range = range_in(size, where / kSizes.size(), leaves);
        switch (what % 8) {
            case 0: must(queue.cancel(handle, range) == naive.cancel(handle, range)); break;
            case 1:
            case 2: same_next(std::uint64_t{leaves} * 4); break;
            case 3:
                if (what / 8 == 0) {
                    queue.drop_handle(handle);
                    naive.drop_handle(handle);
                } else if (what / 8 == 1) {
                    queue.drop_all();
                    naive.drop_all();
                }
                break;
            default: {
                const protocol::Request request{handle, range,
                                                static_cast<protocol::Urgency>(what / 8 % 3),
                                                static_cast<std::uint8_t>(what / 32)};
                must(queue.push(request, size) == naive.push(request, size));
            }
        }
        must(queue.waiting_bytes() == naive.waiting_bytes());
        must(queue.empty() == (naive.waiting_bytes() == 0));
    }
    while (same_next(1 << 20)) {
    }
    must(queue.empty());
    return 0;
}
