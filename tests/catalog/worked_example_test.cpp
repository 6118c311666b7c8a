#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "engine/crypto/hash.hpp"
#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

// The bytes of every block marked hex, blanks and line ends left out.
std::vector<Bytes> hex_blocks(const char* document) {
    std::ifstream file(document);
    REQUIRE(file.good());
    std::vector<Bytes> blocks;
    std::string digits;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (!inside) {
            inside = line == "```hex";
        } else if (line == "```") {
            blocks.push_back(from_hex(digits).value());
            digits.clear();
            inside = false;
        } else {
            for (const char c : line) {
                digits += c == ' ' ? "" : std::string(1, c);
            }
        }
    }
    return blocks;
}

}  // namespace

TEST_CASE("the worked example of docs/protocol-catalog.md decodes to what it says") {
    const std::vector<Bytes> blocks = hex_blocks("docs/protocol-catalog.md");
    REQUIRE(blocks.size() == 4);
    const auto entry = decode_entry(blocks[0]);
    REQUIRE(entry.ok());
    CHECK(entry->path == "notes.txt");
    CHECK(entry->content == ContentId{crypto::sha256(as_bytes("hello")), 5});
    CHECK(entry->mode == 0644);
    CHECK(wall_ms_of(entry->clock) == kStartMs);
    CHECK(encode_stub(stub_of(blocks[0])) == blocks[1]);

    const auto header = decode_header(blocks[2]);
    REQUIRE(header.ok());
    crypto::Seed owner;
    crypto::Seed writer;
    owner.bytes.fill(1);
    writer.bytes.fill(2);
    const SwarmId swarm{crypto::SigningKey::from_seed(owner).public_key().bytes};
    const AuthorId author{crypto::SigningKey::from_seed(writer).public_key(), 7};
    CHECK(header->header.swarm == swarm);
    CHECK(header->header.author == author);
    CHECK(header->header.root == entry_hash_of(blocks[0]));
    const auto member = verify_grant_chain(header->header.grant, swarm, author.node, kStartMs);
    REQUIRE(member.ok());
    CHECK(member->role == Role::write);

    MemoryKeyValue rows;
    Replica replica(rows, swarm);
    CHECK(*replica.apply_header(blocks[2], kStartMs) == HeaderOutcome::parked);
    CHECK(replica.apply_entries(blocks[3])->outcome == EntriesOutcome::whole);
    CHECK(replica.advance()->has_value());
    CHECK(replica.find("notes.txt")->entry == *entry);
}

}  // namespace swarmfs::catalog
