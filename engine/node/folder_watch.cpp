#include "engine/node/folder_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace swarmfs::node {
namespace {

constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                   IN_ONLYDIR | IN_EXCL_UNLINK;

}  // namespace

Result<std::unique_ptr<FolderWatch>> FolderWatch::open() {
    const int notify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (notify < 0) {
        return disk_error_from_errno(errno, "watching folders");
    }
    const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake < 0) {
        const int error_number = errno;
        ::close(notify);
        return disk_error_from_errno(error_number, "watching folders");
    }
    return std::unique_ptr<FolderWatch>(new FolderWatch(notify, wake));
}

FolderWatch::~FolderWatch() {
    ::close(notify_);
    ::close(wake_);
}

Result<> FolderWatch::add(const std::string& source, const std::string& path) {
    const int watch = ::inotify_add_watch(notify_, path.c_str(), kChanges);
    if (watch < 0) {
        if (errno == ENOSPC) {
            return disk_error(Code::too_large,
                              "the kernel has no more watches for " + path +
                                  "; raise fs.inotify.max_user_watches with sysctl");
        }
        return disk_error_from_errno(errno, "watching " + path);
    }
    const std::lock_guard lock(mutex_);
    source_of_[watch] = source;
    return done();
}

bool FolderWatch::wait_for_events(std::chrono::milliseconds limit) const {
    pollfd watched[] = {{notify_, POLLIN, 0}, {wake_, POLLIN, 0}};
    const int ready = ::poll(watched, 2, static_cast<int>(limit.count()));
    return ready > 0 && (watched[1].revents & POLLIN) == 0;
}

void FolderWatch::read_events(std::set<std::string>& changed) {
    alignas(inotify_event) char buffer[16 * 1024];
    for (;;) {
        const ssize_t got = ::read(notify_, buffer, sizeof(buffer));
        if (got <= 0) {
            return;
        }
        const std::lock_guard lock(mutex_);
        for (ssize_t at = 0; at < got;) {
            inotify_event event{};
            std::memcpy(&event, buffer + at, sizeof(event));
            at += static_cast<ssize_t>(sizeof(event) + event.len);
            if ((event.mask & IN_Q_OVERFLOW) != 0) {
                for (const auto& [watch, source] : source_of_) {
                    changed.insert(source);
                }
            } else if (const auto found = source_of_.find(event.wd); found != source_of_.end()) {
                changed.insert(found->second);
                if ((event.mask & IN_IGNORED) != 0) {
                    source_of_.erase(found);
                }
            }
        }
    }
}

std::set<std::string> FolderWatch::wait(std::chrono::milliseconds quiet,
                                        std::chrono::milliseconds limit) {
    std::set<std::string> changed;
    if (!wait_for_events(limit)) {
        return changed;
    }
    constexpr int kRoundsMax = 10;
    for (int round = 0; round < kRoundsMax; ++round) {
        read_events(changed);
        if (!wait_for_events(quiet)) {
            break;
        }
    }
    read_events(changed);
    return changed;
}

void FolderWatch::stop() {
    const std::uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof(one));
}

}  // namespace swarmfs::node
