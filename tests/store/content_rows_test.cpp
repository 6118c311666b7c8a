#include "engine/store/content_rows.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/core/dice.hpp"
#include "engine/store/leaf_masks.hpp"

using namespace swarmfs;
using namespace swarmfs::store;

namespace {

ContentId example() {
    ContentId id;
    id.root =
        *Hash256::from_hex("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    id.size = 300'000;
    return id;
}

}  // namespace

TEST_CASE("keys of one kind are told from keys of another, and lead back to the content") {
    const ContentId id = example();
    CHECK(id_of_record_key(record_key(id)) == id);
    CHECK(id_of_pending_key(pending_key(id)) == id);
    CHECK(id_of_small_key(small_key(id)) == id);
    CHECK_FALSE(id_of_record_key(pending_key(id)));
    CHECK_FALSE(id_of_record_key(state_key()));
    CHECK_FALSE(id_of_record_key(mask_key(id, 3)));
    CHECK(page_of_mask_key(mask_key(id, 70'000))->page == 70'000);
    CHECK_FALSE(page_of_mask_key(mask_key(id, 70'000))->own);
    CHECK(page_of_mask_key(own_mask_key(id, 70'000))->page == 70'000);
    CHECK(page_of_mask_key(own_mask_key(id, 70'000))->own);
    ContentId over = id;
    over.size = 5'000'000;
    CHECK(layers_of_key(over_key(id, over))->base == id);
    CHECK(layers_of_key(over_key(id, over))->over == over);
    CHECK_FALSE(layers_of_key(record_key(id)));
    CHECK_FALSE(layers_of_key(pending_key(id)));
    CHECK(id_of_stem(file_stem(id)) == id);
    for (const char* stem : {"", "00", "x-1", "zz", "incoming"}) {
        CHECK_FALSE(id_of_stem(stem));
    }
    CHECK_FALSE(id_of_stem(id.root.hex() + "-"));
    CHECK_FALSE(id_of_stem(id.root.hex() + "-1x"));
    CHECK_FALSE(id_of_stem(id.root.hex() + "-99999999999999999999"));
}

TEST_CASE("rows come back as they were written, and nothing else is taken for one") {
    ContentRecord record;
    record.owned = true;
    record.epoch = 7;
    record.stored_bytes = 1 << 20;
    record.places = {{"/srv/a b\n", 1, 2, -3}, {"/srv/c", 4, 5, 6}};
    const PendingFiles pending{"staging/7", 12, "content/incoming/3.tree"};
    const StoreState state{true, "boot", 5, 9};
    CHECK(decode_content_record(encode(record)) == record);
    CHECK(decode_pending(encode(pending)) == pending);
    CHECK(decode_state(encode(state)) == state);
    CHECK(decode_small(encode_small(true, as_bytes("tiny")))->bytes == to_bytes(as_bytes("tiny")));
    const auto refused_when_changed = [](const Bytes& whole, const auto& decode) {
        for (std::size_t length = 0; length < whole.size(); ++length) {
            CHECK_FALSE(decode(ByteSpan(whole).first(length)));
        }
        Bytes longer = whole;
        longer.push_back(0);
        CHECK_FALSE(decode(longer));
        Bytes newer = whole;
        newer[0] = 2;
        CHECK_FALSE(decode(newer));
    };
    refused_when_changed(encode(record), decode_content_record);
    record.places.clear();
    record.base = example();
    record.own_bytes = kLeafBytes;
    CHECK(decode_content_record(encode(record)) == record);
    CHECK(record.bytes_on_disk() == kLeafBytes);
    refused_when_changed(encode(record), decode_content_record);
    refused_when_changed(encode(pending), decode_pending);
    refused_when_changed(encode(state), decode_state);
    CHECK_FALSE(decode_small({}));
    CHECK_FALSE(decode_small(Bytes(kSmallBytesMax + 2)));
}

TEST_CASE("the rows of the example in docs/storage-format.md are what the code writes") {
    const ContentId id = example();
    CHECK(to_hex(record_key(id)) ==
          "10"
          "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
          "00000000000493e0");
    ContentRecord record;
    record.epoch = 2;
    record.stored_bytes = 2 * kLeafBytes;
    CHECK(to_hex(encode(record)) ==
          "01"
          "00"
          "0000000000000002"
          "0000000000008000"
          "00");
    LeafMasks masks(id.size);
    masks.add(ChunkIndex(1), 0b101);
    const Bytes page = masks.encode_page(0);
    CHECK(page.size() == 2048);
    CHECK(to_hex(ByteSpan(page).first(6)) == "000000050000");
}

TEST_CASE("leaf masks agree with a plain set of leaves") {
    SeededDice dice(13);
    for (int round = 0; round < 60; ++round) {
        const std::uint64_t size =
            dice.below(3) == 0 ? 1 + dice.below(20'000) : 1 + dice.below(700 * kChunkBytes * 2);
        LeafMasks masks(size);
        std::vector<bool> twin(leaf_count(size));
        const bool all = dice.below(4) == 0;
        if (all) {
            masks.add_all();
            twin.assign(twin.size(), true);
        }
        for (int step = 0; step < 60; ++step) {
            const ChunkIndex chunk(dice.below(chunk_count(size)));
            const auto bits = static_cast<std::uint16_t>(dice.below(65536));
            const bool add = dice.below(2) == 0;
            if (add) {
                masks.add(chunk, bits);
            } else {
                masks.remove(chunk, bits);
            }
            for (unsigned leaf = 0; leaf < leaves_in_chunk(size, chunk); ++leaf) {
                if ((bits >> leaf & 1) != 0) {
                    twin[first_leaf(chunk).value + leaf] = add;
                }
            }
        }
        std::uint64_t bytes = 0;
        std::uint64_t end = 0;
        for (std::uint64_t leaf = 0; leaf < twin.size(); ++leaf) {
            const std::uint64_t length = leaf_bytes(size, LeafIndex(leaf));
            bytes += twin[leaf] ? length : 0;
            end = twin[leaf] ? leaf * kLeafBytes + length : end;
            const bool bit = (masks.mask(chunk_of(LeafIndex(leaf))) >> (leaf % 16) & 1) != 0;
            CHECK(bit == twin[leaf]);
        }
        CHECK(masks.stored_bytes() == bytes);
        CHECK(masks.stored_end() == end);
        CHECK(masks.complete() == (bytes == size));

        LeafMasks again(size);
        for (const std::uint64_t page : masks.pages()) {
            again.load_page(page, masks.encode_page(page));
        }
        Bytes bitmap(chunk_count(size) / 8 + 2);
        masks.whole_chunks(ChunkIndex(0), bitmap);
        for (std::uint64_t chunk = 0; chunk < chunk_count(size); ++chunk) {
            const bool whole = masks.mask(ChunkIndex(chunk)) == masks.full(ChunkIndex(chunk));
            CHECK((bitmap[chunk / 8] >> (7 - chunk % 8) & 1) == (whole ? 1 : 0));
            if (!masks.complete()) {
                CHECK(again.mask(ChunkIndex(chunk)) == masks.mask(ChunkIndex(chunk)));
            }
        }
        for (int question = 0; question < 50; ++question) {
            const std::uint64_t offset = dice.below(size);
            const std::uint64_t length = 1 + dice.below(size - offset);
            bool here = true;
            for (std::uint64_t leaf = offset / kLeafBytes;
                 leaf <= (offset + length - 1) / kLeafBytes; ++leaf) {
                here = here && twin[leaf];
            }
            CHECK(masks.has(offset, length) == here);
            const std::uint64_t first = dice.below(chunk_count(size));
            const std::uint64_t last = first + dice.below(2000);
            bool any = false;
            for (std::uint64_t leaf = first * 16;
                 leaf < std::min<std::uint64_t>(last * 16, twin.size()); ++leaf) {
                any = any || twin[leaf];
            }
            CHECK(masks.any(ChunkIndex(first), ChunkIndex(last)) == any);
        }
    }
}
