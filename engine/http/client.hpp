#pragma once
// An HTTP/1.1 client: connections kept per origin, TLS with certificate checks for https, bounds on
// what comes back. Redirects are not followed: a tracker that points inwards leads nowhere.
//
// A kept connection that turns out to be dead before any byte of the answer came is replaced once;
// nothing else is repeated. Proxies from the environment are not used.
// Thread: the executor's.

#include <memory>
#include <string>
#include <vector>

#include "engine/async/task.hpp"
#include "engine/core/clock.hpp"
#include "engine/core/result.hpp"
#include "engine/http/message.hpp"

namespace swarmfs::http {

struct ClientOptions {
    std::string ca_file;  // PEM of the authorities to believe; empty: the system's
    std::size_t answer_bytes_max = 16 * 1024 * 1024;
    std::size_t idle_connections_max = 8;            // of all origins together
    Duration idle_max = std::chrono::seconds(30);    // below what servers keep
    Duration attempt_max = std::chrono::seconds(4);  // for one address of several
};

class Client {
public:
    // Requires: `clock` outlives the client; the client outlives its requests.
    Client(async::Executor executor, const Clock& clock, ClientOptions options = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // `headers` come on top of Host, Content-Length and User-Agent.
    // Returns: whatever the server answered, errors and redirects included.
    // Errors: invalid (the URL or a header); unavailable (no such host, refused, certificate not
    // believed, hung up), timed_out, protocol (not HTTP), too_large.
    // It may take `limit` until the other end moves anything, and between two moves; as long as
    // bytes move at 8 KiB a second or more, it takes longer than that (pace.hpp), up to 5 minutes.
    async::Task<Result<Answer>> request(Method method, std::string url,
                                        std::vector<HeaderField> headers, std::string body,
                                        Duration limit);

    // Whether the last request to this origin went over loopback: such a server runs here, so it
    // may speak of this machine's own addresses.
    bool last_was_loopback(const std::string& origin) const;

    // Ends the connections that are kept.
    void close_idle();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace swarmfs::http
