#include "engine/async/io_threads.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <set>
#include <thread>

#include "engine/async/block_on.hpp"
#include "engine/async/bounded_queue.hpp"
#include "engine/async/task_group.hpp"

namespace swarmfs::async {

namespace {

Task<std::thread::id> where() {
    co_return std::this_thread::get_id();
}

Task<bool> there_and_back(Executor other) {
    const auto here = std::this_thread::get_id();
    const std::thread::id there = co_await call_on(other, where());
    co_return there != here&& std::this_thread::get_id() == here;
}

Task<> sum(BoundedQueue<int>* queue, long* total) {
    while (true) {
        const std::optional<int> item = co_await queue->pop();
        if (!item) {
            co_return;
        }
        *total += *item;
    }
}

Task<> join(TaskGroup* group) {
    co_await group->join();
}

Task<> count_up(long* counter) {
    while (true) {
        co_await delay(Duration(0));
        ++*counter;
    }
}

Task<Result<int>> fails() {
    co_return caller_error(Code::invalid, "no");
}

Task<> spawn_on(TaskGroup* group, long* counter) {
    group->spawn(count_up(counter));
    co_return;
}

}  // namespace

TEST_CASE("each context has a thread of its own, and turns go round") {
    IoThreads threads(3, "test");
    std::set<std::thread::id> ids;
    for (std::size_t i = 0; i < threads.count(); ++i) {
        CHECK(threads.next() == i);
        ids.insert(block_on(threads.executor(i), where()));
        CHECK(block_on(threads.executor(i), where()) ==
              *ids.find(block_on(threads.executor(i), where())));
    }
    CHECK(threads.next() == 0);
    CHECK(ids.size() == 3);
    CHECK_FALSE(ids.contains(std::this_thread::get_id()));
}

TEST_CASE("a coroutine calls on another executor and comes back to its own") {
    IoThreads threads(2, "test");
    for (int i = 0; i < 50; ++i) {
        CHECK(block_on(threads.executor(0), there_and_back(threads.executor(1))));
    }
}

TEST_CASE("items posted from other threads arrive, each once") {
    IoThreads threads(3, "test");
    BoundedQueue<int> queue(100'000);
    long total = 0;
    TaskGroup group(threads.executor(0));
    boost::asio::post(threads.context(0), [&] { group.spawn(sum(&queue, &total)); });
    std::vector<std::thread> producers;
    for (int p = 0; p < 3; ++p) {
        producers.emplace_back([&] {
            for (int i = 1; i <= 1000; ++i) {
                boost::asio::post(threads.context(0),
                                  [&queue, i] { (void)queue.try_push(int(i)); });
            }
        });
    }
    for (std::thread& producer : producers) {
        producer.join();
    }
    boost::asio::post(threads.context(0), [&] { queue.close(); });
    block_on(threads.executor(0), join(&group));
    CHECK(total == 3 * 500'500);
}

TEST_CASE("a group is stopped from outside while its tasks run") {
    IoThreads threads(2, "test");
    for (int i = 0; i < 20; ++i) {
        long counter = 0;
        TaskGroup group(threads.executor(1));
        block_on(threads.executor(1), spawn_on(&group, &counter));
        group.stop_and_wait();
        CHECK(counter >= 0);
        CHECK(group.running() == 0);
    }
}

TEST_CASE("blocking on a task hands over its value or error") {
    IoThreads threads(1, "test");
    CHECK(block_on(threads.executor(0), fails()).error().message == "no");
}

TEST_CASE("stopping ends the threads with work left undone") {
    IoThreads threads(2, "test");
    threads.stop();
    boost::asio::post(threads.context(0), [] { FAIL("ran after stop"); });
    threads.stop();
}

}  // namespace swarmfs::async
