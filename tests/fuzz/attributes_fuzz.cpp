// fuzz: uses catalog
// Arbitrary bytes as the attributes of an entry, as a row of annotations and as tags that people
// wrote: what is taken encodes to the same bytes again, and fits the entry it may stand in.
#include "engine/catalog/annotations.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    const ByteSpan bytes(data, size);
    if (const auto attributes = catalog::decode_attributes(bytes); attributes.ok()) {
        SWARM_ASSERT(catalog::check_attributes(*attributes).ok());
        SWARM_ASSERT(catalog::encode_attributes(*attributes) == to_bytes(bytes));
        SWARM_ASSERT(bytes.size() <= catalog::kAttributesBytesMax);
    }
    if (const auto noted = catalog::decode_annotations(bytes); noted.ok()) {
        SWARM_ASSERT(catalog::encode_annotations(*noted) == to_bytes(bytes));
    }
    if (const auto tags = catalog::parse_tags(as_text(bytes)); tags.ok()) {
        SWARM_ASSERT(*catalog::parse_tags(catalog::to_text(*tags)) == *tags);
        catalog::Entry entry;
        entry.path = "f";
        entry.tags = *tags;
        SWARM_ASSERT(catalog::encode_entry(entry).ok());
    }
    return 0;
}
