#pragma once
// Waits for peers to dial, and spreads them over the threads.
//
// Rules:
//   1. "[::]:port" takes IPv6 and IPv4 alike; on a machine without IPv6 it becomes "0.0.0.0:port".
//   2. Accepted links go to the threads in turn, and stay there.
//   3. Half-open links are bounded (admission.hpp), and never a reason to refuse a newcomer.
//   4. Out of descriptors, it pauses: a connection that cannot be accepted would wake it for ever.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/async/io_threads.hpp"
#include "engine/core/clock.hpp"
#include "engine/transport/admission.hpp"
#include "engine/transport/link.hpp"

namespace swarmfs::transport {

struct ListenOptions {
    std::string listen = "[::]:6881";  // port 0: any free one
    std::size_t half_open_max = kHalfOpenMax;
    std::size_t half_open_per_host_max = kHalfOpenPerHostMax;
};

// Called on the link's own thread. Must not close the listener.
using OnLink = std::function<void(std::unique_ptr<Link>)>;

class Listener {
public:
    // Listens from now on. Requires: `threads` outlives the listener and runs until it is closed.
    // Errors: configuration (not an address of this machine), busy (the port is in use), permission
    // (a port below 1024), io.
    static Result<std::unique_ptr<Listener>> open(async::IoThreads& threads, ListenOptions options,
                                                  OnLink on_link);
    // Closes.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Where it listens, with the port that was found.
    const Address& address() const;

    // Accepts no more. No call of `on_link` begins after this or is under way. Links that were
    // handed over live on. Thread: any but those of the links; may be repeated.
    void close();

    std::size_t half_open() const;
    std::uint64_t pushed_out() const;

private:
    struct State;
    explicit Listener(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace swarmfs::transport
