#include <doctest/doctest.h>

#include <cctype>
#include <fstream>
#include <sstream>

#include "engine/content/hash_tree.hpp"
#include "engine/content/proof.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/node/identity.hpp"
#include "engine/protocol/peer_frames.hpp"

namespace swarmfs::protocol {
namespace {

// The ```hex blocks of a document, as bytes.
std::vector<Bytes> hex_blocks(const std::string& path) {
    std::ifstream in(path);
    REQUIRE(in.good());
    std::vector<Bytes> blocks;
    std::string digits;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line == "```hex") {
            inside = true;
            digits.clear();
        } else if (line == "```" && inside) {
            inside = false;
            blocks.push_back(from_hex(digits).value());
        } else if (inside) {
            for (const char c : line) {
                if (std::isspace(static_cast<unsigned char>(c)) == 0) {
                    digits.push_back(c);
                }
            }
        }
    }
    return blocks;
}

template <class Body>
Body next(FrameReader& reader) {
    auto frame = reader.next();
    REQUIRE(frame.ok());
    REQUIRE(frame->has_value());
    return std::get<Body>(**frame);
}

crypto::SigningKey key_of(std::uint8_t seed) {
    crypto::Seed bytes;
    bytes.bytes.fill(seed);
    return crypto::SigningKey::from_seed(bytes);
}

const std::vector<Bytes>& page() {
    static const std::vector<Bytes> blocks = hex_blocks("docs/protocol.md");
    REQUIRE(blocks.size() == 7);
    return blocks;
}

}  // namespace

TEST_CASE(
    "the hello of docs/protocol.md is signed and granted as it says, for one side of one link") {
    FrameReader said(page()[0]);
    const Hello hello = next<Hello>(said);
    CHECK_FALSE(said.next()->has_value());
    CHECK(hello.listen_port == 6881);
    CHECK(hello.addresses.empty());

    const auto owner = key_of(1);
    const SwarmId swarm{owner.public_key().bytes};
    const auto member = key_of(2);
    CHECK(hello.node == member.public_key());
    const auto made = catalog::verify_grant_chain(hello.grant, swarm, hello.node, 0);
    REQUIRE(made.ok());
    CHECK(*made == catalog::Membership{catalog::Role::write, 0});

    // docs/protocol-channel.md
    auto hash =
        Hash256::from_hex("55b82175ec79bb25e1491e2549b17342e45c396a656015c5c9bff5f4cb119982");
    REQUIRE(hash.has_value());
    const ManualClock clock;
    const auto other = key_of(3);
    const catalog::GrantLink link{
        catalog::SubjectKind::node, other.public_key(), catalog::Role::read, 0, 0, 0};
    node::Identity hears(other, swarm, catalog::grant_from_owner(owner, link), 0, clock);
    CHECK(hears.check_hello(hello, *hash, swarm::Side::initiator).ok());
    CHECK_FALSE(hears.check_hello(hello, *hash, swarm::Side::responder).ok());
    node::Identity elsewhere(other, SwarmId{other.public_key().bytes}, {}, 0, clock);
    CHECK_FALSE(elsewhere.check_hello(hello, *hash, swarm::Side::initiator).ok());

    node::Identity says(member, swarm, to_bytes(hello.grant), 6881, clock);
    Bytes again;
    encode(says.make_hello(*hash, swarm::Side::initiator), again);
    CHECK(again == page()[0]);
    const catalog::GrantLink own{catalog::SubjectKind::node,
                                 member.public_key(),
                                 catalog::Role::write,
                                 1'700'000'000'000,
                                 0,
                                 0};
    CHECK(catalog::grant_from_owner(owner, own) == to_bytes(hello.grant));

    hash->bytes[31] ^= 1;  // another link
    CHECK_FALSE(hears.check_hello(hello, *hash, swarm::Side::initiator).ok());
    for (std::size_t bit = 0; bit < page()[0].size() * 8; ++bit) {
        Bytes changed = page()[0];
        changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        hash->bytes[31] ^= 1;
        FrameReader reader(changed);
        const auto frame = reader.next();
        const auto* heard = frame.ok() && *frame ? std::get_if<Hello>(&**frame) : nullptr;
        // Capabilities, the port and addresses are hints, which are not signed.
        const bool hint = bit / 8 >= 36 && bit / 8 < 46;
        const bool taken =
            heard != nullptr && hears.check_hello(*heard, *hash, swarm::Side::initiator).ok();
        CAPTURE(bit);
        CHECK(taken == hint);
        hash->bytes[31] ^= 1;
    }
}

TEST_CASE("the flight of docs/protocol.md for one leaf decodes to what it says") {
    FrameReader asked(page()[1]);
    const Open open = next<Open>(asked);
    CHECK(open.handle == 1);
    CHECK(open.content.size == 5);
    CHECK(open.content.root.short_hex() == "2cf24dba");
    const Request request = next<Request>(asked);
    CHECK(request.range == LeafRange{ChunkIndex(0), 0, 1});
    CHECK(request.urgency == Urgency::urgent);
    CHECK(request.known_level == 0);
    CHECK_FALSE(asked.next()->has_value());

    FrameReader answered(page()[2]);
    CHECK(next<Holding>(answered).kind == HoldingKind::all);
    CHECK(as_text(next<Leaf>(answered).bytes) == "hello");
    CHECK_FALSE(answered.next()->has_value());
}

TEST_CASE("the proof of docs/protocol.md leads from its leaf to the root that was asked for") {
    FrameReader asked(page()[3]);
    const Open open = next<Open>(asked);
    const Request request = next<Request>(asked);
    CHECK_FALSE(asked.next()->has_value());
    CHECK(request.range == LeafRange{ChunkIndex(1), 0, 1});
    CHECK(request.known_level == 5);

    FrameReader answered(page()[4]);
    CHECK(next<Holding>(answered).kind == HoldingKind::all);
    const Proof proof = next<Proof>(answered);
    const Leaf leaf = next<Leaf>(answered);
    CHECK_FALSE(answered.next()->has_value());
    CHECK(proof.chunk == request.range.chunk);
    CHECK(proof.known_level == request.known_level);
    const auto hashes = content::hashes_from(proof.hashes);
    REQUIRE(hashes.has_value());
    CHECK(hashes->size() == 2);
    const auto proven = content::verify_chunk_proof(
        open.content.size, proof.chunk, {proof.known_level, open.content.root}, *hashes);
    REQUIRE(proven.ok());
    CHECK(content::leaf_matches(*proven, leaf.leaf, leaf.bytes));
    CHECK_FALSE(content::leaf_matches(*proven, leaf.leaf, as_bytes("?")));

    std::vector<Hash256> leaves(kLeavesPerChunk, crypto::sha256(Bytes(kLeafBytes)));
    leaves.push_back(crypto::sha256(as_bytes("!")));
    const content::HashTree tree(kChunkBytes + 1, std::move(leaves));
    CHECK(tree.id() == open.content);
    CHECK(content::make_chunk_proof(tree, open.content.size, proof.chunk, 5).value() == *hashes);
}

TEST_CASE("the question of docs/protocol.md whether a peer shows a version, and its answer") {
    FrameReader asked(page()[5]);
    const Confirm confirm = next<Confirm>(asked);
    CHECK_FALSE(asked.next()->has_value());
    CHECK(confirm.nonce == 7);
    CHECK(confirm.version.author == AuthorId{key_of(2).public_key(), 1});
    CHECK(confirm.version.sequence == 5);
    CHECK(confirm.path == "notes/today");
    Bytes again;
    encode(Confirm{7, {{key_of(2).public_key(), 1}, 5}, "notes/today"}, again);
    CHECK(again == page()[5]);

    FrameReader answered(page()[6]);
    const Confirmed confirmed = next<Confirmed>(answered);
    CHECK_FALSE(answered.next()->has_value());
    CHECK(confirmed.nonce == 7);
    CHECK(confirmed.answer == ConfirmAnswer::yes);
}

}  // namespace swarmfs::protocol
