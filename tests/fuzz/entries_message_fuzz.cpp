// fuzz: uses catalog
// Arbitrary bytes as a group of entries: either they encode to the same bytes again, or refused. A
// header made for the group accepts it, and no other root does.
#include "engine/catalog/publication.hpp"
#include "engine/crypto/merkle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    const ByteSpan bytes(data, size);
    const auto message = catalog::decode_entries(bytes);
    if (!message.ok()) {
        return 0;
    }
    SWARM_ASSERT(catalog::encode_entries(*message) == to_bytes(bytes));
    std::vector<Hash256> leaves;
    for (const catalog::Item& item : message->items) {
        const auto stub = catalog::stub_of_item(item);
        if (!stub.ok()) {
            return 0;
        }
        leaves.push_back(catalog::entry_hash(*stub));
    }
    if (leaves.size() > std::size_t{1} << message->level) {
        return 0;
    }
    catalog::Header header;
    header.author = message->author;
    header.last = message->last;
    const std::uint64_t count = message->offset() + leaves.size();
    if (header.last < count || count > catalog::kPublicationEntriesMax) {
        return 0;
    }
    header.first = header.last - count + 1;
    header.root = crypto::merkle_root_from_path(catalog::block_root(leaves, message->level),
                                                message->index, message->uncles);
    const bool right_length =
        crypto::merkle_depth(count) == message->level + message->uncles.size();
    SWARM_ASSERT(catalog::verify_entries(header, *message).ok() == right_length);
    header.root.bytes[0] ^= 1;
    SWARM_ASSERT(!catalog::verify_entries(header, *message).ok());
    return 0;
}
