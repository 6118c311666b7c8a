#include "engine/node/content_ports.hpp"

namespace swarmfs::node {
namespace {

class StorePort final : public swarm::ContentPort {
public:
    explicit StorePort(std::shared_ptr<store::StoredContent> content)
        : content_(std::move(content)) {}

    std::uint16_t leaf_mask(ChunkIndex chunk) const override { return content_->leaf_mask(chunk); }
    bool complete() const override { return content_->complete(); }
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const override {
        content_->whole_chunks(first, bitmap);
    }
    Result<std::size_t> read_leaves(protocol::LeafRange range, MutableByteSpan out) override {
        return content_->read_leaves(range.chunk, range.first, range.count, out);
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
        return content_->write_verified(range.chunk, range.first, leaves, proven);
    }

private:
    const std::shared_ptr<store::StoredContent> content_;
};

}  // namespace

Result<std::shared_ptr<swarm::ContentPort>> StorePorts::open(const ContentId& content,
                                                             swarm::Purpose purpose) {
    SWARM_TRY(auto stored, contents_.open(content));
    if (purpose == swarm::Purpose::serve && stored->stored_bytes() == 0) {
        return std::shared_ptr<swarm::ContentPort>();
    }
    return std::shared_ptr<swarm::ContentPort>(std::make_shared<StorePort>(std::move(stored)));
}

}  // namespace swarmfs::node
