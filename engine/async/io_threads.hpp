#pragma once
// N io_contexts, each with one thread. What is pinned to one context needs no lock; what must scale
// is spread over several.

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace swarmfs::async {

class IoThreads {
public:
    // Starts them. `name` is what they are called in top and gdb, followed by their number.
    // Requires: count > 0; name of at most 11 bytes.
    IoThreads(std::size_t count, const std::string& name);
    // Stops and joins. Requires: called by none of them; no TaskGroup on them has tasks.
    ~IoThreads();
    IoThreads(const IoThreads&) = delete;
    IoThreads& operator=(const IoThreads&) = delete;

    std::size_t count() const;
    // Thread: any.
    boost::asio::io_context& context(std::size_t index);
    boost::asio::any_io_executor executor(std::size_t index);
    // The index that is next, round robin. Thread: any.
    std::size_t next();

    // Ends the threads with whatever is queued undone. Called by the destructor; safe to repeat.
    void stop();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace swarmfs::async
