#pragma once
// The other end of service_notify.hpp: where a program that starts a service hears from it.
// Thread: one.

#include <optional>
#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::async {

class ServiceListener {
public:
    // Errors: io.
    static Result<ServiceListener> open();
    ~ServiceListener();
    ServiceListener(ServiceListener&& other) noexcept;
    ServiceListener& operator=(ServiceListener&&) = delete;

    // What the service finds in NOTIFY_SOCKET.
    const std::string& name() const { return name_; }
    // Readable when a message waits.
    int descriptor() const { return socket_; }

    struct Message {
        std::string text;     // at most 4 KiB; lines, without a newline at the end
        int descriptor = -1;  // that came with it; closed on exec, the caller's
    };
    // Never waits. Returns: nothing when none waits, or it is another user's.
    std::optional<Message> take() const;

private:
    ServiceListener(int socket, std::string name) : socket_(socket), name_(std::move(name)) {}

    int socket_;
    std::string name_;  // an abstract one: "@" and the rest
};

}  // namespace swarmfs::async
