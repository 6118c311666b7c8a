#include "engine/node/content_ports.hpp"

#include <atomic>

namespace swarmfs::node {
namespace {

// Others take of the room that was made, too.
constexpr unsigned kRoomTriesMax = 4;

class StorePort final : public swarm::ContentPort {
public:
    StorePort(std::shared_ptr<store::StoredContent> content, CacheKeeper& cache, Problems& problems,
              StorePorts::Completed completed, std::function<void()> disk_full)
        : content_(std::move(content)),
          cache_(cache),
          problems_(problems),
          completed_(std::move(completed)),
          disk_full_(std::move(disk_full)) {}

    std::uint16_t leaf_mask(ChunkIndex chunk) const override { return content_->leaf_mask(chunk); }
    bool complete() const override { return content_->complete(); }
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const override {
        content_->whole_chunks(first, bitmap);
    }
    std::optional<ChunkIndex> next_stored(ChunkIndex from) const override {
        return content_->next_stored(from);
    }
    Result<> read_leaves(protocol::LeafRange range,
                         std::span<const MutableByteSpan> leaves) override {
        return content_->read_leaves(range.chunk, range.first, leaves);
    }
    Result<std::vector<Hash256>> proof(ChunkIndex chunk, std::uint8_t known_level) override {
        return content_->chunk_proof(chunk, known_level);
    }
    swarm::KnownTree known(ChunkIndex chunk) const override {
        store::KnownTree known = content_->known(chunk);
        return {known.ancestor, std::move(known.proven)};
    }
    Result<> store(protocol::LeafRange range, std::span<const ByteSpan> leaves,
                   const content::ChunkHashes& proven) override {
        cache_.wait_for_place(content_->id());
        auto written = content_->write_verified(range.chunk, range.first, leaves, proven);
        for (unsigned tries = 0;
             tries < kRoomTriesMax && is_full(written) && cache_.make_room_at_once(); ++tries) {
            written = content_->write_verified(range.chunk, range.first, leaves, proven);
        }
        if (!written.ok()) {
            problems_.failed(Doing::storing, "",
                             "what arrives cannot be stored: " + written.error().message);
            if (written.error().code == Code::no_space) {
                disk_full_();
            }
            return written;
        }
        problems_.worked(Doing::storing, "");
        if (content_->complete() && !told_.exchange(true)) {
            completed_(content_->id());
        }
        return done();
    }

private:
    const std::shared_ptr<store::StoredContent> content_;
    CacheKeeper& cache_;
    Problems& problems_;
    const StorePorts::Completed completed_;
    const std::function<void()> disk_full_;
    std::atomic<bool> told_ = false;
};

}  // namespace

Result<std::shared_ptr<swarm::ContentPort>> StorePorts::open(const ContentId& content,
                                                             swarm::Purpose purpose) {
    SWARM_TRY(auto stored, contents_.open(content));
    if (purpose == swarm::Purpose::serve && stored->stored_bytes() == 0) {
        return std::shared_ptr<swarm::ContentPort>();
    }
    if (purpose == swarm::Purpose::fetch) {
        cache_.fetching(content);
    }
    return std::shared_ptr<swarm::ContentPort>(
        std::make_shared<StorePort>(std::move(stored), cache_, problems_, completed_, disk_full_));
}

}  // namespace swarmfs::node
