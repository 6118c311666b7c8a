#include "fs/fuse_session.hpp"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "engine/core/log.hpp"
#include "engine/core/mount_list.hpp"
#include "fs/fuse_api.hpp"
#include "fs/fuse_ops.hpp"
#include "fs/mount_point.hpp"

namespace swarmfs::fs {
namespace {

// Chosen by us.
constexpr unsigned kMaxWrite = 1024 * 1024;          // the most a kernel sends in one request
constexpr unsigned kMaxReadahead = 4 * 1024 * 1024;  // the file's own setting decides below this
// Reads a mount may have waiting in the background: 128 of 1 MiB fill 1 Gbit/s at a second's delay.
constexpr unsigned kMaxBackground = 128;
constexpr std::chrono::seconds kInitPatience{10};
constexpr std::chrono::milliseconds kSignalEvery{5};
constexpr std::int32_t kIncrementEpoch = 8;  // linux/fuse.h FUSE_NOTIFY_INC_EPOCH, Linux 6.16
constexpr std::int32_t kResend = 7;          // linux/fuse.h FUSE_NOTIFY_RESEND, Linux 6.9

// libfuse says what went wrong only here.
thread_local std::string last_message;

extern "C" void swarmfs_fuse_log(fuse_log_level level, const char* format, va_list arguments) {
    char text[512];
    std::vsnprintf(text, sizeof(text), format, arguments);
    std::string line(text);
    while (!line.empty() && line.back() == '\n') {
        line.pop_back();
    }
    last_message = line;
    log(level <= FUSE_LOG_WARNING ? LogLevel::warning : LogLevel::debug, "fs", line);
}

// From libfuse 3.15 on expiring takes no flags.
[[maybe_unused]] int call_expire(int (*expire)(fuse_session*, fuse_ino_t, const char*, std::size_t),
                                 fuse_session* session, fuse_ino_t parent, std::string_view name) {
    return expire(session, parent, name.data(), name.size());
}
template <class Flags>
[[maybe_unused]] int call_expire(int (*expire)(fuse_session*, fuse_ino_t, const char*, std::size_t,
                                               Flags),
                                 fuse_session* session, fuse_ino_t parent, std::string_view name) {
    constexpr unsigned kExpireOnly = 1;
    return expire(session, parent, name.data(), name.size(), static_cast<Flags>(kExpireOnly));
}

// A notification that libfuse has no call for, and that says nothing but its number.
// Returns: 0, or a negative errno.
int notify_plainly(int descriptor, std::int32_t number) {
    fuse_out_header message{};
    message.len = sizeof(message);
    message.error = number;
    return ::write(descriptor, &message, sizeof(message)) < 0 ? -errno : 0;
}

struct Capability {
    unsigned bit;
    const char* name;
};

// What is asked for, where the kernel has it. Not asked for:
//   ASYNC_DIO         a direct read would wait uninterruptibly, beyond the reach even of SIGKILL;
//   AUTO_INVAL_DATA   beats EXPLICIT_INVAL_DATA and drops pages of files that did not change;
//   WRITEBACK_CACHE, SPLICE_*   measured elsewhere as a loss for sequential work;
//   READDIRPLUS_AUTO  `ls -l` and `find` of a large directory would ask for each name alone;
//   POSIX_ACL         there are none here, and with it the kernel asks for those of every directory
//                     it walks through;
//   locks             the kernel keeps them, per mount.
constexpr Capability kWanted[] = {
    {FUSE_CAP_ASYNC_READ, "async_read"},
    {FUSE_CAP_ATOMIC_O_TRUNC, "atomic_o_trunc"},
    {FUSE_CAP_READDIRPLUS, "readdirplus"},
    {FUSE_CAP_PARALLEL_DIROPS, "parallel_dirops"},
    {FUSE_CAP_CACHE_SYMLINKS, "cache_symlinks"},
    {FUSE_CAP_EXPLICIT_INVAL_DATA, "explicit_inval_data"},
    {FUSE_CAP_HANDLE_KILLPRIV, "handle_killpriv"},
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
    {FUSE_CAP_HANDLE_KILLPRIV_V2, "handle_killpriv_v2"},
#endif
    {FUSE_CAP_EXPIRE_ONLY, "expire_only"},
};

}  // namespace

FuseSession::FuseSession(Options options) : options_(std::move(options)) {}

FuseSession::~FuseSession() {
    if (thread_.joinable()) {
        thread_.join();
    }
    if (session_ != nullptr) {
        // Frees the mount point's name; the connection is dead, so nothing is unmounted.
        fuse_session_unmount(session_);
        fuse_session_destroy(session_);
    }
}

// ---- the beginning ----

// `words`: mount options. Those of mount(2) are nothing to a session that mounts nothing.
Result<> FuseSession::make_session(const std::vector<std::string>& words) {
    fuse_set_log_func(swarmfs_fuse_log);
    std::string all =
        std::string("fsname=") + kSwarmMountSource + options_.name + ",subtype=swarmfs";
    for (const std::string& word : words) {
        all += "," + word;
    }
    fuse_args arguments{};
    fuse_opt_add_arg(&arguments, "swarmfs");
    fuse_opt_add_arg(&arguments, "-o");
    fuse_opt_add_arg(&arguments, all.c_str());
    session_ = fuse_session_new(&arguments, &fuse_operations(), sizeof(fuse_lowlevel_ops), this);
    fuse_opt_free_args(&arguments);
    if (session_ == nullptr) {
        return disk_error(Code::io, "libfuse refused the mount options: " + last_message);
    }
    last_message.clear();
    return done();
}

void FuseSession::begin_serving() {
    workers_ = std::make_unique<FuseWorkers>(session_, options_.mark);
    thread_ = std::thread(&FuseSession::serve, this);
}

Result<> FuseSession::start(const std::string& directory) {
    SWARM_CHECK(make_session(options_.words));
    if (fuse_session_mount(session_, directory.c_str()) != 0) {
        const std::string why = last_message.empty() ? "see the lines above" : last_message;
        return disk_error(::access("/dev/fuse", F_OK) == 0 ? Code::permission : Code::unavailable,
                          "mounting on " + directory + " failed: " + why);
    }
    const bool heard = InitExchange::attach(session_, fuse_session_fd(session_));
    if (heard) {
        begin_serving();
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kInitPatience, [&] { return live_ || ended_ || !heard; });
    if (live_ && !ended_) {
        return done();
    }
    lock.unlock();
    const auto detached = detach(directory, Detach::at_once);
    stop();
    return disk_error(Code::io, "the kernel did not begin to talk about " + directory +
                                    (detached.ok() ? "" : ": " + detached.error().message));
}

Result<> FuseSession::go_on(int descriptor, const InitMessages& said, bool all_answered) {
    const bool again = can_resend(said);
    if (!all_answered && !again) {
        ::close(descriptor);
        return disk_error(Code::unsupported,
                          "this kernel cannot ask again what the last swarmfsd did not answer "
                          "(Linux 6.9 and later can)");
    }
    if (auto made = make_session({}); !made.ok()) {
        ::close(descriptor);
        return made;
    }
    if (!InitExchange::attach(session_, descriptor)) {
        ::close(descriptor);
        return disk_error(Code::unsupported,
                          "libfuse does not take a descriptor of somebody else's");
    }
    replays_ = true;
    init_.note_read(said.request);
    Bytes request = said.request;
    fuse_buf message{};
    message.size = request.size();
    message.mem = request.data();
    message.fd = -1;
    fuse_session_process_buf(session_, &message);
    if (init_.messages() != said || fuse_session_exited(session_) != 0) {
        return disk_error(Code::unsupported,
                          "this version of swarmfsd would have agreed on something else with the "
                          "kernel than the one that mounted it");
    }
    begin_serving();
    if (again) {
        const int failed = notify_plainly(descriptor, kResend);
        if (failed != 0) {
            log_warning(
                "fs", "swarm " + options_.name +
                          ": requests that were not answered are lost: " + std::strerror(-failed));
        }
    }
    return done();
}

void FuseSession::negotiate(fuse_conn_info& connection) {
    std::string agreed;
    unsigned want = 0;
    for (const Capability& capability : kWanted) {
        if ((connection.capable & capability.bit) != 0) {
            want |= capability.bit;
            agreed += std::string(" ") + capability.name;
        }
    }
    const bool promise = InitExchange::promise_is_to_be_added(connection);
    init_.expect_answer(promise);
    if (promise) {
        agreed += " handle_killpriv_v2";
    }
    connection.want = want;
    connection.max_write = kMaxWrite;
    connection.max_readahead = std::max(connection.max_readahead, kMaxReadahead);
    connection.max_background = kMaxBackground;
    connection.congestion_threshold = kMaxBackground / 4 * 3;
    connection.time_gran = 1;
    log_info("fs", "swarm " + options_.name + ": libfuse " + fuse_pkgversion() + ", protocol " +
                       std::to_string(connection.proto_major) + "." +
                       std::to_string(connection.proto_minor) + "," + agreed);
}

ssize_t FuseSession::send(int descriptor, const iovec* parts, int count) {
    const bool init = init_.note_answer(parts, count);
    if ((init && replays_) || answers_nobody_.load(std::memory_order_relaxed)) {
        ssize_t length = 0;
        for (int i = 0; i < count; ++i) {
            length += static_cast<ssize_t>(parts[i].iov_len);
        }
        return length;
    }
    const ssize_t sent = ::writev(descriptor, parts, count);
    if (init) {
        const std::scoped_lock lock(mutex_);
        live_ = true;
        changed_.notify_all();
    }
    return sent;
}

ssize_t FuseSession::receive(int descriptor, void* into, std::size_t room) {
    const ssize_t got = ::read(descriptor, into, room);
    if (got > 0) {
        init_.note_read({static_cast<const std::uint8_t*>(into), static_cast<std::size_t>(got)});
    }
    return got;
}

int FuseSession::descriptor() const {
    return fuse_session_fd(session_);
}

void FuseSession::serve() {
    ::pthread_setname_np(::pthread_self(), "fuse");
    workers_->run();
    const auto on_end = options_.on_end;
    {
        const std::scoped_lock lock(mutex_);
        ended_ = true;
        changed_.notify_all();
    }
    if (on_end) {
        on_end();
    }
}

// ---- the end ----

bool FuseSession::ended() const {
    const std::scoped_lock lock(mutex_);
    return ended_;
}

// What the threads were working on is answered before they leave.
void FuseSession::end_serving() {
    {
        std::unique_lock lock(mutex_);
        while (!ended_ && thread_.joinable()) {
            fuse_session_exit(session_);
            workers_->wake();
            changed_.wait_for(lock, kSignalEvery, [this] { return ended_; });
        }
    }
    if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) {
        thread_.join();
    }
}

void FuseSession::cancel_waiting() {
    if (file_system_ != nullptr) {
        for (const node::ReadTicket ticket : pending_reads_.interrupt_all()) {
            file_system_->cancel_read(ticket);
        }
    }
    const std::unique_lock lock(serving_mutex_);
    stopped_ = true;
}

void FuseSession::stop() {
    if (session_ == nullptr) {
        return;
    }
    end_serving();
    cancel_waiting();
    make_descriptor_dead();
}

void FuseSession::pause() {
    end_serving();
    // The kernel asks the next run; where it cannot, whoever waits is told that he was interrupted.
    answers_nobody_ = can_resend(init());
    cancel_waiting();
    make_descriptor_dead();
}

// Gives the kernel its end of the conversation back, so that it fails what still waits, and leaves
// the number taken by a descriptor that refuses everything: an answer that comes late finds that
// and nobody else's file.
void FuseSession::make_descriptor_dead() {
    const int dead = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (dead >= 0) {
        ::dup3(dead, fuse_session_fd(session_), O_CLOEXEC);
        ::close(dead);
    }
}

bool FuseSession::while_serving(const std::function<void(FileSystem&)>& act) {
    const std::shared_lock lock(serving_mutex_);
    if (!stopped_) {
        act(*file_system_);
    }
    return !stopped_;
}

// ---- why reads fail ----

void FuseSession::explain(const std::string& what, const Error& error) {
    if (error.code == Code::cancelled) {
        return;
    }
    // Powers of two: a disk or a network that fails for hours says so a few dozen times.
    const std::uint64_t count = unexplained_.fetch_add(1) + 1;
    if ((count & (count - 1)) == 0) {
        log_warning("fs", "swarm " + options_.name + ": " + what + " failed (" +
                              std::to_string(count) + " so far): " + error.message);
    }
}

// ---- the kernel's cache ----

KernelCache::Told FuseSession::told(int result) const {
    switch (-result) {
        case 0: return Told::done;
        case ENOENT: return Told::unknown;
        case ENOSYS:
        case EINVAL: return Told::unsupported;
        default: return ended() ? Told::gone : Told::done;
    }
}

KernelCache::Told FuseSession::drop_name(node::Inode parent, std::string_view name) {
    return told(fuse_lowlevel_notify_inval_entry(session_, parent, name.data(), name.size()));
}

KernelCache::Told FuseSession::expire_name(node::Inode parent, std::string_view name) {
    return told(call_expire(&fuse_lowlevel_notify_expire_entry, session_, parent, name));
}

KernelCache::Told FuseSession::drop_attributes(node::Inode inode) {
    constexpr off_t kNoPages = -1;
    return told(fuse_lowlevel_notify_inval_inode(session_, inode, kNoPages, 0));
}

KernelCache::Told FuseSession::drop_listing(node::Inode directory) {
    // A directory's pages are its cached listing; nobody holds their lock while waiting for us.
    return told(fuse_lowlevel_notify_inval_inode(session_, directory, 0, 0));
}

KernelCache::Told FuseSession::drop_all_names() {
    return told(notify_plainly(fuse_session_fd(session_), kIncrementEpoch));
}

bool FuseSession::put(node::Inode inode, ByteSpan bytes) {
    fuse_bufvec buffer{};
    buffer.count = 1;
    buffer.buf[0].size = bytes.size();
    buffer.buf[0].mem = const_cast<std::uint8_t*>(bytes.data());  // libfuse only reads it
    buffer.buf[0].fd = -1;
    return fuse_lowlevel_notify_store(session_, inode, 0, &buffer, fuse_buf_copy_flags{}) == 0;
}

}  // namespace swarmfs::fs
