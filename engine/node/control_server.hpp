#pragma once
// Answers the command line over <home>/control.sock: one thread accepts, one thread a connection.
// At most kConnectionsMax at once; one more is closed at once, which the caller reports as busy.

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/core/result.hpp"
#include "engine/node/control_methods.hpp"

namespace swarmfs::transport {
class LocalConnection;
class LocalListener;
}  // namespace swarmfs::transport

namespace swarmfs::node {

class ControlServer {
public:
    static constexpr std::size_t kConnectionsMax = 64;  // people and their scripts, not programs

    // Errors: those of opening the socket.
    static Result<std::unique_ptr<ControlServer>> open(const std::string& path,
                                                       ControlMethods methods);
    // Ends every call in progress and joins its thread.
    ~ControlServer();

private:
    struct Conversation {
        std::shared_ptr<transport::LocalConnection> connection;
        std::thread thread;
        std::atomic<bool> over = false;
    };

    explicit ControlServer(ControlMethods methods);
    void accept_loop();
    void converse(Conversation& conversation);
    void join_finished();

    const ControlMethods methods_;
    std::unique_ptr<transport::LocalListener> listener_;
    std::thread accept_thread_;
    std::mutex mutex_;
    std::condition_variable ended_;
    std::list<Conversation> conversations_;  // guarded by mutex_
};

}  // namespace swarmfs::node
