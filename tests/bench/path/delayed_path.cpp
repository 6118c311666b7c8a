// bench_path DELAY_US NAMESPACE NAMESPACE [whole]
//
// Joins two network namespaces by a TUN device named path0 in each: what one sends reaches the
// other DELAY_US microseconds later. Packets are neither proxied nor changed, so both ends see one
// TCP connection over a path of twice that round trip. (A qdisc cannot do it: not every kernel has
// netem.)
//
// `whole`: a packet is as large as the sender's TCP made it, up to 64 KiB, as behind a network card
// that cuts packets up and puts them together again. It takes a twentieth of the work, without which
// a gigabit a second is more than this program can carry on a busy machine; but then the headers of
// the packets that a wire would have seen are not counted.
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
// Fixed by the kernel: what stands before each packet of a device that hands them over whole, a
// virtio_net_hdr (whose header is not C++). It is handed on as it is.
constexpr std::size_t kOffloadBytes = 10;
// 1 Gbit/s over 400 ms: more than any path of the bench holds. What exceeds it is dropped.
constexpr std::size_t kPacketsMax = 40'000;

[[noreturn]] void give_up(const std::string& what) {
    std::fprintf(stderr, "bench_path: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

// A device belongs to the namespace it was made in, wherever its descriptor is used.
int device_in(const std::string& name, bool whole) {
    const std::string path = "/run/netns/" + name;
    const int space = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (space < 0 || ::setns(space, CLONE_NEWNET) != 0) {
        give_up(path);
    }
    ::close(space);
    const int device = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request{};
    std::strncpy(request.ifr_name, "path0", IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | (whole ? IFF_VNET_HDR : 0));
    if (device < 0 || ::ioctl(device, TUNSETIFF, &request) != 0) {
        give_up("a TUN device");
    }
    if (whole && ::ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0) {
        give_up("packets as they are");
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
    // Of what is read from `from`, the first `beside` bytes are not the packet's.
    Direction(int from, int to, std::chrono::microseconds delay, std::size_t beside)
        : from_(from), to_(to), delay_(delay), beside_(beside) {}

    int source() const { return from_; }

    // Takes all that has been sent.
    void take() {
        static std::array<char, kOffloadBytes + kPacketBytesMax> buffer;
        for (;;) {
            const ssize_t size = ::read(from_, buffer.data(), buffer.size());
            if (size <= 0) {
                return;
            }
            bytes_ += static_cast<std::uint64_t>(size) - beside_;
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
    std::size_t beside_;
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
    const bool whole = count == 5 && std::strcmp(words[4], "whole") == 0;
    if (count != 4 && !whole) {
        return 64;
    }
    ::prctl(PR_SET_TIMERSLACK, 1);  // a packet is as late as asked for, not 50 us later
    const std::chrono::microseconds delay(std::strtoul(words[1], nullptr, 10));
    const int left = device_in(words[2], whole);
    const int right = device_in(words[3], whole);
    const std::size_t beside = whole ? kOffloadBytes : 0;
    Direction there(left, right, delay, beside);
    Direction back(right, left, delay, beside);
    std::printf("ready\n");
    std::fflush(stdout);
    carry(there, back);
    return 0;
}
