#include "engine/catalog/entry.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "engine/core/units.hpp"
#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

Entry full_entry() {
    Entry entry = file_entry("a/b c/\xF0\x9F\x90\x9D", 7);
    entry.clock = hybrid_time(kStartMs) + 3;
    entry.base = {{{any_node(1), 5}, 9}, {{any_node(2), 0}, 1}};
    std::sort(entry.base->begin(), entry.base->end());
    entry.file.bytes.fill(0xAB);
    entry.mode = 04755;
    entry.mtime_ns = -1;
    entry.tags = {"blue", "red"};
    entry.extensions = {{"owner", {1, 2}}, {"unknown to us", {}}};
    return entry;
}

}  // namespace

TEST_CASE("an entry comes back from its bytes as it was") {
    for (const Entry& entry :
         {full_entry(), file_entry("f", 1), directory_entry("d"), deleted_entry("x")}) {
        const auto bytes = encode_entry(entry);
        REQUIRE(bytes.ok());
        const auto back = decode_entry(*bytes);
        REQUIRE(back.ok());
        CHECK(*back == entry);
    }
    Entry link;
    link.kind = EntryKind::symlink;
    link.path = "link";
    link.target = "../\xFF not UTF-8";
    link.mode = 0777;
    CHECK(*decode_entry(*encode_entry(link)) == link);
}

TEST_CASE("bytes that are not the one encoding of an entry are refused") {
    const Bytes good = *encode_entry(full_entry());
    for (std::size_t at = 0; at < good.size(); ++at) {
        CHECK_FALSE(decode_entry(ByteSpan(good).first(at)).ok());
        for (const std::uint8_t flip : Bytes{0x01, 0x80, 0xFF}) {
            Bytes other = good;
            other[at] ^= flip;
            if (const auto entry = decode_entry(other); entry.ok()) {
                CHECK(*encode_entry(*entry) == other);
            }
        }
    }
    Bytes longer = good;
    longer.push_back(0);
    CHECK_FALSE(decode_entry(longer).ok());
}

TEST_CASE("an entry of a later format version is recognised as such") {
    Bytes bytes = *encode_entry(file_entry("f", 1));
    bytes[0] = 2;
    CHECK(decode_entry(bytes).error().code == Code::unsupported);
}

TEST_CASE("an entry's content is one that can exist") {
    Entry entry = file_entry("f", 1);
    entry.content = {Hash256{}, 5};
    CHECK_FALSE(encode_entry(entry).ok());
    entry.content = {any_root(1), 0};
    CHECK_FALSE(encode_entry(entry).ok());
    entry.content = {any_root(1), kContentBytesMax + 1};
    CHECK_FALSE(encode_entry(entry).ok());
    entry.content = {any_root(1), kContentBytesMax};
    CHECK(encode_entry(entry).ok());
    entry.content = {};
    CHECK(encode_entry(entry).ok());
}

TEST_CASE("an entry is bounded in every direction") {
    Entry entry = full_entry();
    entry.mode = 010644;
    CHECK_FALSE(encode_entry(entry).ok());
    entry = full_entry();
    entry.tags = {"red", "blue"};
    CHECK_FALSE(encode_entry(entry).ok());
    entry = full_entry();
    entry.tags.assign(33, "x");
    CHECK_FALSE(encode_entry(entry).ok());
    entry = full_entry();
    entry.extensions["big"] = Bytes(kEntryBytesMax, 1);
    CHECK(encode_entry(entry).error().code == Code::no_space);
    entry = full_entry();
    entry.target = "only symlinks have one";
    CHECK_FALSE(encode_entry(entry).ok());
    entry = full_entry();
    entry.base = {{{any_node(2), 0}, 1}, {{any_node(2), 0}, 1}};
    CHECK_FALSE(encode_entry(entry).ok());
    Entry link;
    link.kind = EntryKind::symlink;
    link.path = "l";
    CHECK_FALSE(encode_entry(link).ok());
    link.target.assign(kTargetBytesMax + 1, 'x');
    CHECK(encode_entry(link).error().code == Code::name_too_long);
}

TEST_CASE("a stub stands in for its entry in the hash") {
    const Bytes bytes = *encode_entry(full_entry());
    const Stub stub = stub_of(bytes);
    CHECK(stub.kind == EntryKind::file);
    CHECK(stub.clock == full_entry().clock);
    CHECK(stub.base == full_entry().base);
    CHECK(stub.path_hash == path_hash(full_entry().path));
    CHECK(*decode_stub(encode_stub(stub)) == stub);
    CHECK(entry_hash(stub) == entry_hash_of(bytes));
    Entry other = full_entry();
    other.mtime_ns += 1;
    CHECK(entry_hash_of(*encode_entry(other)) != entry_hash(stub));
}

}  // namespace swarmfs::catalog
