#include "fs/mount.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "engine/core/log.hpp"
#include "fs/report_volume.hpp"

namespace swarmfs::fs {
namespace {

// What the kernel asks for in one request when a file is read from front to back, at most (its own
// limit is 1 MiB a request); twice that keeps two of them on their way.
constexpr unsigned kReadAheadKibibytes = 2048;
// How long a mount that is paused may take to tell the kernel what has changed.
constexpr std::chrono::seconds kTellPatience{2};

std::int64_t time_of(const Clock& clock) {
    return static_cast<std::int64_t>(clock.wall_ms()) * 1'000'000;
}

std::vector<std::string> words_for_libfuse(const MountOptions& options) {
    // Modes are always checked, by the kernel: with allow_other nothing else would.
    std::vector<std::string> words = {"default_permissions"};
    if (options.read_only) {
        words.emplace_back("ro");
    }
    if (options.allow_other) {
        words.emplace_back("allow_other");
    }
    return words;
}

}  // namespace

Mount::Mount(Plan plan, const Clock& clock)
    : directory_(std::move(plan.directory)),
      volume_(std::move(plan.volume)),
      swarm_(volume_->name()),
      number_(plan.number),
      options_(plan.options),
      session_(std::make_shared<FuseSession>(FuseSession::Options{
          swarm_, words_for_libfuse(plan.options), std::move(plan.on_end),
          node::RequestMark{plan.number, plan.options.files.run, 0, 0, false}})),
      notifier_(*session_),
      files_(std::make_unique<FileSystem>(with_reports(volume_, time_of(clock)), plan.options.files,
                                          clock, notifier_, *session_,
                                          std::move(plan.own_changes))) {
    files_->set_written_elsewhere(plan.written_elsewhere);
    session_->attach(*files_);
}

Result<std::unique_ptr<Mount>> Mount::start(Plan plan, const Clock& clock) {
    if (plan.volume->read_only()) {
        plan.options.read_only = true;  // so that programs see "ro" before they try
    }
    std::unique_ptr<Mount> mount(new Mount(std::move(plan), clock));
    SWARM_CHECK(mount->session_->start(mount->directory_));
    mount->served();
    log_info("fs", "swarm " + mount->swarm_ + " is mounted on " + mount->directory_);
    return mount;
}

Result<std::unique_ptr<Mount>> Mount::go_on(Plan plan, const MountRecord& record, int descriptor,
                                            const Clock& clock) {
    plan.directory = record.directory;
    plan.number = record.number;
    std::unique_ptr<Mount> mount(new Mount(std::move(plan), clock));
    mount->connection_ = record.connection;
    if (!mount->in_sight()) {
        ::close(descriptor);
        mount->stopped_ = true;
        return caller_error(Code::not_found, "it is not what is mounted there now");
    }
    if (auto gone_on = mount->session_->go_on(descriptor, record.init, record.all_answered);
        !gone_on.ok()) {
        mount->stopped_ = true;
        return gone_on.error();
    }
    mount->served();
    mount->notifier_.forget_everything();
    log_info("fs", "swarm " + mount->swarm_ + " on " + mount->directory_ + " goes on");
    return mount;
}

void Mount::served() {
    notifier_.start(*files_);
    if (const auto mounted = find_mount(directory_)) {
        connection_ = mounted->minor;
        if (!set_read_ahead(*mounted, kReadAheadKibibytes)) {
            log_debug("fs", "only root may raise the read-ahead of " + directory_);
        }
    }
}

MountRecord Mount::record() const {
    MountRecord record;
    record.number = number_;
    record.swarm = swarm_;
    record.directory = directory_;
    record.options = options_;
    record.connection = connection_;
    record.init = session_->init();
    return record;
}

Result<int> Mount::pause() {
    if (ended() || !in_sight()) {
        return caller_error(Code::not_found, directory_ + " was unmounted");
    }
    notifier_.wait_until_told(kTellPatience);
    notifier_.stop();
    const int kept = ::fcntl(descriptor(), F_DUPFD_CLOEXEC, 0);
    if (kept < 0) {
        return disk_error(Code::io, "no descriptor is left for " + directory_);
    }
    session_->pause();
    stopped_ = true;
    return kept;
}

Mount::~Mount() {
    stop();
}

bool Mount::in_sight() const {
    const auto mounted = find_mount(directory_);
    return mounted && mounted->type == kSwarmMountType && mounted->minor == connection_;
}

Result<> Mount::unmount(Detach how) {
    if (!in_sight()) {
        return caller_error(Code::not_found, "swarm " + swarm_ + " is not what is mounted on " +
                                                 directory_ + " now");
    }
    return detach(directory_, how);
}

void Mount::stop() {
    if (std::exchange(stopped_, true)) {
        return;
    }
    notifier_.stop();
    if (ended()) {
        // Somebody killed it through fusectl; or unmounted it, and another may have followed at the
        // same place and with the same number, which is alive.
        if (is_dead_mount(directory_)) {
            detach_at_once();
        }
    } else if (!in_sight() || !detach(directory_, Detach::when_unused).ok()) {
        // Out of sight first, so that nobody walks into a mount that is about to die.
        if (in_sight()) {
            detach_at_once();
        }
        abort_connection(connection_);
    }
    session_->stop();
    files_->release_all();
}

void Mount::detach_at_once() {
    const auto detached = detach(directory_, Detach::at_once);
    if (!detached.ok()) {
        log_warning("fs", detached.error().message);
    }
}

}  // namespace swarmfs::fs
