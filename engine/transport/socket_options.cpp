#include "engine/transport/socket_options.hpp"

// Not <netinet/tcp.h>: its tcp_info ends before the rate.
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
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

constexpr std::string_view kBbr = "bbr";
// Fixed by the kernel: how much faster than its estimate BBR sends until it has found the path's
// limit, 2/ln 2, as hundredths and as it reports it (a 256th is its unit).
constexpr std::uint64_t kStartGainPercent = 288;
constexpr std::uint32_t kStartGainMin = 2 * 256;

// Returns: what the kernel says, if that is `least` bytes or more. The rest of it is zero.
template <typename Answer>
std::optional<Answer> ask(int descriptor, int option, std::size_t least) {
    Answer answer{};
    socklen_t length = sizeof(answer);
    if (::getsockopt(descriptor, IPPROTO_TCP, option, &answer, &length) != 0 || length < least) {
        return std::nullopt;
    }
    return answer;
}

bool control_congestion(int descriptor, std::string_view how) {
    return ::setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, how.data(),
                        static_cast<socklen_t>(how.size())) == 0;
}

bool is_controlled_by(int descriptor, std::string_view how) {
    std::array<char, 16> name{};  // the kernel's TCP_CA_NAME_MAX
    auto length = static_cast<socklen_t>(name.size());
    return ::getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) == 0 &&
           std::string_view(name.data(), ::strnlen(name.data(), length)) == how;
}

Duration round_trip(int descriptor) {
    const auto info = ask<tcp_info>(descriptor, TCP_INFO, offsetof(tcp_info, tcpi_rttvar));
    return std::chrono::microseconds(info ? info->tcpi_rtt : 0);
}

}  // namespace

void prepare_socket(int descriptor) {
    force_buffers(descriptor, kLongPathBufferBytes);
}

Pacing fit_to_path(int descriptor) {
    set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kNotSentBytesMax);
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
    set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveProbeSeconds);
    set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
    set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMillisecondsMax);
    const Duration away = round_trip(descriptor);
    if (away < kLongPathRoundTrip) {
        force_buffers(descriptor, kShortPathBufferBytes);
        if (away < kNextDoorRoundTrip && is_controlled_by(descriptor, kBbr)) {
            (void)control_congestion(descriptor, "cubic");
        }
        return Pacing::none;
    }
    return control_congestion(descriptor, kBbr) ? Pacing::bbr : Pacing::none;
}

void hasten(int descriptor) {
    const auto bbr = ask<tcp_bbr_info>(descriptor, TCP_CC_INFO, sizeof(tcp_bbr_info));
    if (!bbr || bbr->bbr_pacing_gain < kStartGainMin) {
        return;  // the common case of a bulk flow, for one call
    }
    const auto info = ask<tcp_info>(descriptor, TCP_INFO, offsetof(tcp_info, tcpi_max_pacing_rate));
    if (!info) {
        return;
    }
    const Sending sending{.gain = bbr->bbr_pacing_gain,
                          .under_way = info->tcpi_unacked,
                          .window = std::uint64_t{info->tcpi_snd_cwnd} * info->tcpi_snd_mss,
                          .round_trip = std::chrono::microseconds(info->tcpi_rtt),
                          .rate = info->tcpi_pacing_rate};
    if (is_worth_hastening(sending) && control_congestion(descriptor, "reno")) {
        // Both keep the window, and every kernel has reno. That it has BBR has been seen.
        (void)control_congestion(descriptor, kBbr);
    }
}

bool is_worth_hastening(const Sending& sending) {
    const auto microseconds =
        std::chrono::duration_cast<std::chrono::microseconds>(sending.round_trip).count();
    if (sending.gain < kStartGainMin || sending.under_way > 0 || microseconds <= 0) {
        return false;
    }
    const std::uint64_t window_a_second =
        sending.window * 1'000'000 / static_cast<std::uint64_t>(microseconds);
    return window_a_second * kStartGainPercent / 100 >= sending.rate + sending.rate / 4;
}

}  // namespace swarmfs::transport
