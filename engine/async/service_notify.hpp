#pragma once
// Telling the service manager how a service is doing, and giving it descriptors to keep
// (sd_notify(3), sd_pid_notify_with_fds(3), sd_listen_fds(3)): systemd, or whoever speaks as it does
// (fs/supervisor.hpp). Datagrams to the Unix socket named by NOTIFY_SOCKET; nothing happens where
// that is not set. Thread: any, unless a call says otherwise.

#include <string>
#include <string_view>
#include <vector>

namespace swarmfs::async {

// "READY=1", "STOPPING=1", "STATUS=…"; several separated by newlines.
// Returns: whether somebody was told.
bool notify_service(std::string_view state);

// Gives the manager a duplicate of a descriptor, which it hands to the next run of this service: after
// a crash, too. It drops the last one of that name with forget_descriptor, when the service has
// stopped for good, or when the descriptor reports an error. `name`: printable ASCII but ':', at most
// 255 bytes.   Returns: whether somebody was told.
bool keep_descriptor(int descriptor, std::string_view name);
bool forget_descriptor(std::string_view name);

struct KeptDescriptor {
    int descriptor = -1;  // closed on exec; the caller's
    std::string name;
};
// What an earlier run gave away. Once: later calls return nothing.
// Thread: the first one, before there are others (it changes the environment).
std::vector<KeptDescriptor> take_kept_descriptors();
// Leaves them to the program that this process becomes next (execve(2)), as a manager would: they are
// 3, 4, … then.   Thread: the only one there is.
void pass_kept_descriptors(const std::vector<KeptDescriptor>& kept);

}  // namespace swarmfs::async
