#include "engine/async/io_threads.hpp"

#include <pthread.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>
#include <vector>

#include "engine/core/assert.hpp"

namespace swarmfs::async {

namespace asio = boost::asio;

namespace {

// A hint that one thread runs the context; posting from others stays safe.
constexpr int kOneThread = 1;

struct Lane {
    asio::io_context context{kOneThread};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::thread thread;
};

}  // namespace

struct IoThreads::State {
    std::vector<std::unique_ptr<Lane>> lanes;
    std::atomic<std::size_t> turn{0};
};

IoThreads::IoThreads(std::size_t count, const std::string& name)
    : state_(std::make_unique<State>()) {
    SWARM_ASSERT(count > 0);
    for (std::size_t i = 0; i < count; ++i) {
        state_->lanes.push_back(std::make_unique<Lane>());
        Lane& lane = *state_->lanes.back();
        lane.thread = std::thread([&lane] { lane.context.run(); });
        pthread_setname_np(lane.thread.native_handle(), (name + "-" + std::to_string(i)).c_str());
    }
}

IoThreads::~IoThreads() {
    stop();
}

std::size_t IoThreads::count() const {
    return state_->lanes.size();
}

asio::io_context& IoThreads::context(std::size_t index) {
    SWARM_ASSERT(index < count());
    return state_->lanes[index]->context;
}

asio::any_io_executor IoThreads::executor(std::size_t index) {
    return context(index).get_executor();
}

std::size_t IoThreads::next() {
    return state_->turn.fetch_add(1, std::memory_order_relaxed) % count();
}

void IoThreads::stop() {
    for (const auto& lane : state_->lanes) {
        lane->context.stop();
    }
    for (const auto& lane : state_->lanes) {
        if (lane->thread.joinable()) {
            lane->thread.join();
        }
    }
}

}  // namespace swarmfs::async
