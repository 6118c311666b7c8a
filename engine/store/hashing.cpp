#include "engine/store/hashing.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace swarmfs::store {
namespace {

// Large enough to forget the cost of a call, small enough to stay in the cache while it is hashed.
constexpr std::uint64_t kPartBytes = 1 << 20;
static_assert(kPartBytes % kLeafBytes == 0);
// What is hashed side by side before its leaves join the tree in order: a fraction of a second, so
// that starting threads for it costs nothing, and 128 KiB of hashes.
constexpr std::uint64_t kStretchBytes = 64 * kPartBytes;
// Beyond these the disk is slower.
constexpr unsigned kThreadsMax = 8;

// Hashes the leaves of one stretch, part by part, on as many threads as there is work for.
class Stretch {
public:
    Stretch(std::uint64_t begin, std::uint64_t end, const ReadBytes& read, const GiveUp& give_up)
        : begin_(begin),
          end_(end),
          parts_((end - begin + kPartBytes - 1) / kPartBytes),
          read_(read),
          give_up_(give_up),
          leaves_(leaf_count(end - begin)) {}

    Result<std::span<const Hash256>> hash() {
        const std::uint64_t cores =
            std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsMax);
        {
            std::vector<std::jthread> others;
            for (std::uint64_t i = 1; i < std::min(cores, parts_); ++i) {
                others.emplace_back([this] { work({}); });
            }
            work(give_up_);
        }
        if (failed_) {
            return *std::move(failed_);
        }
        return std::span<const Hash256>(leaves_);
    }

private:
    void work(const GiveUp& give_up) {
        Bytes buffer(static_cast<std::size_t>(std::min(end_ - begin_, kPartBytes)));
        for (;;) {
            const std::uint64_t number = next_.fetch_add(1);
            if (number >= parts_) {
                return;
            }
            const std::uint64_t at = begin_ + number * kPartBytes;
            const auto part = MutableByteSpan(buffer).first(
                static_cast<std::size_t>(std::min(end_ - at, kPartBytes)));
            const Result<> got = give_up && give_up() ? given_up() : read_(at, part);
            if (!got.ok()) {
                const std::lock_guard lock(mutex_);
                failed_ = got.error();
                next_ = parts_;  // nobody begins another
                return;
            }
            content::hash_leaves(part, std::span(leaves_).subspan((at - begin_) / kLeafBytes,
                                                                  leaf_count(part.size())));
        }
    }

    const std::uint64_t begin_;
    const std::uint64_t end_;
    const std::uint64_t parts_;
    const ReadBytes& read_;
    const GiveUp& give_up_;
    std::vector<Hash256> leaves_;
    std::atomic<std::uint64_t> next_ = 0;
    std::mutex mutex_;
    std::optional<Error> failed_;  // guarded by mutex_ while threads run
};

}  // namespace

Error given_up() {
    return caller_error(Code::cancelled, "it is not wanted any more");
}

Result<ContentId> hash_bytes(std::uint64_t size, const ReadBytes& read, content::NodeSink& sink,
                             const GiveUp& give_up) {
    if (size == 0) {
        return content::kEmptyContent;
    }
    content::TreeFold fold(size, sink);
    for (std::uint64_t begin = 0; begin < size; begin += kStretchBytes) {
        if (give_up && give_up()) {
            return given_up();
        }
        Stretch stretch(begin, std::min(size, begin + kStretchBytes), read, give_up);
        SWARM_TRY(const auto leaves, stretch.hash());
        for (const Hash256& leaf : leaves) {
            SWARM_CHECK(fold.add(leaf));
        }
    }
    return fold.finish();
}

Result<> read_whole(const File& file, std::uint64_t offset, MutableByteSpan out) {
    SWARM_TRY(const std::size_t got, file.read_at(offset, out));
    if (got < out.size()) {
        return disk_error(Code::try_again, "a file became shorter while it was hashed");
    }
    return done();
}

Result<ContentId> hash_file(const File& file, std::uint64_t size, content::NodeSink& sink) {
    return hash_bytes(
        size,
        [&](std::uint64_t offset, MutableByteSpan out) { return read_whole(file, offset, out); },
        sink);
}

}  // namespace swarmfs::store
