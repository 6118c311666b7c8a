#include "engine/node/share_scan.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "engine/catalog/path_rules.hpp"
#include "engine/core/file_time.hpp"
#include "engine/core/log.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/node/folder_watch.hpp"

namespace swarmfs::node {
namespace {

// One commit and at most one signature for so many files.
constexpr std::size_t kBatchItems = 512;
constexpr std::size_t kSkippedReportedMax = 1000;

ManifestRow row_of(const struct stat& status, const std::string& target) {
    ManifestRow row;
    row.device = status.st_dev;
    row.inode = status.st_ino;
    row.size = static_cast<std::uint64_t>(status.st_size);
    row.mtime_ns = file_time_ns(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    row.mode = status.st_mode;
    row.path = target;
    return row;
}

// Of what a row was made of: what it says is of this kind.
bool says(const ManifestRow& row, catalog::EntryKind kind, const ContentId& content,
          const std::string& target) {
    const bool same_kind = S_ISDIR(row.mode)   ? kind == catalog::EntryKind::directory
                           : S_ISLNK(row.mode) ? kind == catalog::EntryKind::symlink
                                               : kind == catalog::EntryKind::file;
    return same_kind && row.content == said(content, target);
}

bool says(const ManifestRow& row, const store::InodeRecord& shown) {
    return says(row, store::entry_kind_of(shown.kind), shown.content, shown.target);
}

Result<std::string> link_target(const std::string& path) {
    std::string target(catalog::kTargetBytesMax + 1, '\0');
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    if (length < 0) {
        return disk_error_from_errno(errno, "reading " + path);
    }
    target.resize(static_cast<std::size_t>(length));
    return target;
}

}  // namespace

ShareScan::ShareScan(Member& member, const SharedFolder& folder, std::vector<std::string> mounts,
                     FolderWatch* watch, const ShareFolders::Progress& progress)
    : member_(member),
      folder_(folder),
      mounts_(std::move(mounts)),
      watch_(watch),
      progress_(progress) {}

Result<ShareReport> ShareScan::run() {
    struct stat status {};
    if (::lstat(folder_.source.c_str(), &status) != 0) {
        Error error = disk_error_from_errno(errno, folder_.source);
        error.whose = Whose::caller;
        return error;
    }
    SWARM_CHECK(visit(folder_.source, folder_.target, 0));
    SWARM_CHECK(flush());
    SWARM_CHECK(remove_vanished());
    return std::move(report_);
}

// Errors: `why`, for what was to be scanned itself; what is met inside is only reported.
Result<> ShareScan::skip(const std::string& path, Error why) {
    if (path == folder_.source) {
        why.message = path + " cannot be shared: " + why.message;
        if (why.code == Code::permission) {
            why.message += "; let the user who runs the node read it, then share it again";
        }
        return why;
    }
    if (report_.skipped.size() < kSkippedReportedMax) {
        report_.skipped.push_back({path, std::move(why.message)});
    }
    return done();
}

// What was published from below `target` stays, though it is not seen. Errors: those of skip.
Result<> ShareScan::keep(const std::string& path, const std::string& target, Error why) {
    kept_.push_back(path);
    kept_targets_.push_back(target);
    return skip(path, std::move(why));
}

// With a full disk nothing that follows can be published either, but what was prepared may be.
Error ShareScan::out_of_space(const std::string& path, const Error& error) {
    const auto flushed = flush();
    return disk_error(Code::no_space,
                      path + " cannot be shared: " + error.message +
                          (flushed.ok() ? "" : "; " + flushed.error().message) +
                          "; make room on the disk of the node's home, then share it again");
}

bool ShareScan::is_kept(const std::string& target) const {
    return std::any_of(kept_targets_.begin(), kept_targets_.end(), [&](const std::string& kept) {
        return target == kept || target.starts_with(kept + "/");
    });
}

Result<> ShareScan::visit(const std::string& path, const std::string& target, std::size_t depth) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        const int error_number = errno;
        unsettled_ = true;  // it was listed a moment ago
        if (error_number != ENOENT && error_number != ENOTDIR) {
            return keep(path, target, disk_error_from_errno(error_number, "looking at it"));
        }
        return done();
    }
    if (std::find(mounts_.begin(), mounts_.end(), path) != mounts_.end()) {
        return skip(path, caller_error(Code::invalid, "it is the swarm itself, mounted there"));
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode)) {
        return skip(path, caller_error(Code::invalid,
                                       "it is neither a file, a directory nor a symbolic link"));
    }
    if (auto allowed = catalog::check_path(target); !allowed.ok()) {
        return skip(path, allowed.error());
    }
    seen_.insert(crypto::sha256(as_bytes(target)));
    Item item;
    item.row = row_of(status, target);
    const Bytes key = manifest_key(member_.membership().swarm, folder_.source, target);
    const auto noted = member_.database().reader().get(key);
    const auto before = noted ? decode_manifest_row(*noted) : std::nullopt;
    std::optional<std::vector<std::string>> names;
    if (S_ISDIR(status.st_mode)) {
        auto listed = names_in(path);
        if (!listed.ok()) {
            SWARM_CHECK(keep(path, target, listed.error()));
        } else if (listed->empty() && before && before->device != item.row.device) {
            return keep(path, target,
                        caller_error(Code::try_again,
                                     "it is empty and on another file system than before, as if a "
                                     "disk were not mounted; what was published from it stays"));
        } else {
            names = *std::move(listed);
        }
    }
    if (before && before->looks_like(item.row)) {
        report_.unchanged += S_ISREG(status.st_mode) ? 1 : 0;
    } else {
        item.before = before;
        if (auto prepared = prepare(path, item.row, item); !prepared.ok()) {
            if (prepared.error().code == Code::cancelled) {
                return prepared;
            }
            if (prepared.error().code == Code::no_space) {
                return out_of_space(path, prepared.error());
            }
            unsettled_ |= prepared.error().code == Code::try_again;
            return skip(path, prepared.error());
        }
        SWARM_CHECK(add(std::move(item)));
    }
    return names ? visit_directory(path, target, *names, depth + 1) : done();
}

// Errors: those of a directory that cannot be listed, or not whole.
Result<std::vector<std::string>> ShareScan::names_in(const std::string& path) {
    std::vector<std::string> names;
    std::error_code failed;
    for (auto at = std::filesystem::directory_iterator(path, failed);
         !failed && at != std::filesystem::directory_iterator(); at.increment(failed)) {
        names.push_back(at->path().filename().string());
    }
    if (failed) {
        unsettled_ |= failed == std::errc::no_such_file_or_directory;
        return disk_error_from_errno(failed.value(), "listing it");
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<> ShareScan::visit_directory(const std::string& path, const std::string& target,
                                    const std::vector<std::string>& names, std::size_t depth) {
    if (depth > catalog::kPathDepthMax) {
        return skip(path, caller_error(Code::too_large, "it is nested too deeply"));
    }
    if (watch_ != nullptr) {
        if (auto watched = watch_->add(folder_.source, path); !watched.ok()) {
            log_warning("node", watched.error().message);
        }
    }
    for (const std::string& name : names) {
        if (progress_ && !progress_(report_, path + "/" + name)) {
            return caller_error(Code::cancelled, "the scan was stopped");
        }
        SWARM_CHECK(visit(path + "/" + name, catalog::join_path(target, name), depth));
    }
    return done();
}

Result<> ShareScan::prepare(const std::string& path, const ManifestRow& row, Item& item) {
    catalog::Entry& entry = item.entry;
    entry.path = row.path;
    entry.mode = static_cast<std::uint16_t>(row.mode & 01777);
    entry.mtime_ns = row.mtime_ns;
    entry.tags = folder_.tags;
    if (S_ISDIR(row.mode)) {
        entry.kind = catalog::EntryKind::directory;
    } else if (S_ISLNK(row.mode)) {
        entry.kind = catalog::EntryKind::symlink;
        SWARM_TRY(entry.target, link_target(path));
        item.row.content = said({}, entry.target);
    } else if (row.size > 0) {
        const auto stopped = [&] { return progress_ && !progress_(report_, path); };
        SWARM_TRY(item.content, member_.contents().prepare_in_place(path, stopped));
        entry.content = item.content->id();
        item.row.content = entry.content;
    }
    return done();
}

Result<> ShareScan::add(Item item) {
    if (S_ISREG(item.row.mode)) {
        ++report_.files;
        report_.bytes += item.row.size;
    }
    batch_.push_back(std::move(item));
    return batch_.size() >= kBatchItems ? flush() : done();
}

Result<> ShareScan::flush() {
    if (batch_.empty()) {
        return done();
    }
    std::vector<Item> batch = std::move(batch_);
    batch_.clear();
    auto committed = member_.tree().change(
        [&](store::Namespace& names, KeyValueWriter& rows) -> Result<> {
            store::ContentLedger contents(rows);
            for (Item& item : batch) {
                SWARM_CHECK(publish(names, contents, item));
            }
            return done();
        },
        Tree::Origin::elsewhere);
    for (Item& item : batch) {
        if (!item.content) {
            continue;
        }
        if (!committed.ok()) {
            member_.contents().discard(*std::move(item.content));
            continue;
        }
        const ContentId id = item.content->id();
        SWARM_TRY(const auto placed, member_.contents().place(*std::move(item.content)));
        (void)placed;
        member_.content_arrived(id, std::string(catalog::name_of_path(item.row.path)));
    }
    return committed;
}

// What others made of it since it was published from here stays: where it was only touched, their
// word is the newer one; where it says something new, both are kept.
Result<> ShareScan::publish(store::Namespace& names, store::ContentLedger& contents, Item& item) {
    const catalog::Entry& entry = item.entry;
    const std::optional<ManifestRow>& before = item.before;
    if (item.content) {
        SWARM_CHECK(member_.contents().record(contents, *item.content));
    }
    contents.batch().put(manifest_key(member_.membership().swarm, folder_.source, entry.path),
                         encode(item.row));
    if (before && says(*before, entry.kind, entry.content, entry.target)) {
        const auto shown = names.resolve(entry.path);
        if (!shown.ok() || !says(*before, *shown)) {
            return done();
        }
    }
    const auto ours = [&](const catalog::Entry& shown) {
        return before && says(*before, shown.kind, shown.content, shown.target);
    };
    const auto put = names.put_path(entry, ours);
    return put.ok() ? done() : Result<>(put.error());
}

// What was published from here, is gone from the folder, and is still in the swarm as it was.
Result<> ShareScan::remove_vanished() {
    std::vector<ManifestRow> vanished;
    const Bytes prefix = manifest_prefix(member_.membership().swarm, folder_.source);
    member_.database().reader().scan(prefix, {}, [&](ByteSpan, ByteSpan value) {
        auto row = decode_manifest_row(value);
        if (row && !seen_.contains(crypto::sha256(as_bytes(row->path))) && !is_kept(row->path)) {
            vanished.push_back(*std::move(row));
        }
        return true;
    });
    // Deepest first, so that directories are empty when their turn comes.
    std::sort(vanished.begin(), vanished.end(),
              [](const ManifestRow& a, const ManifestRow& b) { return a.path > b.path; });
    for (const ManifestRow& row : vanished) {
        SWARM_CHECK(member_.tree().change(
            [&](store::Namespace& names, KeyValueWriter& rows) -> Result<> {
                rows.erase(manifest_key(member_.membership().swarm, folder_.source, row.path));
                const auto shown = names.resolve(row.path);
                if (!shown.ok() || !says(row, *shown)) {
                    return done();
                }
                if (shown->kind == store::InodeKind::directory) {
                    return names.has_children(shown->inode)
                               ? done()
                               : names.remove_directory(shown->parent, shown->name);
                }
                return names.remove_file(shown->parent, shown->name);
            },
            Tree::Origin::elsewhere));
        ++report_.removed;
    }
    return done();
}

}  // namespace swarmfs::node
