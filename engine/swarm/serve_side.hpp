#pragma once
// The answering half of a session: what the peer has opened here, and what it is sent next.
// Rules:
//   1. Every open is answered by holdings; a content unknown here is answered by "none", and again
//      when it comes.
//   2. A request is checked against the content's size before anything is queued: a range beyond
//      the end, or a proof level that the tree does not have, breaks the protocol.
//   3. What is not stored is refused at once; a leaf that can no longer be read when its turn comes
//      is refused then. Where a proof cannot be made, all that waits of its chunk is refused, and
//      nothing that has not come yet: a refusal names only what was asked.
//   4. While the swarm is paused every request is refused as busy, those that wait at once: the peer
//      turns to others, and comes back. What is held is told truly all the while.
//   5. Of what nobody waits for at the other end, as much is taken on as the node can send soon; the
//      rest is refused as full (upload_share.hpp). When there is room the peer is told that it may ask
//      again. Beside each fill of a content that is here whole, at its start, and with that word goes
//      a suggestion what to ask for next (suggestions.hpp).
//   6. Leaves are read from disk straight into the records they are sent in, a few of one request
//      at a time, most urgent first (upload_queue.hpp).
// Thread: the link's. The disk is read here: it is the page cache that answers, nearly always.

#include <unordered_map>
#include <unordered_set>

#include "engine/swarm/session_messages.hpp"
#include "engine/swarm/upload_gate.hpp"
#include "engine/swarm/upload_queue.hpp"
#include "engine/transport/secure_link.hpp"

namespace swarmfs::swarm {

class ServeSide {
public:
    // Chosen by us: 61,200 small files are asked for in turns, never all at once. About 300 bytes
    // each.
    static constexpr std::size_t kHandlesMax = 32'768;

    // `ports` must outlive it.
    explicit ServeSide(ContentPorts& ports) : ports_(ports) {}

    // Where it asks what to take on, from now on. Until then it takes on everything.
    void join(UploadGate::Place share) { share_ = std::move(share); }
    // Its place was told that the peer may ask again.
    void say_ready(Bytes& out);

    // ---- the peer's frames; answers are appended to `out`. Errors: peer errors. ----
    Result<> on_open(const protocol::Open& open, Bytes& out);
    Result<> on_close(const protocol::Close& close);
    Result<> on_request(const protocol::Request& request, Bytes& out);
    Result<> on_cancel(const protocol::Cancel& cancel);

    // ---- what happens here ----
    void tell_whole(const ChunksWhole& whole, Bytes& out);
    void tell_holding(const ContentId& id, Bytes& out);
    void set_paused(bool paused, Bytes& out);

    bool has_leaves() const { return !uploads_.empty(); }
    std::uint64_t leaf_bytes_waiting() const { return uploads_.waiting_bytes(); }
    // Requires: has_leaves().
    protocol::Urgency next_urgency() const { return uploads_.next_urgency(); }
    // Appends leaves and their proofs until about `bytes` are built (a leaf and its proof more, at
    // most) or nothing waits. Refusals are appended to `out`. Returns: the bytes that were built.
    std::size_t produce(transport::RecordBuilder& records, std::size_t bytes, Bytes& out);

    std::uint64_t leaf_bytes_produced() const { return produced_; }

private:
    struct Opened {
        ContentId id;
        std::shared_ptr<ContentPort> port;  // null: nothing of it is here
    };
    void say_holding(protocol::Handle handle, Opened& opened, Bytes& out);
    void suggest(protocol::Handle handle, const Opened& opened, Bytes& out);
    protocol::LeafRange admit(const protocol::Request& request, std::uint64_t content_size);
    void say_some(protocol::Handle handle, const Opened& opened, Bytes& out);
    std::size_t produce_next(const UploadQueue::Next& next, transport::RecordBuilder& records,
                             Bytes& out);
    Result<std::size_t> produce_leaves(const UploadQueue::Next& next, const Opened& opened,
                                       transport::RecordBuilder& records);
    static std::size_t give_up(protocol::Handle handle, ChunkIndex chunk, LeafMask leaves,
                               const Error& why, Bytes& out);

    ContentPorts& ports_;
    std::unordered_map<protocol::Handle, Opened> opened_;
    std::unordered_map<ContentId, std::unordered_set<protocol::Handle>> handles_;
    UploadQueue uploads_;
    UploadGate::Place share_;
    protocol::Handle full_for_ = 0;  // of the last request that was refused as full
    bool paused_ = false;
    Bytes head_;  // of the frame being built; kept for its memory
    std::uint64_t produced_ = 0;
};

}  // namespace swarmfs::swarm
