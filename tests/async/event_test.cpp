#include "engine/async/event.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/async/block_on.hpp"
#include "engine/async/bounded_queue.hpp"
#include "engine/async/task_group.hpp"

namespace swarmfs::async {

namespace {

constexpr TimePoint kPast{};

Task<> turns(int count) {
    for (int i = 0; i < count; ++i) {
        co_await delay(Duration(0));
    }
}

Task<> wait_and_note(Event* event, std::string* text, char letter) {
    *text += (co_await event->wait()) ? letter : '?';
}

Task<> set_and_join(TaskGroup* group, Event* event, std::string* text) {
    co_await turns(3);
    *text += '.';
    event->set();
    co_await group->join();
}

Task<> cancel_and_join(TaskGroup* group) {
    co_await turns(3);
    group->cancel();
    co_await group->join();
}

Task<> join(TaskGroup* group) {
    co_await group->join();
}

Task<> wake_then_cancel(WaitList* list, TaskGroup* first, TaskGroup* second) {
    co_await turns(3);
    list->wake_one();
    first->cancel();
    co_await first->join();
    co_await second->join();
}

Task<> wait_in(WaitList* list, std::string* text, char letter) {
    const bool woken = co_await list->wait();
    *text += woken ? letter : '?';
}

}  // namespace

TEST_CASE("an event wakes all who wait for it, and holds nobody afterwards") {
    boost::asio::io_context context;
    TaskGroup group(context.get_executor());
    Event event;
    std::string text;
    group.spawn(wait_and_note(&event, &text, 'a'));
    group.spawn(wait_and_note(&event, &text, 'b'));
    run_here(context, set_and_join(&group, &event, &text));
    CHECK(text == ".ab");
    CHECK(run_here(context, event.wait()));
    event.reset();
    CHECK_FALSE(run_here(context, event.wait(kPast)));
}

TEST_CASE("a signal given before the wait is not lost, and two count as one") {
    boost::asio::io_context context;
    Signal signal;
    CHECK_FALSE(run_here(context, signal.wait(kPast)));
    signal.notify();
    signal.notify();
    CHECK(run_here(context, signal.wait()));
    CHECK_FALSE(run_here(context, signal.wait(kPast)));
}

TEST_CASE("a cancelled waiter leaves the list") {
    boost::asio::io_context context;
    TaskGroup group(context.get_executor());
    Event event;
    std::string text;
    group.spawn(wait_and_note(&event, &text, 'a'));
    run_here(context, cancel_and_join(&group));
    event.set();
    CHECK(text.empty());
}

TEST_CASE("a waiter woken and cancelled at once passes the wake-up on") {
    boost::asio::io_context context;
    TaskGroup first(context.get_executor());
    TaskGroup second(context.get_executor());
    WaitList list;
    std::string text;
    first.spawn(wait_in(&list, &text, 'a'));
    second.spawn(wait_in(&list, &text, 'b'));
    run_here(context, wake_then_cancel(&list, &first, &second));
    CHECK(text == "b");
}

namespace {

using Queue = BoundedQueue<std::unique_ptr<int>>;

Task<> produce(Queue* queue, int count, std::size_t* longest) {
    for (int i = 0; i < count; ++i) {
        const bool taken = co_await queue->push(std::make_unique<int>(i));
        CHECK(taken);
        *longest = std::max(*longest, queue->size());
    }
    queue->close();
}

Task<> consume(Queue* queue, std::vector<int>* got) {
    while (true) {
        std::optional<std::unique_ptr<int>> item = co_await queue->pop();
        if (!item) {
            co_return;
        }
        got->push_back(**item);
        if (got->size() % 7 == 0) {
            co_await turns(1);
        }
    }
}

Task<> push_one(Queue* queue, std::string* text) {
    const bool taken = co_await queue->push(std::make_unique<int>(9));
    *text += taken ? 't' : 'c';
}

Task<> close_and_join(Queue* queue, TaskGroup* group) {
    co_await turns(3);
    queue->close();
    co_await group->join();
}

}  // namespace

TEST_CASE("a full queue holds its producer, and what it took comes out in order") {
    boost::asio::io_context context;
    TaskGroup group(context.get_executor());
    Queue queue(3);
    std::size_t longest = 0;
    std::vector<int> got;
    group.spawn(consume(&queue, &got));
    group.spawn(produce(&queue, 100, &longest));
    run_here(context, join(&group));
    REQUIRE(got.size() == 100);
    for (int i = 0; i < 100; ++i) {
        CHECK(got[static_cast<std::size_t>(i)] == i);
    }
    CHECK(longest == 3);
}

TEST_CASE("several consumers share a queue and all end when it is closed") {
    boost::asio::io_context context;
    TaskGroup group(context.get_executor());
    Queue queue(2);
    std::size_t longest = 0;
    std::vector<int> got;
    for (int i = 0; i < 4; ++i) {
        group.spawn(consume(&queue, &got));
    }
    group.spawn(produce(&queue, 200, &longest));
    run_here(context, join(&group));
    CHECK(got.size() == 200);
}

TEST_CASE("who does not wait is told that the queue is full or closed, and keeps the item") {
    Queue queue(1);
    CHECK(queue.try_push(std::make_unique<int>(1)) == Pushed::taken);
    auto item = std::make_unique<int>(2);
    CHECK(queue.try_push(std::move(item)) == Pushed::full);
    REQUIRE(item != nullptr);
    CHECK(**queue.try_pop() == 1);
    CHECK_FALSE(queue.try_pop().has_value());
    queue.close();
    CHECK(queue.try_push(std::move(item)) == Pushed::closed);
    CHECK(item != nullptr);
}

TEST_CASE("closing a queue turns waiting producers away and lets the rest be drained") {
    boost::asio::io_context context;
    TaskGroup group(context.get_executor());
    Queue queue(1);
    std::string text;
    REQUIRE(queue.try_push(std::make_unique<int>(1)) == Pushed::taken);
    group.spawn(push_one(&queue, &text));
    group.spawn(push_one(&queue, &text));
    run_here(context, close_and_join(&queue, &group));
    CHECK(text == "cc");
    CHECK(run_here(context, queue.pop()).has_value());
    CHECK_FALSE(run_here(context, queue.pop()).has_value());
}

TEST_CASE("waiting for an item ends when its time has come") {
    boost::asio::io_context context;
    Queue queue(1);
    CHECK_FALSE(run_here(context, queue.pop(kPast)).has_value());
}

}  // namespace swarmfs::async
