#pragma once
// The rows that say what is stored, and how much that is in all, without walking them.
//
//   10 't'  ->  totals = version:u8(1) contents:u64 complete:u64 small:u64 in_place:u64 stored:u64
//
//   1. Records and small contents are written and erased by a ContentLedger alone, and with them,
//      in the same batch, the totals and what the sums of each swarm say is stored of it
//      (namespace_sums.hpp): no crash can make them differ.
//   2. Where the totals are absent or of another shape, as in homes from before they were kept,
//      everything is counted anew, in the batch that first needs it.   Cost: a look at every row.
//   3. One ledger serves a batch: which swarms there are is looked up once in it. So a swarm's sums
//      are there before; they are from its first batch on, which its Tree begins by counting.
//   4. So are the rows that say which contents lie over which.
// Thread: as the map's.

#include <optional>
#include <vector>

#include "engine/core/key_value.hpp"
#include "engine/store/content_rows.hpp"

namespace swarmfs::store {

struct ContentStatistics {
    std::uint64_t contents = 0;
    std::uint64_t complete = 0;
    std::uint64_t small = 0;
    std::uint64_t in_place = 0;
    std::uint64_t stored_bytes = 0;  // in the store: without those shared in place

    bool operator==(const ContentStatistics&) const = default;
};

Bytes encode_totals(const ContentStatistics& totals);
// Returns: nothing for bytes of another shape.
std::optional<ContentStatistics> decode_totals(ByteSpan row);
// Zeros where nobody has counted yet.
ContentStatistics read_totals(const KeyValueReader& rows);

class ContentLedger {
public:
    // `batch` is all of a home, and outlives this.
    explicit ContentLedger(KeyValueWriter& batch) : batch_(batch) {}

    // For rows of contents that count nowhere.
    KeyValueWriter& batch() { return batch_; }

    void put(const ContentId& id, const ContentRecord& record);
    void put_small(const ContentId& id, bool owned, ByteSpan bytes);
    // Its record, or its bytes where it is small.
    void erase(const ContentId& id);
    // Rule 2, before anybody needs it.
    void count_once();

private:
    void replace(const ContentId& id, const std::optional<Bytes>& value);
    void restate_in_swarms(const ContentId& id, std::uint64_t before, std::uint64_t after);

    KeyValueWriter& batch_;
    bool counted_ = false;
    std::optional<std::vector<Bytes>> swarms_;  // prefixes of their names, once they are needed
};

}  // namespace swarmfs::store
