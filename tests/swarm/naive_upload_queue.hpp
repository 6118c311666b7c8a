#pragma once
// UploadQueue's rules, followed word by word over plain lists. Its twin in upload_queue_fuzz.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "engine/swarm/upload_queue.hpp"

namespace swarmfs::test {

class NaiveUploadQueue {
public:
    using Handle = protocol::Handle;
    using Next = swarm::UploadQueue::Next;

    bool push(const protocol::Request& request, std::uint64_t content_size) {
        Waiting waiting;
        waiting.handle = request.handle;
        waiting.urgency = request.urgency;
        waiting.chunk = request.range.chunk;
        waiting.proof_due = request.known_level != 0;
        waiting.level = request.known_level;
        waiting.content_size = content_size;
        for (unsigned i = 0; i < request.range.count; ++i) {
            waiting.leaves.push_back(request.range.first + i);
        }
        const auto alike = std::count_if(all_.begin(), all_.end(), [&](const Waiting& one) {
            return one.handle == request.handle && one.urgency == request.urgency &&
                   one.chunk == request.range.chunk;
        });
        if (waiting_bytes() + weight_of(waiting) > swarm::UploadQueue::kWaitingMax ||
            all_.size() >= swarm::UploadQueue::kRequestsMax ||
            static_cast<std::size_t>(alike) >= swarm::UploadQueue::kRequestsPerChunkMax) {
            return false;
        }
        if (!waits(request.urgency, request.handle)) {
            turns_[request.urgency].push_back(request.handle);
            deficits_[{request.urgency, request.handle}] = 0;
        }
        all_.push_back(waiting);
        return true;
    }
    std::uint16_t cancel(Handle handle, const protocol::LeafRange& range) {
        std::uint16_t waited = 0;
        for (Waiting& one : all_) {
            if (one.handle != handle || one.chunk != range.chunk) {
                continue;
            }
            std::erase_if(one.leaves, [&](unsigned leaf) {
                const bool gone = leaf >= range.first && leaf < range.first + range.count;
                waited |= static_cast<std::uint16_t>(gone ? 1U << leaf : 0U);
                return gone;
            });
        }
        tidy();
        return waited;
    }
    void drop_handle(Handle handle) {
        std::erase_if(all_, [&](const Waiting& one) { return one.handle == handle; });
        tidy();
    }
    void drop_all() {
        all_.clear();
        tidy();
    }

    std::optional<Next> next(std::uint64_t bytes_max) {
        for (auto& entry : turns_) {  // clang 14 lets no lambda see a structured binding
            const protocol::Urgency urgency = entry.first;
            std::vector<Handle>& turns = entry.second;
            while (!turns.empty()) {
                const Handle handle = turns.front();
                Waiting& first = *std::find_if(all_.begin(), all_.end(), [&](const Waiting& one) {
                    return one.handle == handle && one.urgency == urgency;
                });
                std::uint64_t& deficit = deficits_.at({urgency, handle});
                std::uint64_t bytes = bytes_of(first, first.leaves.front());
                if (deficit < bytes) {
                    deficit += swarm::UploadQueue::kTurnBytes;
                    std::rotate(turns.begin(), turns.begin() + 1, turns.end());
                    continue;
                }
                std::size_t count = 1;
                while (count < first.leaves.size() &&
                       first.leaves[count] == first.leaves[count - 1] + 1) {
                    const std::uint64_t more = bytes + bytes_of(first, first.leaves[count]);
                    if (more > bytes_max || more > deficit) {
                        break;
                    }
                    bytes = more;
                    ++count;
                }
                deficit -= bytes;
                Next next{handle, urgency, {first.chunk, 0, 0}, first.proof_due, first.level};
                next.leaves.first = static_cast<std::uint8_t>(first.leaves.front());
                next.leaves.count = static_cast<std::uint8_t>(count);
                first.proof_due = false;
                first.leaves.erase(first.leaves.begin(),
                                   first.leaves.begin() + static_cast<std::ptrdiff_t>(count));
                tidy();
                return next;
            }
        }
        return std::nullopt;
    }

    std::uint64_t waiting_bytes() const {
        std::uint64_t sum = 0;
        for (const Waiting& one : all_) {
            sum += weight_of(one);
        }
        return sum;
    }

private:
    struct Waiting {
        Handle handle = 0;
        protocol::Urgency urgency{};
        ChunkIndex chunk;
        std::vector<unsigned> leaves;
        bool proof_due = false;
        std::uint8_t level = 0;
        std::uint64_t content_size = 0;
    };

    static std::uint64_t bytes_of(const Waiting& one, unsigned leaf) {
        return leaf_bytes(one.content_size, first_leaf(one.chunk) + leaf);
    }
    static std::uint64_t weight_of(const Waiting& one) {
        std::uint64_t sum = swarm::UploadQueue::kRequestOverhead;
        for (const unsigned leaf : one.leaves) {
            sum += bytes_of(one, leaf);
        }
        return sum;
    }
    bool waits(protocol::Urgency urgency, Handle handle) const {
        return std::any_of(all_.begin(), all_.end(), [&](const Waiting& one) {
            return one.handle == handle && one.urgency == urgency;
        });
    }
    // What has nothing left is gone, and who has nothing left takes no turns.
    void tidy() {
        std::erase_if(all_, [](const Waiting& one) { return one.leaves.empty(); });
        for (auto& entry : turns_) {
            const protocol::Urgency urgency = entry.first;
            std::erase_if(entry.second, [&](Handle handle) { return !waits(urgency, handle); });
        }
    }

    std::vector<Waiting> all_;  // as they came
    std::map<protocol::Urgency, std::vector<Handle>> turns_;
    std::map<std::pair<protocol::Urgency, Handle>, std::uint64_t> deficits_;
};

}  // namespace swarmfs::test
