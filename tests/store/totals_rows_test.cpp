// The rows that hold running totals, as docs/storage-format.md writes them down.
#include <doctest/doctest.h>

#include "engine/store/content_ledger.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/namespace_sums.hpp"

namespace swarmfs::store {
namespace {

const char* const kRoot = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

ContentId example() {
    return {*Hash256::from_hex(kRoot), 300'000};
}

InodeRecord record_of(Inode inode, InodeKind kind, const ContentId& content) {
    InodeRecord record;
    record.inode = inode;
    record.kind = kind;
    record.name = std::to_string(inode);
    record.content = content;
    return record;
}

std::string row(const KeyValueReader& rows, ByteSpan key) {
    return to_hex(rows.get(key).value_or(Bytes()));
}

}  // namespace

TEST_CASE("the totals of the example in docs/storage-format.md are what the code writes") {
    MemoryKeyValue home;
    SwarmId swarm;
    swarm.bytes.fill(7);
    PrefixedWriter names(home, key_of(KeySpace::namespace_, swarm));
    InodeLedger inodes(names, home);
    for (const Inode inode : {3, 4}) {
        inodes.put(record_of(inode, InodeKind::file, example()));
    }
    inodes.put(record_of(5, InodeKind::file, {}));
    inodes.put(record_of(2, InodeKind::directory, {}));
    inodes.put(record_of(kRootInode, InodeKind::directory, {}));
    ContentRecord record;
    record.stored_bytes = 0x8000;
    ContentLedger(home).put(example(), record);

    CHECK(to_hex(totals_key()) == "1074");
    CHECK(row(home, totals_key()) ==
          "01"
          "0000000000000001"
          "0000000000000000"
          "0000000000000000"
          "0000000000000000"
          "0000000000008000");
    CHECK(row(home, *from_hex("30070707070707070773")) ==
          "01"
          "0000000000000003"
          "0000000000000001"
          "00000000000927c0"
          "0000000000010000");
    CHECK(row(home, *from_hex("30070707070707070763" + std::string(kRoot) + "00000000000493e0")) ==
          "0000000000000002");

    // And go with what they count.
    ContentLedger(home).erase(example());
    for (const Inode inode : {2, 3, 4, 5}) {
        inodes.erase(inode);
    }
    CHECK(read_totals(home) == ContentStatistics{});
    CHECK(read_sums(names) == NamespaceSums{});
    CHECK_FALSE(names.get(shown_key(example())));
}

TEST_CASE("totals of another shape count as absent") {
    const Bytes totals = encode_totals({});
    const Bytes sums = encode_sums({});
    CHECK(decode_totals(totals));
    CHECK(decode_sums(sums));
    for (Bytes other : {totals, sums}) {
        other[0] = 2;
        CHECK_FALSE(decode_totals(other));
        CHECK_FALSE(decode_sums(other));
    }
    CHECK_FALSE(decode_sums(Bytes(16)));  // as it was once
    CHECK_FALSE(decode_totals({}));
}

}  // namespace swarmfs::store
