#pragma once
// The asking half of a session: our handles at the peer, what it owes us, and the proof of every
// leaf before it is stored.
// Rules:
//   1. A frame about a handle we never gave, a leaf or proof never asked for, a leaf before its
//      proof, or one of the wrong length breaks the protocol: the session ends.
//   2. A proof that does not lead to the hash we know, or a leaf that does not match its proof, is
//      a lie (Code::corrupt): the session ends and the node is banned.
//   3. What was cancelled or closed may still be on its way and is let pass; a leaf of it that is
//      proven is kept, and any tells that the peer answers. A pong follows all that was sent before
//      its ping arrived: what was cancelled before the ping cannot come after it, and is forgotten
//      then.
//   4. A leaf that was cancelled and asked for anew counts when it is proven, whichever of the two
//      it is; the request it may not belong to is taken back for that leaf, so that rule 3 holds
//      for what still comes.
//   5. A proof does not say which request it answers. Of requests for one chunk from one level, the
//      one whose leaves come has had its proof; what it seemed to lack is owed to another.
//   6. A refusal takes back the leaves it names and no others; the proof of a request that is
//      refused to the last leaf does not come.
//   7. Leaves are verified where they lie in the records and handed to the store from there, in
//      runs of one chunk: leaves that are hashed together cost half.
// Thread: the link's. No I/O but the ports'. Feed it frames of any session, or of a fuzzer.

#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "engine/swarm/session_messages.hpp"

namespace swarmfs::swarm {

class FetchSide {
public:
    // ---- our wishes; frames are appended to `out`. Requires: flush() followed the last leaf. ----
    void open(const OpenContent& open, Bytes& out);
    void close(const CloseContent& close, Bytes& out);
    void ask(const AskLeaves& ask, Bytes& out);
    void cancel(const CancelLeaves& cancel, Bytes& out);

    // ---- the peer's frames. Errors: peer errors (rules 1 and 2). ----
    Result<> on_holding(const protocol::Holding& holding);
    Result<> on_have(const protocol::Have& have);
    Result<> on_proof(const protocol::Proof& proof);
    // The leaf's bytes must live until flush().
    Result<> on_leaf(const protocol::Leaf& leaf);
    Result<> on_refuse(const protocol::Refuse& refuse);
    Result<> on_suggest(const protocol::Suggest& suggest);

    // ---- rule 3. Between a ping and its answer no other is sent. ----
    void ping_sent();
    // Errors: as flush().
    Result<> ping_answered();
    // Chunks of which something cancelled may still come.
    std::size_t loose() const { return fresh_.size() + fenced_.size(); }

    // Verifies and stores what came since the last time. Call before the records' buffer is used
    // again. Errors: a peer error (rule 2); the leaves before the wrong one are stored.
    Result<> flush();
    // What it has to say about what arrived (rule 3): to be sent before anything said later.
    Bytes take_frames() { return std::exchange(frames_, {}); }
    // What happened since the last time.
    std::vector<SessionEvent> take_events() { return std::exchange(events_, {}); }
    bool has_events() const { return !events_.empty(); }

private:
    // What is under way of one chunk.
    struct Loose {  // may come all the same
        LeafMask leaves = 0;
        std::vector<content::KnownNode> proofs;
    };
    struct Asked {  // one request, while it has leaves to come
        LeafMask expected = 0;
        std::optional<unsigned> level;  // from which it asked for a proof
        std::optional<content::KnownNode> proof_due;
        bool answered = false;  // a leaf of it has come, so its proof had
    };
    struct Chunk {
        std::vector<Asked> asked;
        Loose fresh;   // cancelled since the last ping
        Loose fenced;  // cancelled before it; forgotten when it is answered
        std::optional<content::ChunkHashes> proven;

        LeafMask expected() const;
        LeafMask loose() const { return fresh.leaves | fenced.leaves; }
    };
    struct Content {
        ContentNumber number{};
        ContentId id;
        std::shared_ptr<ContentPort> port;
        std::unordered_map<std::uint64_t, Chunk> chunks;
        std::uint32_t attempt = 0;  // of the last request
    };
    struct Run {  // leaves in a row, not verified yet
        protocol::Handle handle = 0;
        protocol::LeafRange range;
        std::vector<ByteSpan> leaves;
    };

    // Returns: null for a handle that is closed. Errors: one that never was.
    Result<Content*> content_of(protocol::Handle handle);
    Chunk* chunk_of(protocol::Handle handle, ChunkIndex chunk);
    // The leaves of the chunk's requests are owed no longer.
    enum class Gone : std::uint8_t { arrived, cancelled, refused };
    void settle(Chunk& chunk, LeafMask leaves, Gone how);
    static void owe_proof(Chunk& chunk, const content::KnownNode& known);
    void take_back(protocol::Handle handle, ChunkIndex number, LeafMask leaves);
    std::optional<content::KnownNode> take_proof_due(Chunk& chunk, unsigned level);
    void note_loose(protocol::Handle handle, ChunkIndex chunk);
    void stored(Content& content, ChunkIndex chunk, LeafMask leaves, std::uint64_t bytes);
    void tidy(Content& content, ChunkIndex chunk);

    protocol::Handle next_handle_ = 1;
    std::map<ContentNumber, protocol::Handle> handles_;
    std::unordered_map<protocol::Handle, Content> contents_;
    Run run_;
    using Place = std::pair<protocol::Handle, std::uint64_t>;
    std::set<Place> fresh_;  // chunks with such
    std::vector<Place> fenced_;
    std::vector<SessionEvent> events_;
    Bytes frames_;
};

}  // namespace swarmfs::swarm
