#include "engine/node/file_hashes.hpp"

#include "engine/core/log.hpp"
#include "engine/core/units.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::node {
namespace {

constexpr std::size_t kPiece = 1 << 20;  // read, and hashed, between two looks at who waits

Error ended() {
    return caller_error(Code::cancelled, "hashing the file was given up");
}

}  // namespace

FileHashes::Ticket FileHashes::request(const ContentId& content, Done done) {
    if (content.size <= kLeafBytes) {
        done(content.root);
        return 0;
    }
    if (const auto kept = parts_.tree.file_hash(content)) {
        done(*kept);
        return 0;
    }
    auto stored = parts_.contents.open(content);
    if (!stored.ok()) {
        done(stored.error());
        return 0;
    }
    if (!(*stored)->complete()) {
        done(
            caller_error(Code::try_again,
                         "the file is not here whole, and only that can be hashed; read it first"));
        return 0;
    }
    Ticket ticket = 0;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (!stopping_ && (computing_.contains(content) || computing_.size() < kComputingMax)) {
            first = !computing_.contains(content);
            ticket = next_++;
            computing_[content].emplace(ticket, std::move(done));
        }
    }
    if (ticket == 0) {
        done(caller_error(Code::try_again, "too many files are being hashed; ask again later"));
    } else if (first) {
        parts_.jobs.post(lane_of(content.size), [this, content, stored = std::move(*stored)] {
            compute(content, stored);
        });
    }
    return ticket;
}

// Once a content is taken out of computing_, whoever asks next finds what was kept.
void FileHashes::compute(const ContentId& content,
                         const std::shared_ptr<store::StoredContent>& stored) {
    for (;;) {
        const auto hashed = hash(*stored);
        if (hashed.ok()) {
            if (const auto kept = parts_.tree.keep_file_hash(content, *hashed); !kept.ok()) {
                log_debug("node", "the hash of a file cannot be kept: " + kept.error().message);
            }
        }
        const auto waiting = take(content, hashed);
        if (!waiting) {
            continue;
        }
        for (const auto& [ticket, done] : *waiting) {
            done(hashed);
        }
        return;
    }
}

Result<Hash256> FileHashes::hash(store::StoredContent& stored) {
    crypto::Sha256 sum;
    Bytes piece(kPiece);
    const std::uint64_t size = stored.id().size;
    for (std::uint64_t at = 0; at < size;) {
        if (!wanted(stored.id())) {
            return ended();
        }
        SWARM_TRY(const std::size_t got, stored.read(at, piece));
        if (got == 0) {
            return disk_error(Code::io, "a file ends before its size");
        }
        sum.update(ByteSpan(piece).first(got));
        at += got;
    }
    return sum.finish();
}

bool FileHashes::wanted(const ContentId& content) {
    const std::lock_guard lock(mutex_);
    const auto found = computing_.find(content);
    return !stopping_ && found != computing_.end() && !found->second.empty();
}

// Returns: nothing when it was given up since nobody waited, and now somebody does.
std::optional<FileHashes::Waiting> FileHashes::take(const ContentId& content,
                                                    const Result<Hash256>& hashed) {
    const std::lock_guard lock(mutex_);
    const bool given_up = !hashed.ok() && hashed.error().code == Code::cancelled;
    const auto found = computing_.find(content);
    if (given_up && !stopping_ && !found->second.empty()) {
        return std::nullopt;
    }
    return computing_.extract(found).mapped();
}

void FileHashes::cancel(Ticket ticket) {
    Done done;
    {
        const std::lock_guard lock(mutex_);
        for (auto& [content, waiting] : computing_) {
            if (const auto found = waiting.find(ticket); found != waiting.end()) {
                done = std::move(found->second);
                waiting.erase(found);
                break;
            }
        }
    }
    if (done) {
        done(ended());
    }
}

void FileHashes::stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
}

}  // namespace swarmfs::node
