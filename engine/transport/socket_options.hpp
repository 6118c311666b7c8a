#pragma once
// What swarmfs asks of the kernel for each TCP socket, and why. An option that the kernel refuses
// (no privilege, too old) is done without: none is needed to be correct. Inside the room only.

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

// Once connected: the rest, and buffers that fit the path's round trip. On a long path also BBR,
// where the kernel offers it: after a pause cubic needs two round trips for a leaf, BBR one.
void fit_to_path(int descriptor);

}  // namespace swarmfs::transport
