#pragma once
// What programs ask, through attributes of a mount, about keeping files here (file_attributes.hpp).
//
// Rules:
//   1. Nothing waits for the network, nor for a walk over a directory: what takes longer goes on in the
//      background, and what comes of it is seen by `have` and `state`.
//   2. What is known at once to be impossible is an error at once.
// Thread: any.

#include <memory>
#include <string>

#include "engine/core/result.hpp"
#include "engine/node/prefetcher.hpp"
#include "engine/node/workers.hpp"

namespace swarmfs::node {

class CacheKeeper;
class Member;
class Pins;

class KeepWishes {
public:
    KeepWishes(Member& member, CacheKeeper& cache, Pins& pins, JobGroup& jobs)
        : member_(member), cache_(cache), pins_(pins), jobs_(jobs) {}

    // Before anything is asked.
    void start(Prefetcher::Parts parts) {
        prefetcher_ = std::make_shared<Prefetcher>(std::move(parts));
    }
    // Thread: engine.
    void stop() { prefetcher_->stop(); }

    enum class Pinned : std::uint8_t { no, itself, above };
    // `path` as of catalog/path_rules.hpp; "" is the root.
    Pinned pinned(const std::string& path) const;
    // On record when it returns. Errors: not_found, and those of Pins::set.
    Result<> pin(const std::string& path);
    // Errors: invalid: it is pinned with a directory above it; those of Pins::set.
    Result<> unpin(const std::string& path);
    // Errors: as Prefetcher::ask.
    Result<> prefetch(const store::InodeRecord& record);
    // What is here of the file, or of all below the directory, goes as soon as it is known that it may.
    // Errors: as Keeping::why_kept, of a file.
    Result<> evict(const store::InodeRecord& record, const std::string& path);

private:
    Member& member_;
    CacheKeeper& cache_;
    Pins& pins_;
    JobGroup& jobs_;
    std::shared_ptr<Prefetcher> prefetcher_;
};

}  // namespace swarmfs::node
