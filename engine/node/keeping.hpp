#pragma once
// What people ask about keeping files here, by path: pin, unpin, evict, verify. For the control
// methods, and for whoever else has a path.
//
// Rules:
//   1. A pin is on record when it returns; fetching goes on in the background (pin_keeper.hpp).
//   2. Evicting gives back what is stored of a file, or of all below a directory, but for what may not
//      go: it is owned (published here), shared in place, pinned, in use as a whole, named by another
//      swarm here too, or this node is among those that are to keep it (last_copies.hpp; the members
//      that are connected are asked). What stays is told, with the reason.
//   3. Verifying hashes what is stored of them, whatever was seen before. What does not match is
//      dropped; what is pinned is fetched anew, the rest when somebody reads it.
// Thread: any; evict and verify block.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/node/member.hpp"

namespace swarmfs::node {

struct KeptFile {
    std::string path;
    Error why;
};

struct EvictReport {
    std::uint64_t files = 0;  // of which something was evicted
    std::uint64_t bytes = 0;
    std::uint64_t kept_files = 0;
    std::vector<KeptFile> kept;  // Keeping::kNamedMax of them
};

struct VerifyReport {
    std::uint64_t files = 0;  // of which something is here
    std::uint64_t bytes = 0;  // hashed
    std::uint64_t wrong_files = 0;
    std::uint64_t wrong_bytes = 0;
    std::vector<std::string> wrong;  // paths; Keeping::kNamedMax of them
};

class Keeping {
public:
    static constexpr std::size_t kNamedMax = 1000;
    // How long the members are waited for: a survey's deadline, and turns of many.
    static constexpr Duration kAnswersMax = std::chrono::seconds(10);

    Keeping(Member& member, CacheKeeper& cache, Pins& pins)
        : member_(member), cache_(cache), pins_(pins) {}

    // `path` is "" for the root. Errors: not_found, and those of Pins::set.
    Result<> pin(const std::string& path);
    // Errors: invalid: it is pinned with a directory above it; those of Pins::set.
    Result<> unpin(const std::string& path);
    bool is_pinned(const std::string& path) const;

    // `go_on` is asked between steps, and ends it with Code::cancelled when it says no.
    // Errors: not_found, io, cancelled.
    using GoOn = std::function<bool(std::uint64_t files, std::uint64_t bytes)>;
    Result<EvictReport> evict(const std::string& path, const GoOn& go_on);
    Result<VerifyReport> verify(const std::string& path, const GoOn& go_on);

    // Why nothing of the file may go, as far as this node alone knows; nothing: others decide.
    // Errors that it names: permission (owned, shared in place), busy (pinned, in use, a file of another
    // swarm here).
    std::optional<Error> why_kept(const std::string& path,
                                  const store::StoredContent& content) const;
    // Contents of which anything is here, of the file or all below the directory. Errors: not_found.
    Result<std::set<ContentId>> stored_below(const std::string& path) const;

private:
    struct File {
        std::string path;
        ContentId content;
    };
    Result<std::vector<File>> files_stored_below(const std::string& path) const;
    std::optional<Error> evict_chunks(const File& file, const LastCopies& copies,
                                      EvictReport& report);
    std::vector<ContentId> layers_of(const ContentId& id) const;
    Result<std::vector<store::StoredChunk>> chunks_that_may_go(const std::vector<ContentId>& layers,
                                                               std::optional<ChunkIndex>& from,
                                                               const LastCopies& copies,
                                                               bool& last) const;

    Member& member_;
    CacheKeeper& cache_;
    Pins& pins_;
};

}  // namespace swarmfs::node
