#include "engine/swarm/upload_queue.hpp"

#include <bit>

#include "engine/core/assert.hpp"
#include "engine/swarm/request_ledger.hpp"

namespace swarmfs::swarm {

namespace {

std::uint64_t bytes_of(std::uint64_t content_size, ChunkIndex chunk, std::uint16_t leaves) {
    std::uint64_t bytes = 0;
    for (unsigned bits = leaves; bits != 0; bits &= bits - 1) {
        bytes += leaf_bytes(content_size,
                            first_leaf(chunk) + static_cast<std::uint64_t>(std::countr_zero(bits)));
    }
    return bytes;
}

}  // namespace

std::uint64_t UploadQueue::weight(const protocol::LeafRange& range, std::uint64_t content_size) {
    return kRequestOverhead + bytes_of(content_size, range.chunk, mask_of(range));
}

protocol::LeafRange UploadQueue::first_of(const protocol::LeafRange& range,
                                          std::uint64_t content_size, std::uint64_t weight_max) {
    protocol::LeafRange first = range;
    while (first.count > 0 && weight(first, content_size) > weight_max) {
        --first.count;
    }
    return first;
}

bool UploadQueue::push(const protocol::Request& request, std::uint64_t content_size) {
    const LeafMask leaves = mask_of(request.range);
    const std::uint64_t bytes = bytes_of(content_size, request.range.chunk, leaves);
    SWARM_ASSERT(leaves != 0 && bytes != 0);
    if (waiting_ + bytes + kRequestOverhead > kWaitingMax || requests_ >= kRequestsMax) {
        return false;
    }
    Class& in = classes_[static_cast<std::size_t>(request.urgency)];
    if (const auto known = in.lines.find(request.handle);
        known != in.lines.end() &&
        known->second.of_chunk.count(request.range.chunk.value) >= kRequestsPerChunkMax) {
        return false;
    }
    waiting_ += bytes + kRequestOverhead;
    ++requests_;
    const auto [line, is_new] = in.lines.try_emplace(request.handle);
    if (is_new) {
        line->second.content_size = content_size;
        line->second.turn = in.turns.insert(in.turns.end(), request.handle);
    }
    line->second.requests.push_back(
        {request.range.chunk, leaves, request.known_level != 0, request.known_level});
    line->second.of_chunk.emplace(request.range.chunk.value,
                                  std::prev(line->second.requests.end()));
    return true;
}

std::optional<UploadQueue::Next> UploadQueue::next(std::uint64_t bytes_max) {
    for (std::size_t i = 0; i < classes_.size(); ++i) {
        if (!classes_[i].turns.empty()) {
            return take_from(classes_[i], static_cast<protocol::Urgency>(i), bytes_max);
        }
    }
    return std::nullopt;
}

protocol::Urgency UploadQueue::next_urgency() const {
    std::size_t first = 0;
    while (classes_[first].turns.empty()) {
        ++first;
        SWARM_ASSERT(first < classes_.size());
    }
    return static_cast<protocol::Urgency>(first);
}

UploadQueue::Next UploadQueue::take_from(Class& in, protocol::Urgency urgency,
                                         std::uint64_t bytes_max) {
    while (true) {
        const protocol::Handle handle = in.turns.front();
        Line& line = in.lines.at(handle);
        Waiting& request = line.requests.front();
        Next next{handle, urgency, {request.chunk, 0, 1}, request.proof_due, request.known_level};
        next.leaves.first = static_cast<std::uint8_t>(std::countr_zero(request.leaves));
        std::uint64_t bytes = bytes_of(line.content_size, request.chunk, mask_of(next.leaves));
        if (line.deficit < bytes) {
            line.deficit += kTurnBytes;
            in.turns.splice(in.turns.end(), in.turns, line.turn);
            continue;
        }
        const auto run = static_cast<unsigned>(
            std::countr_one(static_cast<unsigned>(request.leaves) >> next.leaves.first));
        while (next.leaves.count < run) {
            protocol::LeafRange longer = next.leaves;
            ++longer.count;
            const std::uint64_t more = bytes_of(line.content_size, request.chunk, mask_of(longer));
            if (more > bytes_max || more > line.deficit) {
                break;
            }
            next.leaves = longer;
            bytes = more;
        }
        line.deficit -= bytes;
        request.proof_due = false;
        request.leaves = static_cast<std::uint16_t>(request.leaves & ~mask_of(next.leaves));
        waiting_ -= bytes;
        if (request.leaves == 0) {
            waiting_ -= kRequestOverhead;
            remove(line, line.requests.begin());
        }
        if (line.requests.empty()) {
            remove_line(in, handle);
        }
        return next;
    }
}

std::uint16_t UploadQueue::cancel(protocol::Handle handle, const protocol::LeafRange& range) {
    const LeafMask leaves = mask_of(range);
    LeafMask waited = 0;
    for (Class& in : classes_) {
        const auto found = in.lines.find(handle);
        if (found == in.lines.end()) {
            continue;
        }
        Line& line = found->second;
        auto [next, end] = line.of_chunk.equal_range(range.chunk.value);
        while (next != end) {
            const auto request = (next++)->second;
            const auto gone = static_cast<std::uint16_t>(request->leaves & leaves);
            waited |= gone;
            request->leaves = static_cast<std::uint16_t>(request->leaves & ~gone);
            waiting_ -= bytes_of(line.content_size, request->chunk, gone);
            if (request->leaves == 0) {
                waiting_ -= kRequestOverhead;
                remove(line, request);
            }
        }
        if (line.requests.empty()) {
            remove_line(in, handle);
        }
    }
    return waited;
}

void UploadQueue::remove(Line& line, std::list<Waiting>::iterator request) {
    auto [entry, end] = line.of_chunk.equal_range(request->chunk.value);
    while (entry->second != request) {
        ++entry;
        SWARM_ASSERT(entry != end);
    }
    line.of_chunk.erase(entry);
    line.requests.erase(request);
    --requests_;
}

void UploadQueue::drop_handle(protocol::Handle handle) {
    for (Class& in : classes_) {
        const auto found = in.lines.find(handle);
        if (found == in.lines.end()) {
            continue;
        }
        for (const Waiting& request : found->second.requests) {
            waiting_ -= kRequestOverhead +
                        bytes_of(found->second.content_size, request.chunk, request.leaves);
        }
        requests_ -= found->second.requests.size();
        remove_line(in, handle);
    }
}

std::vector<UploadQueue::Dropped> UploadQueue::drop_all() {
    std::vector<Dropped> dropped;
    for (Class& in : classes_) {
        for (const auto& [handle, line] : in.lines) {
            for (const Waiting& request : line.requests) {
                dropped.push_back({handle, request.chunk, request.leaves});
            }
        }
        in.lines.clear();
        in.turns.clear();
    }
    waiting_ = 0;
    requests_ = 0;
    return dropped;
}

void UploadQueue::remove_line(Class& in, protocol::Handle handle) {
    const auto found = in.lines.find(handle);
    in.turns.erase(found->second.turn);
    in.lines.erase(found);
}

}  // namespace swarmfs::swarm
