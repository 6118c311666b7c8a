#include "engine/transport/socket_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string_view>

namespace swarmfs::transport {

namespace {

void set(int descriptor, int level, int option, int value) {
    (void)::setsockopt(descriptor, level, option, &value, sizeof(value));
}

// Not SO_SNDBUF: unprivileged, it would end the kernel's own tuning at a small fixed size.
void force_buffers(int descriptor, int bytes) {
    set(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, bytes);
    set(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
}

Duration round_trip(int descriptor) {
    tcp_info info{};
    socklen_t length = sizeof(info);
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
        return Duration(0);
    }
    return std::chrono::microseconds(info.tcpi_rtt);
}

}  // namespace

void prepare_socket(int descriptor) {
    force_buffers(descriptor, kLongPathBufferBytes);
}

void fit_to_path(int descriptor) {
    set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kNotSentBytesMax);
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
    set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveProbeSeconds);
    set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
    set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMillisecondsMax);
    if (round_trip(descriptor) < kLongPathRoundTrip) {
        force_buffers(descriptor, kShortPathBufferBytes);
        return;
    }
    constexpr std::string_view kBbr = "bbr";
    (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, kBbr.data(), kBbr.size());
}

}  // namespace swarmfs::transport
