#pragma once
// One pass over a shared folder: compares it with what was noted last time and publishes the
// difference, in batches of which each is one commit. Thread: the caller's; blocks on the disk.

#include <optional>
#include <unordered_set>

#include "engine/node/member.hpp"
#include "engine/node/share_folders.hpp"
#include "engine/node/share_manifest.hpp"

namespace swarmfs::node {

class ShareScan {
public:
    // `mounts` are directories to pass over; `watch` is told of every directory met, and may be
    // null.
    ShareScan(Member& member, const SharedFolder& folder, std::vector<std::string> mounts,
              FolderWatch* watch, const ShareFolders::Progress& progress);

    // Errors: what keeps the folder itself from being published (what is met inside is reported);
    // no_space, cancelled (by progress), and the Tree's.
    Result<ShareReport> run();
    // Something changed while it was looked at: another pass is due soon.
    bool unsettled() const { return unsettled_; }
    // Paths that could not be looked into: nothing below them counts as vanished.
    const std::vector<std::string>& kept() const { return kept_; }

private:
    // A path that is ready to be published.
    struct Item {
        catalog::Entry entry;
        ManifestRow row;
        std::optional<ManifestRow> before;  // what was published last
        std::optional<store::NewContent> content;
    };

    Result<> visit(const std::string& path, const std::string& target, std::size_t depth);
    Result<> visit_directory(const std::string& path, const std::string& target,
                             const std::vector<std::string>& names, std::size_t depth);
    Result<std::vector<std::string>> names_in(const std::string& path);
    Result<> prepare(const std::string& path, const ManifestRow& row, Item& item);
    Result<> add(Item item);
    Result<> flush();
    Result<> publish(store::Namespace& names, store::ContentLedger& contents, Item& item);
    Result<> remove_vanished();
    Result<> skip(const std::string& path, Error why);
    Result<> keep(const std::string& path, const std::string& target, Error why);
    Error out_of_space(const std::string& path, const Error& error);
    bool is_kept(const std::string& target) const;

    Member& member_;
    const SharedFolder& folder_;
    const std::vector<std::string> mounts_;
    FolderWatch* const watch_;
    const ShareFolders::Progress& progress_;
    ShareReport report_;
    bool unsettled_ = false;
    std::vector<Item> batch_;
    std::unordered_set<Hash256> seen_;  // hashes of paths in the swarm
    std::vector<std::string> kept_;
    std::vector<std::string> kept_targets_;
};

}  // namespace swarmfs::node
