#pragma once
// Telling systemd how a service is doing (sd_notify(3), Type=notify). A datagram to the Unix socket
// named by NOTIFY_SOCKET; nothing happens where that is not set. Thread: any.

#include <string_view>

namespace swarmfs::async {

// "READY=1", "STOPPING=1", "STATUS=…"; several separated by newlines.
// Returns: whether somebody was told.
bool notify_service(std::string_view state);

}  // namespace swarmfs::async
