#pragma once
// What swarmfs asks of the kernel for each TCP socket, and why. An option that the kernel refuses
// (no privilege, too old) is done without: none is needed to be correct. Inside the room only.

#include <cstdint>

#include "engine/core/clock.hpp"

namespace swarmfs::transport {

// One connection over 100 ms carries 28 to 40 MB/s with the kernel's default limits and over
// 210 MB/s with buffers of this size. Only a privileged process may force them; memory is taken as
// bytes are queued, not before.
inline constexpr int kLongPathBufferBytes = 32 * 1024 * 1024;
// A short path has little in flight. A larger buffer would only be a longer queue that an urgent
// frame cannot overtake, and colder caches.
inline constexpr int kShortPathBufferBytes = 4 * 1024 * 1024;
// Between a LAN or a city and a wide-area path.
inline constexpr Duration kLongPathRoundTrip = std::chrono::milliseconds(10);
// Within a machine or a switch.
inline constexpr Duration kNextDoorRoundTrip = std::chrono::milliseconds(1);
// Bytes the kernel may hold beyond what is in flight: more would stand in the way of urgent frames.
inline constexpr int kNotSentBytesMax = 128 * 1024;
// A dead peer is noticed within 30 s: a silent one by probes (10 + 3 * 5 s), one that owes us
// acknowledgements by their absence.
inline constexpr int kKeepAliveIdleSeconds = 10;
inline constexpr int kKeepAliveProbeSeconds = 5;
inline constexpr int kKeepAliveProbes = 3;
inline constexpr int kUnacknowledgedMillisecondsMax = 25'000;

// Before connect or listen, since the window's scale is agreed upon in the first packet. Accepted
// sockets inherit it.
void prepare_socket(int descriptor);

enum class Pacing : std::uint8_t { none, bbr };

// Once connected: the rest, and buffers that fit the path's round trip. On a long path also BBR,
// where the kernel offers it: after a pause cubic falls back to a window of ten packets, and a leaf
// is twelve, so that it takes two round trips; BBR keeps its window. Next door BBR, where it is the
// machine's default, gives way to cubic: its timers cost a third of a second of CPU a GiB at both
// ends together (docs/performance.md), and there is no path to find out about.
// Returns: what spreads the packets out now, by our wish.
Pacing fit_to_path(int descriptor);

// Before much is written to a socket with Pacing::bbr: lets a leaf leave as fast as the window
// allows. BBR spreads packets out by its estimate of the path's rate. Single leaves never show it
// more than twelve packets a round trip, so it stays at the rate of its first window, ten packets:
// the last of a leaf leaves a third of a round trip after the first. Started anew it goes by the
// window, which has grown to three times that meanwhile; no byte is sent for it. A socket that has
// packets under way, or whose BBR has once found out what the path can do, is left alone.
// A system call or two when there is nothing to do.
void hasten(int descriptor);

// What hasten() decides by.
struct Sending {
    std::uint32_t gain = 0;       // how much faster than its estimate BBR sends, in 256ths
    std::uint64_t under_way = 0;  // packets
    std::uint64_t window = 0;     // bytes
    Duration round_trip{};
    std::uint64_t rate = 0;  // bytes a second
};
// Whether BBR is at its start, nothing is under way, and started anew it would send at a rate that
// is higher by a quarter at least.
bool is_worth_hastening(const Sending& sending);

}  // namespace swarmfs::transport
