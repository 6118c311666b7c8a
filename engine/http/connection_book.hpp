#pragma once
// Who is connected, and who has to go when it is full (server.hpp, rule 3). Inside the room only.
// Pure but for its lock. Thread: any.

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/core/clock.hpp"

namespace swarmfs::http {

// What the book knows of a connection. `waiting_since` is kept by the connection's own thread.
class BookedConnection {
public:
    virtual ~BookedConnection() = default;
    // Returns: since when it has kept us waiting for a request; TimePoint::max() while one is being
    // answered. Thread: any.
    virtual TimePoint waiting_since() const = 0;
    // Ends it soon. Thread: any.
    virtual void push_out() = 0;
};

// The host behind an address, as far as caps are concerned.
std::string host_key(const std::string& address);

class ConnectionBook {
public:
    ConnectionBook(std::size_t total_max, std::size_t per_host_max)
        : total_max_(total_max), per_host_max_(per_host_max) {}

    // Returns: whether there is room for it, perhaps by pushing another one out.
    bool enter(const std::string& host, BookedConnection* connection);
    void leave(const std::string& host, BookedConnection* connection);

    // Returns once nobody is entered, or after `patience`.
    void wait_until_empty(Duration patience);

    std::size_t size() const;
    std::uint64_t pushed_out() const;

private:
    using Connections = std::vector<BookedConnection*>;
    bool push_out_one(const Connections& among);

    const std::size_t total_max_;
    const std::size_t per_host_max_;

    mutable std::mutex mutex_;  // guards the rest
    std::condition_variable emptied_;
    std::unordered_map<std::string, Connections> by_host_;
    std::size_t size_ = 0;
    std::uint64_t pushed_out_ = 0;
};

}  // namespace swarmfs::http
