#pragma once
// Settles doubt about one content by hashing: what its tree and its root prove stays, the rest is
// dropped and will be fetched again. Doubt comes from files that are too short or missing, from a
// power loss before they were synced, and from a Database that was lost.
//
//   1. A chunk's hashes count when the tree file's proof leads to the root.
//   2. A leaf counts when its bytes match them.
//   3. Where the tree file fails but every byte may be there, the tree is built anew from the
//      bytes; it counts when it ends in the root.

#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

class ContentRepair {
public:
    explicit ContentRepair(StoredContent& content) : content_(content) {}

    // Takes what the masks say for a claim and keeps what is true of it; reports what it dropped.
    // What cannot be read is not proven, like what does not match.
    // Errors: no_space; what keeps a file from being opened although it may be as good as ever.
    enum class Claim {
        recorded,  // what is dropped was stored once, and is reported
        guessed,   // from what the files look like
    };
    Result<> settle(Claim claim = Claim::recorded);
    // Hashes what is stored of a chunk, whatever was seen of it before; what is wrong is dropped and
    // reported, as when it is read. For contents that are in use.
    // Returns: bytes that were right, and that were wrong.   Errors: what keeps it from being read.
    struct Verified {
        std::uint64_t right = 0;
        std::uint64_t wrong = 0;
    };
    Result<Verified> verify(ChunkIndex chunk);
    // Rule 3 alone. Returns: whether the tree file is right now.
    bool mend_tree();

private:
    // Adds to `proven` what holds of the chunk's claimed leaves. Returns: whether its hashes hold.
    bool check_chunk(const File& bytes, ChunkIndex chunk, std::uint16_t claimed, LeafMasks& proven);
    Result<Verified> verify_small();
    // Returns: whether the bytes are the content.
    Result<bool> build_tree(const File& bytes);
    void keep(LeafMasks proven, Claim claim);

    StoredContent& content_;
};

}  // namespace swarmfs::store
