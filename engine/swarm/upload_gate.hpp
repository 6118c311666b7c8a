#pragma once
// Where all sessions of a node, of all its swarms, come to ask whether they may take on a request
// (upload_share.hpp), and which chunk to suggest (suggestions.hpp).
//
//   ServeSides (link threads) ─ admit, waits, sent, suggest ─> UploadGate ─ may_ask ─> session's thread
//
// Thread: any. Cost: a short lock a request and a batch of leaves.

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "engine/swarm/suggestions.hpp"
#include "engine/swarm/upload_share.hpp"

namespace swarmfs::swarm {

class UploadGate : public std::enable_shared_from_this<UploadGate> {
public:
    // A session's place, while it lasts. One that is of no gate admits everything and suggests
    // nothing, as in most tests. Thread: one at a time.
    class Place {
    public:
        Place() = default;
        Place(Place&& other) noexcept : gate_(std::move(other.gate_)), key_(other.key_) {}
        Place& operator=(Place&& other) noexcept {
            std::swap(gate_, other.gate_);
            std::swap(key_, other.key_);
            return *this;
        }
        ~Place();

        // As UploadShare's. Requires: waits() follows admit().
        std::uint64_t admit(std::uint64_t bytes);
        void waits(std::uint64_t bytes);
        void sent(std::uint64_t bytes);
        bool suggests() const { return gate_ != nullptr; }
        // Requires: suggests().
        ChunkIndex suggest(const ContentId& content);

    private:
        friend class UploadGate;
        Place(std::shared_ptr<UploadGate> gate, UploadShare::Key key)
            : gate_(std::move(gate)), key_(key) {}
        std::shared_ptr<UploadGate> gate_;
        UploadShare::Key key_{};
    };

    UploadGate(const Clock& clock, std::uint64_t salt) : clock_(clock), suggestions_(salt) {}

    // `may_ask` is called when a peer that was not admitted may ask again: on whichever thread made
    // room, without a lock held; perhaps once after the place is gone. It must not block.
    Place join(std::function<void()> may_ask);

private:
    using MayAsk = std::shared_ptr<const std::function<void()>>;
    // Runs `change` on the share, then tells who may ask. Returns: what `change` does.
    template <class Change>
    std::uint64_t with(Change change);

    const Clock& clock_;
    std::mutex mutex_;  // guards what follows
    UploadShare share_;
    Suggestions suggestions_;
    std::map<UploadShare::Key, MayAsk> sessions_;
};

}  // namespace swarmfs::swarm
