#include "engine/core/key_value.hpp"

#include <algorithm>

#include "engine/core/assert.hpp"

namespace swarmfs {
namespace {

bool begins_with(ByteSpan bytes, ByteSpan prefix) {
    return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

Bytes joined(ByteSpan first, ByteSpan second) {
    Bytes both = to_bytes(first);
    both.insert(both.end(), second.begin(), second.end());
    return both;
}

std::optional<Bytes> prefixed_get(const KeyValueReader& under, ByteSpan own, ByteSpan key) {
    return under.get(joined(own, key));
}

void prefixed_scan(const KeyValueReader& under, ByteSpan own, ByteSpan prefix, ByteSpan from,
                   const KeyValueReader::Visit& visit) {
    under.scan(joined(own, prefix), joined(own, from),
               [&](ByteSpan key, ByteSpan value) { return visit(key.subspan(own.size()), value); });
}

}  // namespace

std::optional<Bytes> MemoryKeyValue::get(ByteSpan key) const {
    const auto found = entries_.find(to_bytes(key));
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

void MemoryKeyValue::scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const {
    const Bytes start = std::max(to_bytes(prefix), to_bytes(from));
    for (auto at = entries_.lower_bound(start);
         at != entries_.end() && begins_with(at->first, prefix); ++at) {
        if (!visit(at->first, at->second)) {
            return;
        }
    }
}

void MemoryKeyValue::put(ByteSpan key, ByteSpan value) {
    SWARM_ASSERT(key.size() <= kKeyBytesMax);
    entries_[to_bytes(key)] = to_bytes(value);
}

void MemoryKeyValue::erase(ByteSpan key) {
    entries_.erase(to_bytes(key));
}

std::optional<Bytes> PrefixedReader::get(ByteSpan key) const {
    return prefixed_get(under_, prefix_, key);
}
void PrefixedReader::scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const {
    prefixed_scan(under_, prefix_, prefix, from, visit);
}

std::optional<Bytes> PrefixedWriter::get(ByteSpan key) const {
    return prefixed_get(under_, prefix_, key);
}
void PrefixedWriter::scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const {
    prefixed_scan(under_, prefix_, prefix, from, visit);
}
void PrefixedWriter::put(ByteSpan key, ByteSpan value) {
    under_.put(joined(prefix_, key), value);
}
void PrefixedWriter::erase(ByteSpan key) {
    under_.erase(joined(prefix_, key));
}

}  // namespace swarmfs
