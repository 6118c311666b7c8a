#pragma once
// A member in memory: contents, a catalog, an identity, two threads and a Swarm, joined to others
// over loopback TCP. What a test wants to go wrong is a flag.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <map>
#include <mutex>

#include "engine/async/io_threads.hpp"
#include "engine/async/task_group.hpp"
#include "engine/content/hash_tree.hpp"
#include "engine/content/partial_tree.hpp"
#include "engine/core/dice.hpp"
#include "engine/crypto/random.hpp"
#include "engine/swarm/swarm.hpp"
#include "engine/transport/listener.hpp"
#include "engine/transport/secure_link.hpp"
#include "tests/swarm/memory_standings.hpp"

namespace swarmfs::test {

Bytes random_bytes(std::uint64_t seed, std::size_t size);
// The name of these bytes, and their whole tree.
content::HashTree tree_of(ByteSpan bytes);

enum class Lie : std::uint8_t { none, leaf, proof };

// A content in memory, stored wholly or in part. Thread: any.
class MemoryContent final : public swarm::ContentPort, private content::NodeSource {
public:
    MemoryContent(const ContentId& id, bool whole, Bytes bytes, content::HashTree tree);

    std::uint16_t leaf_mask(ChunkIndex chunk) const override;
    bool complete() const override;
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const override;
    Result<> read_leaves(protocol::LeafRange range,
                         std::span<const MutableByteSpan> leaves) override;
    Result<std::vector<Hash256>> proof(ChunkIndex chunk, std::uint8_t known_level) override;
    swarm::KnownTree known(ChunkIndex chunk) const override;
    Result<> store(protocol::LeafRange range, std::span<const ByteSpan> leaves,
                   const content::ChunkHashes& proven) override;

    // What is stored equals these bytes.
    bool holds(std::uint64_t offset, ByteSpan expected) const;
    std::atomic<Lie> lie{Lie::none};
    std::atomic<bool> full_disk{false};
    std::atomic<bool> unreadable{false};
    std::atomic<std::uint64_t> leaves_stored{0};

private:
    Result<> read_nodes(unsigned level, std::uint64_t first, std::span<Hash256> out) const override;

    const ContentId id_;
    const bool published_;
    const content::HashTree tree_;  // of what was published
    mutable std::mutex mutex_;
    Bytes bytes_;
    std::vector<std::uint16_t> masks_;
    std::uint64_t missing_;
    content::PartialTree known_;
    std::map<std::uint64_t, content::ChunkHashes> proven_;
    std::map<std::pair<unsigned, std::uint64_t>, Hash256> nodes_;
};

class MemoryContents final : public swarm::ContentPorts {
public:
    Result<std::shared_ptr<swarm::ContentPort>> open(const ContentId& content,
                                                     swarm::Purpose purpose) override;
    std::shared_ptr<MemoryContent> publish(Bytes bytes);
    std::shared_ptr<MemoryContent> get(const ContentId& id);

private:
    std::mutex mutex_;
    std::map<ContentId, std::shared_ptr<MemoryContent>> contents_;
};

ContentId id_of(ByteSpan bytes);

// What hello proves here: nothing but a name. Signatures are the node's matter.
class NamedMember final : public swarm::MemberPort {
public:
    explicit NamedMember(const NodeId& node) : node_(node) {}
    NodeId self() const override { return node_; }
    protocol::Hello make_hello(const Hash256& handshake_hash, swarm::Side own_side) override;
    Result<> check_hello(const protocol::Hello& hello, const Hash256& handshake_hash,
                         swarm::Side their_side) override;

private:
    const NodeId node_;
};

// Remembers what it was told.
class QuietCatalog final : public swarm::CatalogPort {
public:
    std::vector<protocol::VectorItem> our_vector() override { return vector; }
    void on_vector(const NodeId& peer, std::vector<protocol::VectorItem> items) override;
    Result<> on_header(const NodeId& peer, ByteSpan bytes) override;
    Result<> on_entries(const NodeId& peer, ByteSpan bytes) override;
    bool shows(const protocol::VectorItem& version, const std::string& path) override;
    void on_ready(const NodeId& peer) override;
    void on_peer_left(const NodeId&) override {}

    std::vector<protocol::VectorItem> vector;
    std::atomic<std::size_t> vectors_heard{0};
    std::atomic<std::size_t> items_heard{0};
    std::atomic<std::size_t> headers_heard{0};
    std::atomic<std::uint64_t> bytes_heard{0};
    std::atomic<std::size_t> ready_heard{0};
    std::atomic<bool> refuse{false};
    std::atomic<std::uint64_t> shown{0};  // the sequence of what is shown at "file"
    std::atomic<std::size_t> lookups{0};
};

class CountingListener final : public swarm::SwarmListener {
public:
    void on_peer_joined(const NodeId&, const std::vector<std::string>&) override { ++joined; }
    void on_peer_left(const NodeId&, const Error& why) override;
    void on_dialled(const std::string& address, const Result<NodeId>& who) override;
    void on_hints(const NodeId&, const std::vector<protocol::PeerHint>& hints) override {
        hinted += hints.size();
    }
    void on_sources_wanted(const ContentId&, const std::optional<NodeId>&) override { ++wanted; }
    void on_members_wanted() override { ++members_wanted; }
    Error last_reason();
    // What became of each link dialled by us, in order.
    std::vector<std::pair<std::string, Result<NodeId>>> dialled();

    std::atomic<std::size_t> joined{0};
    std::atomic<std::size_t> left{0};
    std::atomic<std::size_t> hinted{0};
    std::atomic<std::size_t> wanted{0};
    std::atomic<std::size_t> members_wanted{0};

private:
    std::mutex mutex_;
    Error reason_;
    std::vector<std::pair<std::string, Result<NodeId>>> dialled_;
};

// The machine's time, and what a test adds to it.
class MovedClock final : public Clock {
public:
    TimePoint now() const override { return system_.now() + ahead_.load(); }
    std::uint64_t wall_ms() const override { return system_.wall_ms(); }
    void advance(Duration by) { ahead_ = ahead_.load() + by; }

private:
    SystemClock system_;
    std::atomic<Duration> ahead_{Duration{}};
};

// The swarm that all members of these tests share.
channel::ChannelSecrets test_secrets();

class MemoryMember {
public:
    // `rank` orders node ids.
    explicit MemoryMember(std::uint8_t rank, swarm::SwarmOptions options = {},
                          MemoryStandings::Rows remembered = {});
    ~MemoryMember();

    // Dials and hands the link to the swarm; does not wait for hello.
    void dial(const MemoryMember& other) { dial(other.listener->address()); }
    void dial(const transport::Address& address);
    void wait_for_peers(std::size_t count);

    // Waits for the answer.
    Result<> read(const ContentId& content, std::uint64_t offset, std::uint64_t length,
                  Duration deadline = std::chrono::seconds(20));
    bool fill(const ContentId& content, Duration at_most = std::chrono::seconds(60));
    const swarm::PeerStatistics* find(const std::vector<swarm::PeerStatistics>& all,
                                      const MemoryMember& other) const;

    NodeId node;
    MovedClock clock;
    crypto::SystemDice dice;
    MemoryContents contents;
    QuietCatalog catalog;
    NamedMember member;
    CountingListener listener_port;
    MemoryStandings standings;
    async::IoThreads threads{2, "test"};  // 0: engine, 1: links
    // Handshakes under way, on each of the threads.
    async::TaskGroup handshakes[2] = {async::TaskGroup(threads.executor(0)),
                                      async::TaskGroup(threads.executor(1))};
    std::shared_ptr<swarm::Swarm> swarm;
    std::unique_ptr<transport::Listener> listener;
};

// Waits, without sleeping blindly, until `holds` does; gives up after 20 s.
bool eventually(const std::function<bool()>& holds);

}  // namespace swarmfs::test
