#pragma once
// One conversation with the kernel over /dev/fuse: mounting, INIT, the threads that serve, and the
// end. What is answered is in fuse_ops; what it means is in file_system.
//
//   start  mounts and returns once INIT is answered: from then on the directory is live.
//   go_on  takes up a conversation that an earlier run of the node began, as if it had never stopped:
//          what nobody has answered is sent again.
//   (ended) the kernel closed the conversation: somebody unmounted, or the connection was aborted.
//   stop   ends it from our side, whether or not the directory is still in use: serving threads
//          leave, waiting reads and openings are cancelled, and the kernel fails what is left with ENOTCONN.
//   pause  leaves it to a later run: what waits stays unanswered. The descriptor must live on elsewhere.
//
// A read or an opening that waits for the network holds the session alive, so an answer that comes
// late never meets a dead one. Thread: start and stop from one; the rest from any.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/node/request_mark.hpp"
#include "fs/file_system.hpp"
#include "fs/fuse_workers.hpp"
#include "fs/init_exchange.hpp"
#include "fs/notifier.hpp"
#include "fs/pending_reads.hpp"

struct fuse_session;
struct fuse_conn_info;
struct iovec;

namespace swarmfs::fs {

class FuseSession final : public KernelCache,
                          public KernelPages,
                          public std::enable_shared_from_this<FuseSession> {
public:
    struct Options {
        std::string name;                // the swarm's, for log lines and the mount table
        std::vector<std::string> words;  // mount options as libfuse takes them: "ro", …
        std::function<void()> on_end;    // from the serving thread, once, after the last request
        node::RequestMark mark;          // the mount, and this run of it
    };

    explicit FuseSession(Options options);
    ~FuseSession() override;

    // Requires: attached first. Errors: permission, io, unavailable (no /dev/fuse).
    Result<> start(const std::string& directory);
    // `descriptor` is /dev/fuse's, and this object's from here on, also after an error; `said` is
    // what an earlier run's init() gave. `all_answered`: that run ended in order.
    // Errors: unsupported, when this kernel, or this version of the program, cannot.
    Result<> go_on(int descriptor, const InitMessages& said, bool all_answered);
    void stop();
    void pause();
    // The file system that answers. It must outlive the serving, that is until stop or on_end.
    void attach(FileSystem& file_system) { file_system_ = &file_system; }
    bool ended() const;
    int descriptor() const;
    const InitMessages& init() const { return init_.messages(); }

    // ---- for fuse_ops ----
    FileSystem& file_system() { return *file_system_; }
    PendingReads& pending_reads() { return pending_reads_; }
    void negotiate(fuse_conn_info& connection);
    // Pass messages between libfuse and the kernel (init_exchange.hpp). As writev(2) and read(2).
    ssize_t send(int descriptor, const iovec* parts, int count);
    ssize_t receive(int descriptor, void* into, std::size_t room);
    // Says in the log why `what` failed, at most once a second.
    void explain(const std::string& what, const Error& error);
    // Runs `act` on the file system, which is there until it returns; not any more after stop().
    // Returns: whether it ran. It must be quick.
    bool while_serving(const std::function<void(FileSystem&)>& act);

    // ---- KernelCache ----
    Told drop_name(node::Inode parent, std::string_view name) override;
    Told expire_name(node::Inode parent, std::string_view name) override;
    Told drop_attributes(node::Inode inode) override;
    Told drop_listing(node::Inode directory) override;
    Told drop_all_names() override;

    // ---- KernelPages ----
    bool put(node::Inode inode, ByteSpan bytes) override;

private:
    Result<> make_session(const std::vector<std::string>& words);
    void begin_serving();
    void serve();
    void end_serving();
    void cancel_waiting();
    void make_descriptor_dead();
    Told told(int result) const;

    const Options options_;
    FileSystem* file_system_ = nullptr;     // fixed before start
    fuse_session* session_ = nullptr;       // fixed by start
    std::unique_ptr<FuseWorkers> workers_;  // fixed by start
    PendingReads pending_reads_;
    std::atomic<std::uint64_t> unexplained_ = 0;
    InitExchange init_;
    bool replays_ = false;                      // fixed before it serves
    std::atomic<bool> answers_nobody_ = false;  // a later run will
    std::shared_mutex serving_mutex_;
    bool stopped_ = false;  // guarded by serving_mutex_
    std::thread thread_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool live_ = false;   // guarded by mutex_: INIT was answered
    bool ended_ = false;  // guarded by mutex_: no more requests will be served
};

}  // namespace swarmfs::fs
