#include "engine/swarm/serve_side.hpp"

#include <algorithm>
#include <cstring>

#include "engine/content/proof.hpp"
#include "engine/protocol/peer_frames.hpp"

namespace swarmfs::swarm {

namespace {

void refuse(protocol::Handle handle, const protocol::LeafRange& range,
            protocol::RefuseReason reason, Bytes& out) {
    protocol::encode(protocol::Refuse{handle, range, reason}, out);
}

}  // namespace

// ---- the peer's frames ----

Result<> ServeSide::on_open(const protocol::Open& open, Bytes& out) {
    SWARM_CHECK(content::check_content_id(open.content));
    if (opened_.size() >= kHandlesMax) {
        return peer_error("it opened too many contents at once");
    }
    const auto [entry, is_new] = opened_.try_emplace(open.handle, Opened{open.content, nullptr});
    if (!is_new) {
        return peer_error("it used a handle twice");
    }
    handles_[open.content].insert(open.handle);
    say_holding(open.handle, entry->second, out);
    suggest(open.handle, entry->second, out);
    return done();
}

Result<> ServeSide::on_close(const protocol::Close& close) {
    const auto found = opened_.find(close.handle);
    if (found == opened_.end()) {
        return peer_error("it closed what it had not opened");
    }
    const auto same = handles_.find(found->second.id);
    same->second.erase(close.handle);
    if (same->second.empty()) {
        handles_.erase(same);
    }
    opened_.erase(found);
    uploads_.drop_handle(close.handle);
    share_.waits(uploads_.waiting_bytes());
    return done();
}

Result<> ServeSide::on_request(const protocol::Request& request, Bytes& out) {
    const auto found = opened_.find(request.handle);
    if (found == opened_.end()) {
        refuse(request.handle, request.range, protocol::RefuseReason::unknown_handle, out);
        return done();
    }
    const Opened& opened = found->second;
    const protocol::LeafRange& range = request.range;
    const bool in_content =
        range.chunk.value < chunk_count(opened.id.size) && range.count > 0 &&
        std::uint64_t{range.first} + range.count <= leaves_in_chunk(opened.id.size, range.chunk);
    if (!in_content) {
        return peer_error("it asked for leaves beyond the end");
    }
    if (request.known_level != 0 &&
        !content::proof_length(opened.id.size, range.chunk, request.known_level)) {
        return peer_error("it asked for a proof from a level that the tree does not have");
    }
    const LeafMask wanted = mask_of(range);
    if (!opened.port || (opened.port->leaf_mask(range.chunk) & wanted) != wanted) {
        refuse(request.handle, range, protocol::RefuseReason::not_held, out);
        return done();
    }
    if (paused_) {
        refuse(request.handle, range, protocol::RefuseReason::busy, out);
        return done();
    }
    protocol::Request taken = request;
    taken.range = admit(request, opened.id.size);
    const bool pushed = taken.range.count == 0 || uploads_.push(taken, opened.id.size);
    share_.waits(uploads_.waiting_bytes());
    if (!pushed) {
        refuse(request.handle, range, protocol::RefuseReason::busy, out);
        return done();
    }
    if (taken.range.count < range.count) {
        const protocol::LeafRange rest{range.chunk,
                                       static_cast<std::uint8_t>(range.first + taken.range.count),
                                       static_cast<std::uint8_t>(range.count - taken.range.count)};
        refuse(request.handle, rest, protocol::RefuseReason::full, out);
        full_for_ = request.handle;
    }
    if (taken.range.count > 0 && request.urgency == protocol::Urgency::fill) {
        suggest(request.handle, opened, out);
    }
    return done();
}

// Rule 5. Returns: the first leaves of the request, perhaps none.
protocol::LeafRange ServeSide::admit(const protocol::Request& request, std::uint64_t content_size) {
    if (request.urgency != protocol::Urgency::fill) {
        return request.range;
    }
    const std::uint64_t weight = UploadQueue::weight(request.range, content_size);
    return UploadQueue::first_of(request.range, content_size, share_.admit(weight));
}

void ServeSide::say_ready(Bytes& out) {
    if (const auto refused = opened_.find(full_for_); refused != opened_.end()) {
        suggest(refused->first, refused->second, out);
    }
    protocol::encode(protocol::Ready{}, out);
}

// What is here in part is known chunk by chunk to who asks: rarest first does better there.
void ServeSide::suggest(protocol::Handle handle, const Opened& opened, Bytes& out) {
    if (share_.suggests() && opened.id.size > kChunkBytes && opened.port &&
        opened.port->complete()) {
        protocol::encode(protocol::Suggest{handle, share_.suggest(opened.id)}, out);
    }
}

Result<> ServeSide::on_cancel(const protocol::Cancel& cancel) {
    uploads_.cancel(cancel.handle, cancel.range);
    share_.waits(uploads_.waiting_bytes());
    return done();
}

// ---- holdings ----

void ServeSide::say_holding(protocol::Handle handle, Opened& opened, Bytes& out) {
    if (!opened.port) {
        auto port = ports_.open(opened.id, Purpose::serve);
        opened.port = port.ok() ? std::move(port).value() : nullptr;
    }
    if (!opened.port) {
        protocol::encode(protocol::Holding{handle, protocol::HoldingKind::none, {}, {}}, out);
    } else if (opened.port->complete()) {
        protocol::encode(protocol::Holding{handle, protocol::HoldingKind::all, {}, {}}, out);
    } else {
        say_some(handle, opened, out);
    }
}

// One frame for each stretch of chunks in which anything is stored.
void ServeSide::say_some(protocol::Handle handle, const Opened& opened, Bytes& out) {
    constexpr std::size_t kStretchBytes = 1024;  // 2 GiB of content
    const std::uint64_t chunks = chunk_count(opened.id.size);
    std::array<std::uint8_t, kStretchBytes> bitmap{};
    bool said = false;
    ChunkIndex from;
    while (const auto next = opened.port->next_stored(from)) {
        if (next->value >= chunks) {
            break;
        }
        opened.port->whole_chunks(from = *next, bitmap);
        auto used = bitmap.end();
        while (used != bitmap.begin() && *(used - 1) == 0) {
            --used;
        }
        if (used != bitmap.begin()) {
            const ByteSpan part(bitmap.begin(), used);
            protocol::encode(protocol::Holding{handle, protocol::HoldingKind::some, from, part},
                             out);
            said = true;
        }
        from = from + kStretchBytes * 8;
    }
    if (!said) {
        protocol::encode(protocol::Holding{handle, protocol::HoldingKind::none, {}, {}}, out);
    }
}

void ServeSide::tell_whole(const ChunksWhole& whole, Bytes& out) {
    const auto same = handles_.find(whole.id);
    if (same == handles_.end()) {
        return;
    }
    for (const protocol::Handle handle : same->second) {
        Opened& opened = opened_.at(handle);
        if (!opened.port) {
            say_holding(handle, opened, out);
            continue;
        }
        for (std::size_t at = 0; at < whole.chunks.size(); at += protocol::kHavesMax) {
            const auto first = whole.chunks.begin() + static_cast<std::ptrdiff_t>(at);
            const auto count = std::min(protocol::kHavesMax, whole.chunks.size() - at);
            protocol::encode(
                protocol::Have{handle, {first, first + static_cast<std::ptrdiff_t>(count)}}, out);
        }
    }
}

void ServeSide::tell_holding(const ContentId& id, Bytes& out) {
    const auto same = handles_.find(id);
    if (same == handles_.end()) {
        return;
    }
    for (const protocol::Handle handle : same->second) {
        say_holding(handle, opened_.at(handle), out);
    }
}

void ServeSide::set_paused(bool paused, Bytes& out) {
    paused_ = paused;
    if (!paused) {
        return;
    }
    const auto all = uploads_.drop_all();
    share_.waits(0);
    for (const UploadQueue::Dropped& dropped : all) {
        for (const protocol::LeafRange& range : ranges_of(dropped.chunk, dropped.leaves)) {
            refuse(dropped.handle, range, protocol::RefuseReason::busy, out);
        }
    }
}

// ---- leaves ----

// What a proof, and the headers of frames and records, add to a chunk's leaves at most: 16 hashes
// and one for each of 32 levels above them, 16 leaf headers and 7 records come to about 2 KiB.
constexpr std::size_t kOverheadMax = 4 * 1024;

std::size_t ServeSide::produce(transport::RecordBuilder& records, std::size_t bytes, Bytes& out) {
    std::size_t built = 0;
    const std::uint64_t waited = uploads_.waiting_bytes();
    // No frame may be begun in a builder that is full, and what is taken has to be built whole.
    while (built < bytes && records.room() > kOverheadMax) {
        const auto next = uploads_.next(std::min(bytes - built, records.room() - kOverheadMax));
        if (!next) {
            break;
        }
        built += produce_next(*next, records, out);
    }
    if (uploads_.waiting_bytes() != waited) {
        share_.sent(waited - uploads_.waiting_bytes());
    }
    return built;
}

std::size_t ServeSide::produce_next(const UploadQueue::Next& next,
                                    transport::RecordBuilder& records, Bytes& out) {
    const Opened& opened = opened_.at(next.handle);
    const protocol::LeafRange& leaves = next.leaves;
    std::size_t built = 0;
    if (next.proof_first) {
        const auto hashes = opened.port->proof(leaves.chunk, next.known_level);
        if (!hashes.ok()) {
            const protocol::LeafRange all{leaves.chunk, 0, kLeavesPerChunk};
            const auto waited =
                static_cast<LeafMask>(uploads_.cancel(next.handle, all) | mask_of(leaves));
            return give_up(next.handle, leaves.chunk, waited, hashes.error(), out);
        }
        head_.clear();
        protocol::encode(protocol::Proof{next.handle, leaves.chunk, next.known_level,
                                         content::bytes_of(*hashes)},
                         head_);
        built += head_.size();
        std::memcpy(records.extend(head_.size()).data(), head_.data(), head_.size());
    }
    const auto together = produce_leaves(next, opened, records);
    if (together.ok()) {
        return built + *together;
    }
    // One of them is bad: those that are not go all the same.
    for (std::uint8_t i = 0; i < leaves.count; ++i) {
        UploadQueue::Next alone = next;
        alone.leaves = {leaves.chunk, static_cast<std::uint8_t>(leaves.first + i), 1};
        const auto one = leaves.count == 1 ? together : produce_leaves(alone, opened, records);
        built += one.ok()
                     ? *one
                     : give_up(next.handle, leaves.chunk, mask_of(alone.leaves), one.error(), out);
    }
    return built;
}

// All of them or nothing. Returns: the bytes that were built.
Result<std::size_t> ServeSide::produce_leaves(const UploadQueue::Next& next, const Opened& opened,
                                              transport::RecordBuilder& records) {
    const protocol::LeafRange& leaves = next.leaves;
    std::array<MutableByteSpan, kLeavesPerChunk> rooms;
    std::array<MutableByteSpan, kLeavesPerChunk> places;
    std::size_t built = 0;
    std::uint64_t bytes = 0;
    for (std::uint8_t i = 0; i < leaves.count; ++i) {
        const auto leaf = static_cast<std::uint8_t>(leaves.first + i);
        const std::uint64_t size = leaf_bytes(opened.id.size, first_leaf(leaves.chunk) + leaf);
        head_.clear();
        protocol::encode_leaf_header(next.handle, leaves.chunk, leaf, size, head_);
        rooms[i] = records.extend(head_.size() + size);
        std::memcpy(rooms[i].data(), head_.data(), head_.size());
        places[i] = rooms[i].subspan(head_.size());
        built += rooms[i].size();
        bytes += size;
    }
    const auto read = opened.port->read_leaves(leaves, std::span(places).first(leaves.count));
    if (!read.ok()) {
        for (std::uint8_t i = leaves.count; i-- > 0;) {
            records.retract(rooms[i].size());
        }
        return read.error();
    }
    produced_ += bytes;
    return built;
}

// Rule 3.
std::size_t ServeSide::give_up(protocol::Handle handle, ChunkIndex chunk, LeafMask leaves,
                               const Error& why, Bytes& out) {
    const auto reason = why.code == Code::not_found ? protocol::RefuseReason::not_held
                                                    : protocol::RefuseReason::unreadable;
    const std::size_t before = out.size();
    for (const protocol::LeafRange& range : ranges_of(chunk, leaves)) {
        refuse(handle, range, reason, out);
    }
    return out.size() - before;
}

}  // namespace swarmfs::swarm
