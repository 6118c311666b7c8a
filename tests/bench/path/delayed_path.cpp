// bench_path DELAY_US NAMESPACE NAMESPACE
//
// Joins two network namespaces by a TUN device named path0 in each: what one sends reaches the
// other DELAY_US microseconds later. Packets are neither proxied nor changed, so both ends see one
// TCP connection over a path of twice that round trip. (A qdisc cannot do it: not every kernel has
// netem.)
//
// Says `ready` when the devices are there. Answers each line on its standard input with one JSON
// line of the bytes and packets that went each way and were dropped; ends with its standard input.

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPacketBytesMax = 65'536;
// 1 Gbit/s over 400 ms: more than any path of the bench holds. What exceeds it is dropped.
constexpr std::size_t kPacketsMax = 40'000;

[[noreturn]] void give_up(const std::string& what) {
    std::fprintf(stderr, "bench_path: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

// A device belongs to the namespace it was made in, wherever its descriptor is used.
int device_in(const std::string& name) {
    const std::string path = "/run/netns/" + name;
    const int space = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (space < 0 || ::setns(space, CLONE_NEWNET) != 0) {
        give_up(path);
    }
    ::close(space);
    const int device = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request{};
    std::strncpy(request.ifr_name, "path0", IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (device < 0 || ::ioctl(device, TUNSETIFF, &request) != 0) {
        give_up("a TUN device");
    }
    return device;
}

struct Packet {
    Clock::time_point due;
    std::vector<char> bytes;
};

// What is under way from one device to the other.
class Direction {
public:
    Direction(int from, int to, std::chrono::microseconds delay)
        : from_(from), to_(to), delay_(delay) {}

    int source() const { return from_; }

    // Takes all that has been sent.
    void take() {
        static std::array<char, kPacketBytesMax> buffer;
        for (;;) {
            const ssize_t size = ::read(from_, buffer.data(), buffer.size());
            if (size <= 0) {
                return;
            }
            bytes_ += static_cast<std::uint64_t>(size);
            ++packets_;
            if (under_way_.size() == kPacketsMax) {
                ++dropped_;
                continue;
            }
            under_way_.push_back({Clock::now() + delay_, {buffer.data(), buffer.data() + size}});
        }
    }

    // Hands over what is due. Returns: when the next packet is, if any.
    Clock::time_point give(Clock::time_point never) {
        while (!under_way_.empty() && under_way_.front().due <= Clock::now()) {
            const Packet& packet = under_way_.front();
            if (::write(to_, packet.bytes.data(), packet.bytes.size()) < 0) {
                ++dropped_;
            }
            under_way_.pop_front();
        }
        return under_way_.empty() ? never : under_way_.front().due;
    }

    std::string counts() const {
        return "{\"bytes\": " + std::to_string(bytes_) +
               ", \"packets\": " + std::to_string(packets_) +
               ", \"dropped\": " + std::to_string(dropped_) + "}";
    }

private:
    int from_, to_;
    std::chrono::microseconds delay_;
    std::deque<Packet> under_way_;
    std::uint64_t bytes_ = 0, packets_ = 0, dropped_ = 0;
};

// Returns: whether there is more to come on standard input.
bool answer(const Direction& there, const Direction& back) {
    char line[64];
    const ssize_t got = ::read(STDIN_FILENO, line, sizeof(line));
    if (got <= 0) {
        return false;
    }
    std::printf("[%s, %s]\n", there.counts().c_str(), back.counts().c_str());
    std::fflush(stdout);
    return true;
}

void carry(Direction& there, Direction& back) {
    std::array<pollfd, 3> watched{pollfd{there.source(), POLLIN, 0},
                                  pollfd{back.source(), POLLIN, 0},
                                  pollfd{STDIN_FILENO, POLLIN, 0}};
    for (;;) {
        const auto never = Clock::now() + std::chrono::hours(1);
        const auto next = std::min(there.give(never), back.give(never));
        const auto left =
            std::max<std::int64_t>(std::chrono::nanoseconds(next - Clock::now()).count(), 0);
        const timespec patience{left / 1'000'000'000, left % 1'000'000'000};
        if (::ppoll(watched.data(), watched.size(), &patience, nullptr) < 0 && errno != EINTR) {
            give_up("ppoll");
        }
        there.take();
        back.take();
        if (watched[2].revents != 0 && !answer(there, back)) {
            return;
        }
    }
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) {
        return 64;
    }
    ::prctl(PR_SET_TIMERSLACK, 1);  // a packet is as late as asked for, not 50 us later
    const std::chrono::microseconds delay(std::strtoul(words[1], nullptr, 10));
    const int left = device_in(words[2]);
    const int right = device_in(words[3]);
    Direction there(left, right, delay);
    Direction back(right, left, delay);
    std::printf("ready\n");
    std::fflush(stdout);
    carry(there, back);
    return 0;
}
