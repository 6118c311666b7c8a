#pragma once
// Tells the kernel what to forget, from a thread of its own.
//
//   1. The thread holds no lock and serves no request while it tells: the kernel takes the
//      directory's lock for it, which a request under way may hold.
//   2. A name is dropped, so that its next use is a fresh lookup under the directory's lock: an
//      expired one would be revalidated without that lock, and an answer overtaken by a second
//      change could then be kept for an hour. Directories are only expired, because dropping one
//      detaches what is mounted below it and the working directories inside.
//   3. "Unknown" for an inode the kernel was told of means that the answer that names it is still
//      on its way: it is told again until it is known or forgotten. (What only an earlier run told
//      it of has no answer on its way.)
//   4. At most kQueueMax notices wait. When more come, all names are dropped at once (an epoch,
//      where the kernel has them) and every listing and attribute the kernel holds.
//   5. File pages are never invalidated: that waits on the lock of a page being read.
//
// Thread: post from any; start and stop from one.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>

#include "fs/notices.hpp"

namespace swarmfs::fs {

class FileSystem;

// The kernel's cache as far as it can be told to forget.
class KernelCache {
public:
    enum class Told : std::uint8_t {
        done,
        unknown,      // it holds no such thing
        unsupported,  // this kernel or this libfuse cannot
        gone,         // the mount is
    };

    virtual ~KernelCache() = default;
    virtual Told drop_name(node::Inode parent, std::string_view name) = 0;
    virtual Told expire_name(node::Inode parent, std::string_view name) = 0;
    virtual Told drop_attributes(node::Inode inode) = 0;
    // A directory's attributes and its cached listing.
    virtual Told drop_listing(node::Inode directory) = 0;
    virtual Told drop_all_names() = 0;
};

class Notifier final : public NoticeSink {
public:
    static constexpr std::size_t kQueueMax = 65'536;  // about 8 MiB of short names

    explicit Notifier(KernelCache& kernel) : kernel_(kernel) {}
    ~Notifier() override { stop(); }

    void start(FileSystem& file_system);
    // Drops what is waiting. After it returns the kernel is told nothing more.
    void stop();

    void post(std::vector<Notice> notices) override;
    // As if more changes waited than can be told: for a kernel that may not have been told of some.
    void forget_everything();
    // Returns once everything posted before was told; false when `patience` ran out.
    bool wait_until_told(std::chrono::milliseconds patience);

private:
    void run();
    // Returns: false when it must be told again later.
    bool tell(const Notice& notice);
    void tell_everything();
    void tell_listing(node::Inode directory, bool names_too, std::vector<node::Inode>* below);

    KernelCache& kernel_;
    FileSystem* file_system_ = nullptr;  // fixed by start

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable told_;
    std::deque<Notice> queue_;  // guarded by mutex_, as all below
    bool flood_ = false;
    bool stopping_ = false;
    bool busy_ = false;
    std::thread thread_;
};

}  // namespace swarmfs::fs
