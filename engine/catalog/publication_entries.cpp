#include <bit>
#include <functional>

#include "engine/catalog/publication.hpp"
#include "engine/core/wire.hpp"
#include "engine/crypto/merkle.hpp"

namespace swarmfs::catalog {
namespace {

constexpr std::uint8_t kEntriesType = 2;
constexpr std::uint8_t kEntriesVersion = 1;
constexpr std::size_t kItemOverheadBytes = 3;
constexpr std::size_t kUnclesMax = 18;  // log2 of kPublicationEntriesMax
static_assert(kPublicationEntriesMax == std::uint64_t{1} << kUnclesMax);
// type, version, author, last, header_hash, level, index, count, uncles
constexpr std::size_t kFixedBytes = 1 + 1 + kAuthorBytes + 8 + 32 + 1 + 4 + 2 + 1 + kUnclesMax * 32;
static_assert(kFixedBytes + kItemOverheadBytes + kEntryBytesMax <= kCatalogMessageBytesMax);

// How many entries the group (level, index) holds; 0 when it lies beyond the end.
std::uint64_t group_count(std::uint64_t count, unsigned level, std::uint64_t index) {
    const std::uint64_t begin = index << level;
    return begin >= count ? 0 : std::min(count - begin, std::uint64_t{1} << level);
}

class Packer {
public:
    Packer(const SignedHeader& publication, std::span<const Item> items,
           std::span<const Hash256> leaves, std::vector<Hash256> above, std::uint64_t block,
           unsigned level, const std::function<void(Bytes)>& visit)
        : publication_(publication),
          items_(items),
          leaves_(leaves),
          above_(std::move(above)),
          block_(block),
          block_level_(level),
          visit_(visit) {}

    // The group (level, index) counted within the block.
    void pack(unsigned level, std::uint64_t index) {
        const std::uint64_t count = group_count(items_.size(), level, index);
        if (count == 0) {
            return;
        }
        const auto items = items_.subspan(index << level, count);
        std::size_t bytes = kFixedBytes;
        for (const Item& item : items) {
            bytes += kItemOverheadBytes + item.bytes.size();
        }
        if (bytes > kCatalogMessageBytesMax && level > 0) {
            pack(level - 1, index * 2);
            pack(level - 1, index * 2 + 1);
            return;
        }
        EntriesMessage message;
        message.author = publication_.header.author;
        message.last = publication_.header.last;
        message.header_hash = publication_.hash;
        message.level = static_cast<std::uint8_t>(level);
        message.index = static_cast<std::uint32_t>((block_ << (block_level_ - level)) + index);
        message.items.assign(items.begin(), items.end());
        message.uncles = crypto::merkle_path(leaves_, level, index);
        message.uncles.insert(message.uncles.end(), above_.begin(), above_.end());
        visit_(encode_entries(message));
    }

private:
    const SignedHeader& publication_;
    std::span<const Item> items_;
    std::span<const Hash256> leaves_;  // padded to 2^block_level
    std::vector<Hash256> above_;
    std::uint64_t block_;
    unsigned block_level_;
    const std::function<void(Bytes)>& visit_;
};

std::vector<Hash256> padded_leaves(std::span<const Hash256> leaves, unsigned level) {
    std::vector<Hash256> padded(leaves.begin(), leaves.end());
    SWARM_ASSERT(padded.size() <= std::size_t{1} << level);
    padded.resize(std::size_t{1} << level);
    return padded;
}

std::vector<Hash256> padded_blocks(std::vector<Hash256> blocks, unsigned level) {
    blocks.resize(std::bit_ceil(blocks.size()), crypto::zero_subtree(level));
    return blocks;
}

}  // namespace

Result<Stub> stub_of_item(const Item& item) {
    if (item.form == ItemForm::stub) {
        return decode_stub(item.bytes);
    }
    SWARM_CHECK(decode_entry(item.bytes));
    return stub_of(item.bytes);
}

Result<EntriesMessage> decode_entries(ByteSpan bytes) {
    if (bytes.size() > kCatalogMessageBytesMax) {
        return peer_error("a group of entries is too large", Code::too_large);
    }
    WireReader in(bytes);
    const std::uint8_t type = in.u8();
    const std::uint8_t version = in.u8();
    if (type != kEntriesType || version != kEntriesVersion) {
        return peer_error("a group of entries is of a format this program does not know",
                          Code::unsupported);
    }
    EntriesMessage message;
    message.author = read_author(in);
    message.last = in.u64();
    message.header_hash = in.fixed<Hash256>();
    message.level = in.u8();
    message.index = in.u32();
    const std::size_t count = in.u16();
    if (message.level > kGroupLevelMax || count == 0 || count > kGroupEntriesMax) {
        in.fail();
    }
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint8_t form = in.u8();
        if (form != 1 && form != 2) {
            in.fail();
            break;
        }
        message.items.push_back({static_cast<ItemForm>(form), in.bytes16()});
    }
    const std::size_t uncles = in.u8();
    if (uncles > kUnclesMax) {
        in.fail();
    }
    for (std::size_t i = 0; i < uncles && !in.failed(); ++i) {
        message.uncles.push_back(in.fixed<Hash256>());
    }
    if (!in.finished()) {
        return peer_error("a group of entries is damaged");
    }
    return message;
}

Bytes encode_entries(const EntriesMessage& message) {
    SWARM_ASSERT(message.items.size() <= kGroupEntriesMax && message.uncles.size() <= kUnclesMax);
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kEntriesType);
    out.u8(kEntriesVersion);
    write_author(out, message.author);
    out.u64(message.last);
    out.fixed(message.header_hash);
    out.u8(message.level);
    out.u32(message.index);
    out.u16(static_cast<std::uint16_t>(message.items.size()));
    for (const Item& item : message.items) {
        out.u8(static_cast<std::uint8_t>(item.form));
        out.bytes16(item.bytes);
    }
    out.u8(static_cast<std::uint8_t>(message.uncles.size()));
    for (const Hash256& uncle : message.uncles) {
        out.fixed(uncle);
    }
    return bytes;
}

Result<std::vector<Stub>> verify_entries(const Header& header, const EntriesMessage& message) {
    const std::uint64_t count = header.count();
    const unsigned depth = crypto::merkle_depth(count);
    if (message.author != header.author || message.last != header.last || message.level > depth ||
        message.items.size() != group_count(count, message.level, message.index) ||
        message.items.empty() || message.uncles.size() != depth - message.level) {
        return peer_error("a group of entries does not have the shape its header fixes");
    }
    std::vector<Stub> stubs;
    std::vector<Hash256> leaves;
    stubs.reserve(message.items.size());
    leaves.reserve(message.items.size());
    for (const Item& item : message.items) {
        SWARM_TRY(Stub stub, stub_of_item(item));
        leaves.push_back(entry_hash(stub));
        stubs.push_back(std::move(stub));
    }
    const Hash256 group = block_root(leaves, message.level);
    if (crypto::merkle_root_from_path(group, message.index, message.uncles) != header.root) {
        return peer_error("a group of entries is not what its header was signed for",
                          Code::corrupt);
    }
    return stubs;
}

unsigned block_level(std::uint64_t count) {
    return std::min(kGroupLevelMax, crypto::merkle_depth(count));
}

Hash256 block_root(std::span<const Hash256> leaves, unsigned level) {
    return crypto::merkle_root(padded_leaves(leaves, level));
}

Hash256 root_of_blocks(std::vector<Hash256> blocks, unsigned level) {
    return crypto::merkle_root(padded_blocks(std::move(blocks), level));
}

Result<> pack_block(const SignedHeader& publication, std::span<const Hash256> blocks,
                    std::uint64_t block, std::span<const Item> items,
                    const std::function<void(Bytes message)>& visit) {
    const std::uint64_t count = publication.header.count();
    const unsigned level = block_level(count);
    SWARM_ASSERT(items.size() == group_count(count, level, block));
    std::vector<Hash256> leaves;
    for (const Item& item : items) {
        SWARM_TRY(const Stub stub, stub_of_item(item));
        leaves.push_back(entry_hash(stub));
    }
    const std::vector<Hash256> padded = padded_leaves(leaves, level);
    const std::vector<Hash256> tops = padded_blocks({blocks.begin(), blocks.end()}, level);
    Packer packer(publication, items, padded, crypto::merkle_path(tops, 0, block), block, level,
                  visit);
    packer.pack(level, 0);
    return done();
}

}  // namespace swarmfs::catalog
