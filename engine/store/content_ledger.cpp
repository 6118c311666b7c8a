#include "engine/store/content_ledger.hpp"

#include <utility>

#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/namespace_sums.hpp"

namespace swarmfs::store {
namespace {

constexpr std::uint8_t kVersion = 1;

// Numbers wrap where something is taken away: what they end at is what counts.
void count(ContentStatistics& totals, ByteSpan key, const std::optional<ContentRecord>& record,
           bool added) {
    if (!record) {
        return;
    }
    const std::uint64_t one = added ? 1 : ~std::uint64_t{0};
    totals.contents += one;
    totals.complete += record->complete ? one : 0;
    totals.small += is_in(key, KeySpace::small_contents) ? one : 0;
    totals.in_place += record->places.empty() ? 0 : one;
    totals.stored_bytes += record->places.empty() ? one * record->bytes_on_disk() : 0;
}

}  // namespace

Bytes encode_totals(const ContentStatistics& totals) {
    Bytes row;
    WireWriter out(row);
    out.u8(kVersion);
    out.u64(totals.contents);
    out.u64(totals.complete);
    out.u64(totals.small);
    out.u64(totals.in_place);
    out.u64(totals.stored_bytes);
    return row;
}

std::optional<ContentStatistics> decode_totals(ByteSpan row) {
    WireReader in(row);
    const std::uint8_t version = in.u8();
    ContentStatistics totals;
    totals.contents = in.u64();
    totals.complete = in.u64();
    totals.small = in.u64();
    totals.in_place = in.u64();
    totals.stored_bytes = in.u64();
    return version == kVersion && in.finished() ? std::optional(totals) : std::nullopt;
}

ContentStatistics read_totals(const KeyValueReader& rows) {
    const auto row = rows.get(totals_key());
    return (row ? decode_totals(*row) : std::nullopt).value_or(ContentStatistics{});
}

void ContentLedger::put(const ContentId& id, const ContentRecord& record) {
    replace(id, encode(record));
}

void ContentLedger::put_small(const ContentId& id, bool owned, ByteSpan bytes) {
    replace(id, encode_small(owned, bytes));
}

void ContentLedger::erase(const ContentId& id) {
    replace(id, std::nullopt);
}

void ContentLedger::replace(const ContentId& id, const std::optional<Bytes>& value) {
    count_once();
    const Bytes key = stored_key(id);
    const auto row = batch_.get(key);
    const auto before = row ? decode_stored(key, *row) : std::nullopt;
    const auto after = value ? decode_stored(key, *value) : std::nullopt;
    if (value) {
        batch_.put(key, *value);
    } else {
        batch_.erase(key);
    }
    if (before && before->base && (!after || after->base != before->base)) {
        batch_.erase(over_key(*before->base, id));
    }
    if (after && after->base && (!before || after->base != before->base)) {
        batch_.put(over_key(*after->base, id), {});
    }
    const ContentStatistics counted = read_totals(batch_);
    ContentStatistics totals = counted;
    count(totals, key, before, false);
    count(totals, key, after, true);
    if (totals != counted) {
        batch_.put(totals_key(), encode_totals(totals));
    }
    restate_in_swarms(id, before ? before->stored_bytes : 0, after ? after->stored_bytes : 0);
}

void ContentLedger::restate_in_swarms(const ContentId& id, std::uint64_t before,
                                      std::uint64_t after) {
    if (before == after) {
        return;
    }
    if (!swarms_) {
        swarms_.emplace();
        for_each_swarm(batch_, KeySpace::namespace_,
                       [this](const Bytes& prefix) { swarms_->push_back(prefix); });
    }
    for (const Bytes& prefix : *swarms_) {
        PrefixedWriter names(batch_, prefix);
        restate_stored(names, id, before, after);
    }
}

void ContentLedger::count_once() {
    if (std::exchange(counted_, true)) {
        return;
    }
    const auto row = batch_.get(totals_key());
    if (row && decode_totals(*row)) {
        return;
    }
    ContentStatistics totals;
    for (const Bytes& prefix : {records_prefix(), small_prefix()}) {
        batch_.scan(prefix, {}, [&](ByteSpan key, ByteSpan value) {
            count(totals, key, decode_stored(key, value), true);
            return true;
        });
    }
    batch_.put(totals_key(), encode_totals(totals));
}

}  // namespace swarmfs::store
