#pragma once
// How much a swarm's tree shows, and how much of that is stored here, without walking it.
//
//   's'                   ->  sums          see NamespaceSums
//   'c' root:32 size:u64  ->  files:u64     how many files of the swarm show that content
//
//   sums = version:u8(1) files:u64 directories:u64 bytes:u64 stored:u64
//
//   1. Rows of inodes are written and erased by an InodeLedger alone, and the sums with them, in
//      the same batch: no crash can make them differ.
//   2. What is stored of a content changes without its names (content_ledger.hpp); 'c' says how
//      often it counts then. A content of no bytes has no row.
//   3. Where 's' is absent or of another shape, as in homes from before it was kept, everything is
//      counted anew, in the batch that first needs it.   Cost: one look at every inode.
//   4. 'c' stands before 's' in key order: where rows are erased in that order, when a swarm is
//      left, nothing that is stored meanwhile brings 's' back.
// Thread: as the map's.

#include <optional>

#include "engine/core/key_value.hpp"
#include "engine/store/namespace_rows.hpp"

namespace swarmfs::store {

// Without the root, and without symlinks. A content counts once for every file that shows it.
struct NamespaceSums {
    std::uint64_t files = 0;
    std::uint64_t directories = 0;
    std::uint64_t bytes = 0;
    std::uint64_t stored_bytes = 0;  // of those, what the rows of contents say is here

    bool operator==(const NamespaceSums&) const = default;
};

Bytes encode_sums(const NamespaceSums& sums);
// Returns: nothing for bytes of another shape.
std::optional<NamespaceSums> decode_sums(ByteSpan row);
// Zeros where nobody has counted yet.
NamespaceSums read_sums(const KeyValueReader& rows);

class InodeLedger {
public:
    // `rows` are the swarm's, `home` all of the same batch. They outlive this.
    InodeLedger(KeyValueWriter& rows, const KeyValueReader& home) : rows_(rows), home_(home) {}

    void put(const InodeRecord& record);
    void erase(Inode inode);
    // Rule 3, before anybody needs it.
    void count_once();

private:
    void move(const std::optional<InodeRecord>& before, const std::optional<InodeRecord>& after);
    void count(NamespaceSums& sums, const InodeRecord& record, bool added);

    KeyValueWriter& rows_;
    const KeyValueReader& home_;
    bool counted_ = false;
};

// Of `content` so much is stored now. `rows` are a swarm's.
void restate_stored(KeyValueWriter& rows, const ContentId& content, std::uint64_t before,
                    std::uint64_t after);

}  // namespace swarmfs::store
