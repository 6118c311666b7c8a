#include "tests/swarm/memory_member.hpp"

#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>

#include "engine/core/assert.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/swarm/wanted_content.hpp"
#include "engine/transport/dial.hpp"

namespace swarmfs::test {

Bytes random_bytes(std::uint64_t seed, std::size_t size) {
    SeededDice dice(seed);
    Bytes bytes(size);
    dice.fill(bytes);
    return bytes;
}

content::HashTree tree_of(ByteSpan bytes) {
    std::vector<Hash256> leaves;
    for (std::size_t at = 0; at < bytes.size(); at += kLeafBytes) {
        leaves.push_back(crypto::sha256(
            bytes.subspan(at, std::min<std::size_t>(kLeafBytes, bytes.size() - at))));
    }
    return content::HashTree(bytes.size(), std::move(leaves));
}

ContentId id_of(ByteSpan bytes) {
    return tree_of(bytes).id();
}

// ---- contents ----

MemoryContent::MemoryContent(const ContentId& id, bool whole, Bytes bytes, content::HashTree tree)
    : id_(id),
      published_(whole),
      tree_(std::move(tree)),
      bytes_(std::move(bytes)),
      masks_(chunk_count(id.size)),
      missing_(whole ? 0 : leaf_count(id.size)),
      known_(id) {
    for (ChunkIndex chunk; whole && chunk.value < masks_.size(); ++chunk) {
        masks_[chunk.value] = swarm::leaves_of(id, chunk);
    }
}

std::uint16_t MemoryContent::leaf_mask(ChunkIndex chunk) const {
    const std::lock_guard lock(mutex_);
    return masks_.at(chunk.value);
}

bool MemoryContent::complete() const {
    const std::lock_guard lock(mutex_);
    return missing_ == 0;
}

void MemoryContent::whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const {
    const std::lock_guard lock(mutex_);
    std::fill(bitmap.begin(), bitmap.end(), std::uint8_t{0});
    for (std::uint64_t i = 0; i < bitmap.size() * 8 && first.value + i < masks_.size(); ++i) {
        if (masks_[first.value + i] == swarm::leaves_of(id_, first + i)) {
            bitmap[i / 8] |= static_cast<std::uint8_t>(0x80U >> (i % 8));
        }
    }
}

Result<> MemoryContent::read_leaves(protocol::LeafRange range,
                                    std::span<const MutableByteSpan> leaves) {
    if (unreadable.load()) {
        return disk_error(Code::io, "the disk cannot read it");
    }
    const std::lock_guard lock(mutex_);
    std::uint64_t at = (first_leaf(range.chunk).value + range.first) * kLeafBytes;
    for (const MutableByteSpan leaf : leaves) {
        std::memcpy(leaf.data(), bytes_.data() + at, leaf.size());
        at += leaf.size();
        if (lie.load() == Lie::leaf) {
            leaf[0] ^= 1;
        }
    }
    return done();
}

Result<std::vector<Hash256>> MemoryContent::proof(ChunkIndex chunk, std::uint8_t known_level) {
    const std::lock_guard lock(mutex_);
    const content::NodeSource& source =
        published_ ? static_cast<const content::NodeSource&>(tree_) : *this;
    auto hashes = content::make_chunk_proof(source, id_.size, chunk, known_level);
    if (hashes.ok() && lie.load() == Lie::proof && !hashes->empty()) {
        (*hashes)[0].bytes[0] ^= 1;
    }
    return hashes;
}

// What proofs have shown, for serving what was fetched.
Result<> MemoryContent::read_nodes(unsigned level, std::uint64_t first,
                                   std::span<Hash256> out) const {
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::uint64_t index = first + i;
        if (level == 0) {
            const auto chunk = proven_.find(index / kLeavesPerChunk);
            if (chunk == proven_.end()) {
                return disk_error(Code::not_found, "a leaf's hash is not known");
            }
            out[i] = chunk->second.leaf[index % kLeavesPerChunk];
            continue;
        }
        const auto node = nodes_.find({level, index});
        if (node == nodes_.end()) {
            return disk_error(Code::not_found, "a node is not known");
        }
        out[i] = node->second;
    }
    return done();
}

swarm::KnownTree MemoryContent::known(ChunkIndex chunk) const {
    const std::lock_guard lock(mutex_);
    swarm::KnownTree known;
    known.ancestor = known_.lowest_known_ancestor(chunk);
    if (const auto found = proven_.find(chunk.value); found != proven_.end()) {
        known.proven = found->second;
    }
    return known;
}

Result<> MemoryContent::store(protocol::LeafRange range, std::span<const ByteSpan> leaves,
                              const content::ChunkHashes& proven) {
    const std::lock_guard lock(mutex_);
    if (full_disk.load()) {
        return disk_error(Code::no_space, "the disk is full");
    }
    proven_.try_emplace(range.chunk.value, proven);
    for (const content::TreeNode& node : proven.nodes) {
        known_.learn(node);
        nodes_[{node.level, node.index}] = node.hash;
    }
    bytes_.resize(id_.size);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        const std::uint64_t leaf = range.first + i;
        std::memcpy(bytes_.data() + (first_leaf(range.chunk).value + leaf) * kLeafBytes,
                    leaves[i].data(), leaves[i].size());
        const auto bit = static_cast<std::uint16_t>(1U << leaf);
        if ((masks_[range.chunk.value] & bit) == 0) {
            masks_[range.chunk.value] |= bit;
            --missing_;
        }
        ++leaves_stored;
    }
    return done();
}

bool MemoryContent::holds(std::uint64_t offset, ByteSpan expected) const {
    const std::lock_guard lock(mutex_);
    return offset + expected.size() <= bytes_.size() &&
           std::equal(expected.begin(), expected.end(),
                      bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

Result<std::shared_ptr<swarm::ContentPort>> MemoryContents::open(const ContentId& content,
                                                                 swarm::Purpose purpose) {
    const std::lock_guard lock(mutex_);
    auto& known = contents_[content];
    if (!known && purpose == swarm::Purpose::fetch) {
        known = std::make_shared<MemoryContent>(content, false, Bytes{}, content::HashTree{});
    }
    return std::shared_ptr<swarm::ContentPort>(known);
}

std::shared_ptr<MemoryContent> MemoryContents::publish(Bytes bytes) {
    content::HashTree tree = tree_of(bytes);
    const ContentId id = tree.id();
    auto content = std::make_shared<MemoryContent>(id, true, std::move(bytes), std::move(tree));
    const std::lock_guard lock(mutex_);
    contents_[id] = content;
    return content;
}

std::shared_ptr<MemoryContent> MemoryContents::get(const ContentId& id) {
    const std::lock_guard lock(mutex_);
    return contents_[id];
}

// ---- the other ports ----

protocol::Hello NamedMember::make_hello(const Hash256& handshake_hash, swarm::Side own_side) {
    protocol::Hello hello;
    hello.node = node_;
    std::copy(handshake_hash.bytes.begin(), handshake_hash.bytes.end(), hello.signature.begin());
    hello.signature[32] = static_cast<std::uint8_t>(own_side);
    return hello;
}

Result<> NamedMember::check_hello(const protocol::Hello& hello, const Hash256& handshake_hash,
                                  swarm::Side their_side) {
    const bool holds = std::equal(handshake_hash.bytes.begin(), handshake_hash.bytes.end(),
                                  hello.signature.begin()) &&
                       hello.signature[32] == static_cast<std::uint8_t>(their_side);
    return holds ? done() : Result<>(peer_error("a hello of another session"));
}

void QuietCatalog::on_vector(const NodeId&, std::vector<protocol::VectorItem> items) {
    items_heard += items.size();
    ++vectors_heard;
}
Result<> QuietCatalog::on_header(const NodeId&, ByteSpan bytes) {
    if (refuse.load()) {
        return peer_error("a header that is a lie", Code::corrupt);
    }
    bytes_heard += bytes.size();
    ++headers_heard;
    return done();
}
Result<> QuietCatalog::on_entries(const NodeId&, ByteSpan bytes) {
    bytes_heard += bytes.size();
    return done();
}
bool QuietCatalog::shows(const protocol::VectorItem& version, const std::string& path) {
    ++lookups;
    return path == "file" && version.sequence == shown;
}

void QuietCatalog::on_ready(const NodeId&) {
    ++ready_heard;
}

void CountingListener::on_peer_left(const NodeId&, const Error& why) {
    {
        const std::lock_guard lock(mutex_);
        reason_ = why;
    }
    ++left;
}
void CountingListener::on_dialled(const std::string& address, const Result<NodeId>& who) {
    const std::lock_guard lock(mutex_);
    dialled_.emplace_back(address, who);
}
std::vector<std::pair<std::string, Result<NodeId>>> CountingListener::dialled() {
    const std::lock_guard lock(mutex_);
    return dialled_;
}
Error CountingListener::last_reason() {
    const std::lock_guard lock(mutex_);
    return reason_;
}

// ---- a member ----

channel::ChannelSecrets test_secrets() {
    crypto::SystemDice dice;
    channel::ChannelSecrets secrets;
    secrets.swarm.bytes.fill(7);
    secrets.own_static = crypto::X25519KeyPair::generate(dice);
    return secrets;
}

namespace {

NodeId node_of_rank(std::uint8_t rank) {
    NodeId node;
    node.bytes.fill(rank);
    return node;
}

async::Task<> answer(MemoryMember* member, std::unique_ptr<transport::Link> link) {
    const std::string address = transport::to_text(link->remote());
    std::vector<channel::ChannelSecrets> candidates;
    candidates.push_back(test_secrets());
    auto secure = co_await transport::SecureLink::respond(std::move(link), std::move(candidates),
                                                          member->dice);
    if (secure.ok()) {
        member->swarm->adopt(std::move(secure).value(), false, address);
    }
}

async::Task<> call(MemoryMember* member, transport::Address address) {
    auto link = co_await transport::dial(address);
    if (!link.ok()) {
        co_return;
    }
    auto secrets = test_secrets();
    auto secure = co_await transport::SecureLink::initiate(std::move(link).value(),
                                                           std::move(secrets), member->dice);
    if (secure.ok()) {
        member->swarm->adopt(std::move(secure).value(), true, transport::to_text(address));
    }
}

}  // namespace

MemoryMember::MemoryMember(std::uint8_t rank, swarm::SwarmOptions options,
                           MemoryStandings::Rows remembered)
    : node(node_of_rank(rank)), member(node), standings(std::move(remembered)) {
    options.uploads = std::make_shared<swarm::UploadGate>(clock, dice.u64());
    swarm = swarm::Swarm::create(
        {threads.context(0), clock, dice, contents, catalog, member, listener_port, &standings},
        options);
    async::IoThreads& links = threads;
    transport::ListenOptions listen;
    listen.listen = "127.0.0.1:0";
    auto opened = transport::Listener::open(links, listen, [this](auto link) {
        auto& group = handshakes[link->executor() == threads.executor(0) ? 0 : 1];
        group.spawn(answer(this, std::move(link)));
    });
    SWARM_ASSERT(opened.ok());
    listener = std::move(opened).value();
}

MemoryMember::~MemoryMember() {
    listener->close();
    handshakes[0].stop_and_wait();
    handshakes[1].stop_and_wait();
    std::promise<void> closed;
    swarm->close([&] { closed.set_value(); });
    closed.get_future().wait();
}

void MemoryMember::dial(const transport::Address& address) {
    boost::asio::post(threads.executor(1),
                      [this, address] { handshakes[1].spawn(call(this, address)); });
}

void MemoryMember::wait_for_peers(std::size_t count) {
    const bool come = eventually([&] { return swarm->peers().size() == count; });
    SWARM_ASSERT(come);
}

Result<> MemoryMember::read(const ContentId& content, std::uint64_t offset, std::uint64_t length,
                            Duration deadline) {
    std::promise<Result<>> answered;
    swarm::ReadRequest request;
    request.content = content;
    request.offset = offset;
    request.length = length;
    request.deadline = clock.now() + deadline;
    swarm->read(request, [&](Result<> outcome) { answered.set_value(std::move(outcome)); });
    return answered.get_future().get();
}

bool MemoryMember::fill(const ContentId& content, Duration at_most) {
    auto ended = std::make_shared<std::promise<bool>>();
    auto future = ended->get_future();
    const auto id = swarm->fill({content, swarm::FillOrder::rarest_first, std::nullopt},
                                [ended](const swarm::FillProgress& progress) {
                                    if (progress.complete || progress.error) {
                                        ended->set_value(progress.complete);
                                    }
                                });
    if (future.wait_for(at_most) != std::future_status::ready) {
        swarm->cancel_fill(id);
        return false;
    }
    return future.get();
}

const swarm::PeerStatistics* MemoryMember::find(const std::vector<swarm::PeerStatistics>& all,
                                                const MemoryMember& other) const {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& peer) { return peer.node == other.node; });
    return found == all.end() ? nullptr : &*found;
}

bool eventually(const std::function<bool()>& holds) {
    constexpr auto kNap = std::chrono::milliseconds(1);
    for (int tries = 0; tries < 20'000; ++tries) {
        if (holds()) {
            return true;
        }
        std::this_thread::sleep_for(kNap);  // tidy: sleep because no call announces such facts
    }
    return false;
}

}  // namespace swarmfs::test
