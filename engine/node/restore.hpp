#pragma once
// What was deleted or replaced in a swarm and can be had again, and bringing it back.
//
// Rules:
//   1. Versions can be brought back while the catalog has their entries whole: seven days from when they
//      were replaced (catalog/replica.hpp, rule 6). Several of one path that say the same count
//      once, and what a path shows now is not among them.
//   2. A version comes back as a new publication of this node, with its mode, time, tags and
//      attributes, and a file identity of its own. What stands is left alone: a name that is taken
//      is refused.
//   3. Before it is published all of its bytes are here and owned, because everybody else may remove
//      theirs. What is not here is fetched from members that are connected; what does not move
//      for kStallMax is not published, and is named with the reason.
//   4. Of a directory comes back what is gone below it: of each path that shows nothing, the version
//      that it showed last. What goes wrong with one holds up none of the others.
// Thread: any; bring_back blocks.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/node/member.hpp"

namespace swarmfs::node {

struct Restorable {
    catalog::Version version;
    std::uint64_t number = 1;        // of its path, the newest first
    bool deleted = false;            // its path shows nothing now
    catalog::HybridTime at = 0;      // when it was deleted or replaced
    std::optional<NodeId> by;        // by whom, where that is still known
    std::uint64_t until_ms = 0;      // afterwards it cannot be had any more
    std::uint64_t stored_bytes = 0;  // of them, here
};

struct RestoreRequest {
    std::string path;                     // "" is all of the swarm
    std::optional<std::string> as;        // where it comes back; none: where it was
    std::optional<std::uint64_t> number;  // as of Restorable; none: the newest
};

struct RestoreReport {
    struct Restored {
        std::string path;
        std::uint64_t bytes = 0;
    };
    struct Failed {
        std::string path;
        Error why;
    };
    std::uint64_t restored_files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t failed_files = 0;
    std::vector<Restored> restored;  // Restore::kNamedMax of them
    std::vector<Failed> failed;      // the same
};

class Restore {
public:
    static constexpr std::size_t kNamedMax = 1000;
    static constexpr std::size_t kTakenMax = 1
                                             << 18;  // of one directory: what one publication holds
    static constexpr Duration kStallMax = std::chrono::seconds(20);

    explicit Restore(Member& member) : member_(member) {}

    // Of the path and all below it, the latest that went first, `count_max` at most.
    // Cost: a look at everything that the swarm's catalog has replaced in seven days.
    std::vector<Restorable> list(const std::string& path, std::size_t count_max) const;
    // `go_on` is asked between steps, and ends it when it says no; what came back stays.
    // Errors: not_found (nothing to bring back, with what is known of why), exists (a name is taken),
    // not_directory (a name above is no directory), too_large (more than kTakenMax), cancelled,
    // read_only, and those of check_path. Of a single file, also those of fetching it: unavailable,
    // no_space, io.
    using GoOn = std::function<bool(std::uint64_t files, std::uint64_t bytes)>;
    Result<RestoreReport> bring_back(const RestoreRequest& request, const GoOn& go_on);

private:
    using Chosen = std::vector<Restorable>;
    Result<Chosen> choose(const RestoreRequest& request) const;
    Error nothing_to_restore(const RestoreRequest& request) const;
    Result<> fetch(const Chosen& chosen, std::size_t begin, std::size_t end, const GoOn& go_on,
                   std::vector<std::optional<Error>>& failed,
                   std::vector<store::Hold>& holds) const;
    Result<> publish(const Restorable& one, const std::string& path);
    Result<> check_free(const store::NamespaceReader& names, const std::string& path) const;

    Member& member_;
};

}  // namespace swarmfs::node
