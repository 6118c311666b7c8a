#include "tests/mount/stubborn_mount.hpp"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <doctest/doctest.h>

namespace swarmfs::test {
namespace {

// The kernel refuses to be read by less (FUSE_MIN_READ_BUFFER).
constexpr std::size_t kRequestBytes = 64 * 1024;

void reply(int device, std::uint64_t unique, int error) {
    fuse_out_header head{sizeof(fuse_out_header), -error, unique};
    (void)!::write(device, &head, sizeof(head));
}

void reply_to_init(int device, std::uint64_t unique) {
    struct {
        fuse_out_header head;
        fuse_init_out init;
    } message{};
    message.head = {sizeof(message), 0, unique};
    message.init.major = FUSE_KERNEL_VERSION;
    message.init.minor = FUSE_KERNEL_MINOR_VERSION;
    message.init.max_write = 4096;
    (void)!::write(device, &message, sizeof(message));
}

}  // namespace

StubbornMount::StubbornMount(const std::string& directory, int statfs_answer)
    : directory_(directory), statfs_answer_(statfs_answer) {
    device_ = ::open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(device_ >= 0);
    REQUIRE(::pipe2(stop_, O_CLOEXEC) == 0);
    const std::string options =
        "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=0,group_id=0";
    REQUIRE(::mount("swarmfs:stubborn", directory.c_str(), "fuse.swarmfs", 0, options.c_str()) ==
            0);
    thread_ = std::thread(&StubbornMount::serve, this);
}

StubbornMount::~StubbornMount() {
    end();
    ::umount2(directory_.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH);  // perhaps done by the test
}

void StubbornMount::end() {
    ::close(std::exchange(stop_[1], -1));
    if (thread_.joinable()) {
        thread_.join();
        ::close(stop_[0]);
        ::close(device_);
    }
}

bool StubbornMount::alive() const {
    pollfd device{device_, 0, 0};
    ::poll(&device, 1, 0);
    return (device.revents & POLLERR) == 0;
}

void StubbornMount::serve() {
    for (;;) {
        pollfd watched[] = {{device_, POLLIN, 0}, {stop_[0], 0, 0}};
        ::poll(watched, 2, -1);
        if (watched[1].revents != 0 || !answer_one()) {
            return;
        }
    }
}

// Returns: whether there may be more.
bool StubbornMount::answer_one() {
    alignas(fuse_in_header) std::array<char, kRequestBytes> request;
    if (::read(device_, request.data(), request.size()) < 0) {
        return errno == EAGAIN || errno == EINTR || errno == ENOENT;
    }
    fuse_in_header head{};
    std::memcpy(&head, request.data(), sizeof(head));
    if (head.opcode == FUSE_INIT) {
        reply_to_init(device_, head.unique);
    } else if (head.opcode != FUSE_STATFS) {
        reply(device_, head.unique, ENOSYS);
    } else if (statfs_answer_ == kDies) {
        ::close(std::exchange(device_, -1));
        return false;
    } else if (statfs_answer_ != kNoAnswer) {
        reply(device_, head.unique, statfs_answer_);
    }
    return true;
}

}  // namespace swarmfs::test
