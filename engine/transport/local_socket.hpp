#pragma once
// Lines of text between programs on this machine, over a Unix stream socket.
//
// Blocking, one thread a connection: the control socket carries a handful of calls, and a plain
// loop is easier to trust than a state machine. Paths longer than sun_path (107 bytes) work: the
// socket is reached through its directory's descriptor.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/result.hpp"

namespace swarmfs::transport {

// Thread: one reader and one writer; `hung_up`, `stop_hearing` and `shut_down` from any.
class LocalConnection {
public:
    explicit LocalConnection(int descriptor) : descriptor_(descriptor) {}
    ~LocalConnection();
    LocalConnection(const LocalConnection&) = delete;
    LocalConnection& operator=(const LocalConnection&) = delete;

    // Errors: unavailable when nobody listens there.
    static Result<std::unique_ptr<LocalConnection>> connect(const std::string& path);

    // Returns: the next line without its newline; nothing when the other end has closed.
    // Errors: too_large beyond `bytes_max`, now and at every later call with that bound; io.
    Result<std::optional<std::string>> read_line(std::size_t bytes_max);
    Result<> write(std::string_view text);
    // The other end has closed: whatever is computed for it is not wanted any more.
    bool hung_up() const;
    // Wakes a blocked read_line, which returns nothing from now on; writing goes on.
    void stop_hearing();
    // The same, and writing fails.
    void shut_down();

private:
    const int descriptor_;
    std::string buffer_;
};

class LocalListener {
public:
    ~LocalListener();
    LocalListener(const LocalListener&) = delete;
    LocalListener& operator=(const LocalListener&) = delete;

    // Replaces a socket left by a dead program; the caller holds the lock that says it is dead. The
    // socket's mode is 0600.
    static Result<std::unique_ptr<LocalListener>> open(const std::string& path);

    // Returns: the next connection; null once shut down.
    std::unique_ptr<LocalConnection> accept();
    // Wakes accept and removes the socket. Thread: any.
    void shut_down();

private:
    LocalListener(int descriptor, std::string path)
        : descriptor_(descriptor), path_(std::move(path)) {}
    const int descriptor_;
    const std::string path_;
};

}  // namespace swarmfs::transport
