// fuzz: uses swarm transport channel content crypto protocol core
//
// input = records of frames, as a peer would send them after hello. Both halves of a session take
// them with a content of 32 KiB and 100 bytes open and asked for: whatever comes, nothing unproven
// is stored, and what is built in answer stays bounded.

#include "engine/content/hash_tree.hpp"
#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/swarm/hear.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

using swarmfs::fuzz::must;

namespace {

// Zeros: two leaves and a short third.
class Zeros final : public ContentPort, public ContentPorts {
public:
    explicit Zeros(bool held) : held_(held), tree_(kSize, hashes()) {}
    ContentId id() const { return tree_.id(); }

    std::uint16_t leaf_mask(ChunkIndex) const override { return held_ ? 7 : 0; }
    bool complete() const override { return held_; }
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const override {
        std::fill(bitmap.begin(), bitmap.end(), std::uint8_t{0});
        bitmap[0] = held_ && first.value == 0 ? 0x80 : 0;
    }
    Result<> read_leaves(protocol::LeafRange range,
                         std::span<const MutableByteSpan> leaves) override {
        must(range.chunk.value == 0 && range.count == leaves.size() && !leaves.empty());
        for (const MutableByteSpan leaf : leaves) {
            must(leaf.size() == leaf_bytes(kSize, LeafIndex(range.first++)));
            std::fill(leaf.begin(), leaf.end(), std::uint8_t{0});
        }
        return done();
    }
    Result<std::vector<Hash256>> proof(ChunkIndex chunk, std::uint8_t level) override {
        return content::make_chunk_proof(tree_, kSize, chunk, level);
    }
    KnownTree known(ChunkIndex) const override {
        return {{tree_.shape().depth(), tree_.id().root}, std::nullopt};
    }
    Result<> store(protocol::LeafRange range, std::span<const ByteSpan> leaves,
                   const content::ChunkHashes&) override {
        must(range.chunk.value == 0 && leaves.size() == range.count && range.count > 0);
        for (const ByteSpan leaf : leaves) {
            must(std::all_of(leaf.begin(), leaf.end(), [](std::uint8_t b) { return b == 0; }));
        }
        return done();
    }
    Result<std::shared_ptr<ContentPort>> open(const ContentId& content, Purpose) override {
        return content == id() ? std::shared_ptr<ContentPort>(this, [](ContentPort*) {}) : nullptr;
    }

private:
    static constexpr std::uint64_t kSize = 32 * 1024 + 100;
    static std::vector<Hash256> hashes() {
        const Bytes leaf(kLeafBytes);
        return {crypto::sha256(leaf), crypto::sha256(leaf),
                crypto::sha256(ByteSpan(leaf).first(100))};
    }
    const bool held_;
    const content::HashTree tree_;
};

Result<> take(FetchSide& fetch, ServeSide& serve, const protocol::Frame& frame, Bytes& out) {
    SWARM_CHECK(test::hear(serve, frame, out));
    return test::hear(fetch, frame);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    static Zeros wanted(false);
    static Zeros held(true);
    FetchSide fetch;
    ServeSide serve(held);
    Bytes out;
    const std::shared_ptr<ContentPort> port(&wanted, [](ContentPort*) {});
    fetch.open({PeerNumber{1}, ContentNumber{1}, wanted.id(), port}, out);
    fetch.ask({PeerNumber{1}, ContentNumber{1}, {ChunkIndex(0), 0, 3}, protocol::Urgency::urgent},
              out);
    fetch.cancel({PeerNumber{1}, ContentNumber{1}, {ChunkIndex(0), 1, 1}}, out);
    protocol::FrameReader frames({data, length});
    transport::RecordBuilder records;
    while (true) {
        const auto frame = frames.next();
        if (!frame.ok() || !*frame || !take(fetch, serve, **frame, out).ok()) {
            break;
        }
        if (!records.full()) {
            serve.produce(records, 64 * 1024, out);
        }
    }
    [[maybe_unused]] const auto flushed = fetch.flush();
    for (const SessionEvent& event : fetch.take_events()) {
        if (const auto* stored = std::get_if<LeavesStored>(&event)) {
            must((stored->leaves & ~7) == 0 && stored->bytes <= 33 * 1024);
        }
    }
    return 0;
}
