#pragma once
// A run of one author's entries under one signature.
//
//   header  = type:u8(1) version:u8(1) swarm:32 author first:u64 last:u64 previous:32 root:32
//             clock:u64 seen grant:bytes16 extensions signature:64          at most 60 KiB
//   author  = node:32 incarnation:u64
//   seen    = count:u32 { author sequence:u64 }*       as a version vector, at most 1024
//   entries = type:u8(2) version:u8(1) author last:u64 header_hash:32 level:u8 index:u32
//             count:u16 { form:u8 bytes16 }* uncles:u8 { hash:32 }*         at most 60 KiB
//   form    = 1 an entry | 2 the stub of a superseded one                   (entry.hpp)
//
// Rules:
//   1. An author numbers his entries 1, 2, 3, …; a header carries first..last without a gap, at
//      least one, and names the hash of his header before it (zero for the first). The chain shows
//      every omission. A header's hash is SHA-256(0x01, its bytes without signature).
//   2. `seen` says which versions of others the author had applied when he signed, as far as his
//      earlier headers have not said it. Everything he wrote himself is seen.
//   3. `root` is the Merkle root over the entries' hashes (crypto/merkle.hpp), and last - first + 1
//      fixes its shape. Entries travel in groups, each an aligned subtree of 2^level entries with
//      the uncles up to the root, so a receiver proves them group by group in bounded memory.
//   4. `grant` is the author's chain (grant.hpp) in the first header of an incarnation and whenever
//      it changed; otherwise empty.
//   5. Extensions a reader does not know are kept; they are where later statements (a revocation)
//      find their place under the same signature.
// Both messages are opaque to whoever carries them. Pure; any thread.

#include <functional>
#include <span>
#include <vector>

#include "engine/catalog/entry.hpp"
#include "engine/catalog/version_vector.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::catalog {

// Fixed by the format.
inline constexpr std::uint8_t kHeaderVersion = 1;
inline constexpr unsigned kGroupLevelMax = 8;
inline constexpr std::size_t kGroupEntriesMax = std::size_t{1} << kGroupLevelMax;

// Chosen by us.
// Fits one record of the channel (65,519 bytes) and one WebSocket message, with room around it.
inline constexpr std::size_t kCatalogMessageBytesMax = 60 * 1024;
inline constexpr std::size_t kSeenPerHeaderMax = 1024;
inline constexpr std::size_t kHeaderGrantBytesMax = 2048;
// One rename of a directory of 131,072 files, of 256 bytes each on the average. Applied as a whole,
// so they bound a batch: of the store (store/journal_format.hpp) and of its memory. The bytes are
// a bound of those who sign and of what is parked, not of the format: stubs take fewer.
inline constexpr std::uint64_t kPublicationEntriesMax = std::uint64_t{1} << 18;
inline constexpr std::uint64_t kPublicationBytesMax = std::uint64_t{64} << 20;

struct Header {
    SwarmId swarm;
    AuthorId author;
    std::uint64_t first = 1;
    std::uint64_t last = 1;
    Hash256 previous;
    Hash256 root;
    HybridTime clock = 0;  // not before any of its entries'
    VersionVector seen;
    Bytes grant;
    Extensions extensions;

    std::uint64_t count() const { return last - first + 1; }
    bool operator==(const Header&) const = default;
};

struct SignedHeader {
    Header header;
    Hash256 hash;

    bool operator==(const SignedHeader&) const = default;
};

// Requires: key.public_key() == header.author.node.
// Errors: caller errors for a header beyond its bounds.
Result<Bytes> sign_header(const Header& header, const crypto::SigningKey& key);

// Checks form, bounds and signature; nothing that needs a replica.
// Errors: peer errors.
Result<SignedHeader> decode_header(ByteSpan message);
// The same for bytes that were checked when they were stored.
Result<SignedHeader> decode_trusted_header(ByteSpan message);

// Whether the message is a header rather than entries, as far as its first byte says.
bool is_header_message(ByteSpan message);

// One entry as it travels. `bytes` are an entry's or a stub's.
enum class ItemForm : std::uint8_t { entry = 1, stub = 2 };
struct Item {
    ItemForm form = ItemForm::entry;
    ByteSpan bytes;
};
// Errors: peer errors for bytes that are neither.
Result<Stub> stub_of_item(const Item& item);

struct EntriesMessage {
    AuthorId author;
    std::uint64_t last = 0;  // with the author, names the publication
    Hash256 header_hash;
    std::uint8_t level = 0;
    std::uint32_t index = 0;  // of the group, counted in its level
    std::vector<Item> items;  // the bytes point into the message
    std::vector<Hash256> uncles;

    // The first entry's place within the publication.
    std::uint64_t offset() const { return std::uint64_t{index} << level; }
};

// Checks the form only.
Result<EntriesMessage> decode_entries(ByteSpan message);
// Requires: the bounds hold.
Bytes encode_entries(const EntriesMessage& message);

// Returns: the items' stubs, all proven to be the entries first + offset() and following.
// Errors: peer errors: a lie, or damage.
Result<std::vector<Stub>> verify_entries(const Header& header, const EntriesMessage& message);

// The level at which a publication of `count` entries is cut into blocks for proving and sending.
unsigned block_level(std::uint64_t count);
// Requires: leaves are the 2^level (the last block: fewer) entry hashes of one block.
Hash256 block_root(std::span<const Hash256> leaves, unsigned level);
// The publication's root from its blocks' roots.
Hash256 root_of_blocks(std::vector<Hash256> blocks, unsigned level);

// Cuts block `block` into as few messages as fit, in order, and hands each to `visit`.
// Requires: blocks are the roots of all blocks, items those of this block.
// Errors: those of stub_of_item.
Result<> pack_block(const SignedHeader& publication, std::span<const Hash256> blocks,
                    std::uint64_t block, std::span<const Item> items,
                    const std::function<void(Bytes message)>& visit);

}  // namespace swarmfs::catalog
