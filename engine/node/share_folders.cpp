#include "engine/node/share_folders.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "engine/core/log.hpp"
#include "engine/node/folder_watch.hpp"
#include "engine/node/member.hpp"
#include "engine/node/share_scan.hpp"

namespace swarmfs::node {
namespace {

constexpr std::chrono::milliseconds kQuiet{100};            // after the last of a burst of changes
constexpr std::chrono::milliseconds kRescanEvery{600'000};  // for what inotify misses
constexpr std::chrono::milliseconds kRescanSoon{1'000};     // for what changed during a scan

bool is_below(const std::string& path, const std::string& folder) {
    return folder == "/" || path == folder || path.starts_with(folder + "/");
}

}  // namespace

ShareFolders::ShareFolders(std::shared_ptr<Member> member, std::string home, Mounts mounts)
    : kept_(std::move(member)),
      member_(*kept_),
      home_(std::move(home)),
      mounts_(std::move(mounts)) {}

ShareFolders::~ShareFolders() {
    stop();
}

void ShareFolders::start() {
    auto watch = FolderWatch::open();
    if (!watch.ok()) {
        log_warning("node", watch.error().message + "; shared folders are only scanned at start");
        return;
    }
    watch_ = *std::move(watch);
    thread_ = std::thread(&ShareFolders::watch_loop, this);
}

void ShareFolders::stop() {
    stopping_ = true;
    if (watch_) {
        watch_->stop();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
    const std::lock_guard lock(scan_mutex_);  // a share() under way ends at its next file
}

void ShareFolders::watch_loop() {
    std::set<std::string> due;
    for (const SharedFolder& folder : member_.membership().shares) {
        due.insert(folder.source);
    }
    while (!stopping_) {
        std::set<std::string> again;
        for (const SharedFolder& folder : member_.membership().shares) {
            if (due.contains(folder.source) && !scan_noting_errors(folder)) {
                again.insert(folder.source);
            }
        }
        due = watch_->wait(kQuiet, again.empty() ? kRescanEvery : kRescanSoon);
        const bool time_passed = due.empty();
        due.merge(again);
        if (time_passed && due.empty()) {
            for (const SharedFolder& folder : member_.membership().shares) {
                due.insert(folder.source);
            }
        }
    }
}

// Returns: whether the folder is settled.
bool ShareFolders::scan_noting_errors(const SharedFolder& folder) {
    const std::lock_guard lock(scan_mutex_);
    const Progress keep_going = [this](const ShareReport&, const std::string&) {
        return !stopping_;
    };
    ShareScan scan(member_, folder, mounts_(), watch_.get(), keep_going);
    auto report = scan.run();
    if (!report.ok() && report.error().code != Code::cancelled) {
        const std::string what = "the shared folder " + printable(folder.source) +
                                 " was not scanned: " + report.error().message;
        log_warning("node", what);
        member_.problems().failed(Doing::sharing, folder.source, what);
    } else if (report.ok()) {
        member_.problems().worked(Doing::sharing, folder.source);
    }
    for (const std::string& path : scan.kept()) {
        log_warning("node", "the shared folder " + printable(folder.source) +
                                " is not complete: what was published from below " +
                                printable(path) + " stays as it was");
    }
    return !scan.unsettled();
}

Result<ShareReport> ShareFolders::share(const SharedFolder& folder, bool remember,
                                        const Progress& progress) {
    if (is_below(folder.source, home_) || is_below(home_, folder.source)) {
        return caller_error(Code::invalid, folder.source + " and the node's home " + home_ +
                                               " overlap; share another folder");
    }
    for (const std::string& mount : mounts_()) {
        if (is_below(folder.source, mount)) {
            return caller_error(Code::invalid,
                                folder.source + " is the swarm itself, mounted on " + mount);
        }
    }
    struct stat status {};
    const bool directory = ::stat(folder.source.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    const std::lock_guard lock(scan_mutex_);
    const Progress keep_going = [&](const ShareReport& report, const std::string& path) {
        return !stopping_ && progress(report, path);
    };
    ShareScan scan(member_, folder, mounts_(), remember && directory ? watch_.get() : nullptr,
                   keep_going);
    SWARM_TRY(ShareReport report, scan.run());
    if (remember && directory) {
        std::vector<SharedFolder> shares = member_.membership().shares;
        std::erase_if(shares, [&](const SharedFolder& s) { return s.source == folder.source; });
        shares.push_back(folder);
        SWARM_CHECK(member_.set_shares(std::move(shares)));
        report.watched = true;
    }
    return report;
}

}  // namespace swarmfs::node
