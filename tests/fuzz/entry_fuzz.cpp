// fuzz: uses catalog
// Arbitrary bytes as an entry and as a stub: either they encode to the same bytes again, or
// refused.
#include "engine/catalog/entry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    const ByteSpan bytes(data, size);
    if (const auto entry = catalog::decode_entry(bytes); entry.ok()) {
        const auto again = catalog::encode_entry(*entry);
        SWARM_ASSERT(again.ok() && *again == to_bytes(bytes));
        const catalog::Stub stub = catalog::stub_of(bytes);
        SWARM_ASSERT(stub.path_hash == catalog::path_hash(entry->path));
        SWARM_ASSERT(stub.base == entry->base && stub.clock == entry->clock);
    }
    if (const auto stub = catalog::decode_stub(bytes); stub.ok()) {
        SWARM_ASSERT(catalog::encode_stub(*stub) == to_bytes(bytes));
    }
    return 0;
}
