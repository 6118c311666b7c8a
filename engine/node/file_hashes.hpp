#pragma once
// SHA-256 over the whole of a content, for people who compare with `sha256sum`. A content's own
// name is the root of a tree of hashes, which no other tool computes by default.
//
//   1. It is computed when somebody asks, on a worker, and only of what is here whole. It is kept
//      as long as a file of the swarm shows the content (Tree::keep_file_hash).
//   2. A content of one leaf needs no computing: its root is that hash (BEP 52).
//   3. Whoever asks for one that is being computed waits for the same. When nobody waits any more,
//      and when the node stops, hashing ends within a megabyte.
//   4. Large ones take the lanes of those that publish large files: one at a time, and a file that
//      is published meanwhile waits for it.
// Thread: any.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/store/content_store.hpp"

namespace swarmfs::node {

class FileHashes {
public:
    // Contents that are computed or wait for it; beyond them who asks is told to ask again.
    static constexpr std::size_t kComputingMax = 64;

    using Ticket = std::uint64_t;
    // In every ticket, so that it is never the number of a read.
    static constexpr Ticket kTicketBit = std::uint64_t{1} << 62;
    using Done = std::function<void(Result<Hash256>)>;

    struct Parts {
        Tree& tree;
        store::ContentStore& contents;
        JobGroup& jobs;
    };
    explicit FileHashes(Parts parts) : parts_(parts) {}

    // Calls `done` exactly once, perhaps before it returns. Returns: 0 when it has been answered.
    // Errors: try_again (it is not here whole, or too many are being computed), cancelled, corrupt,
    // io.   Requires: the content is not empty.
    Ticket request(const ContentId& content, Done done);
    // Ends it early with Code::cancelled. No effect when it has been answered.
    void cancel(Ticket ticket);
    // From here on nothing is computed, nor waited for.
    void stop();

private:
    using Waiting = std::map<Ticket, Done>;

    void compute(const ContentId& content, const std::shared_ptr<store::StoredContent>& stored);
    Result<Hash256> hash(store::StoredContent& stored);
    bool wanted(const ContentId& content);
    std::optional<Waiting> take(const ContentId& content, const Result<Hash256>& hashed);

    const Parts parts_;
    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::map<ContentId, Waiting> computing_;  // guarded by mutex_
    Ticket next_ = kTicketBit;                // guarded by mutex_
};

}  // namespace swarmfs::node
