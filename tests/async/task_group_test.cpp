#include "engine/async/task_group.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <string>

#include "engine/async/block_on.hpp"
#include "engine/async/deadline.hpp"
#include "engine/async/event.hpp"

namespace swarmfs::async {

namespace {

// What tasks did, in order.
struct Diary {
    std::string text;
    Event never;
};

// Says when a coroutine's frame goes, however it goes.
struct Tidy {
    Diary* diary;
    char letter;
    ~Tidy() { diary->text += letter; }
};

Task<> note(Diary* diary, char letter) {
    diary->text += letter;
    co_return;
}

Task<> stay(Diary* diary, char begin, char end) {
    const Tidy tidy{diary, end};
    diary->text += begin;
    (void)co_await diary->never.wait();
    diary->text += "-not reached-";
}

Task<> inner(Diary* diary) {
    std::vector<Task<>> tasks;
    tasks.push_back(stay(diary, 'a', 'A'));
    tasks.push_back(stay(diary, 'b', 'B'));
    co_await run_together(std::move(tasks));
    diary->text += "-not reached-";
}

Task<> turns(int count) {
    for (int i = 0; i < count; ++i) {
        co_await delay(Duration(0));
    }
}

Task<> spawn_cancel_join(TaskGroup* group, Diary* diary, int turns_before_cancel) {
    group->spawn(stay(diary, 'a', 'A'));
    group->spawn(stay(diary, 'b', 'B'));
    diary->text += '.';
    co_await turns(turns_before_cancel);
    group->cancel();
    co_await group->join();
    diary->text += '!';
}

Task<> cancel_own_group(TaskGroup* group, Diary* diary) {
    diary->text += 'c';
    group->cancel();
    diary->text += 'd';
    const Tidy tidy{diary, 'e'};
    co_await delay(Duration(0));
    diary->text += "-not reached-";
}

Task<> join(TaskGroup* group) {
    co_await group->join();
}

Task<> owner_with_last_words(Diary* diary) {
    TaskGroup mine(co_await boost::asio::this_coro::executor);
    mine.spawn(stay(diary, 'a', 'A'));
    co_await uninterrupted();
    (void)co_await diary->never.wait();
    diary->text += '1';
    mine.cancel();
    co_await mine.join();
    diary->text += '2';
}

Task<> cancel_after(TaskGroup* group, int turns_before) {
    co_await turns(turns_before);
    group->cancel();
    co_await group->join();
}

}  // namespace

TEST_CASE("a group's tasks begin at the next turn, leave when cancelled, and are joined") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    run_here(context, spawn_cancel_join(&group, &diary, 5));
    CHECK(diary.text == ".abAB!");
    CHECK(group.running() == 0);
}

TEST_CASE("a task that is cancelled before it began never begins") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    run_here(context, spawn_cancel_join(&group, &diary, 0));
    CHECK(diary.text == ".!");
    group.spawn(note(&diary, 'x'));
    CHECK(group.running() == 0);
}

TEST_CASE("a task may cancel its own group, and leaves at its next wait") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    group.spawn(stay(&diary, 'a', 'A'));
    group.spawn(cancel_own_group(&group, &diary));
    run_here(context, join(&group));
    // Who is interrupted leaves a turn after the order; who gave it, at its own next wait.
    CHECK(diary.text.substr(0, 3) == "acd");
    CHECK(diary.text.size() == 5);
    CHECK(diary.text.find('A') != std::string::npos);
    CHECK(diary.text.find('e') != std::string::npos);
}

TEST_CASE("tasks that end by themselves leave the group") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    for (const char letter : {'x', 'y', 'z'}) {
        group.spawn(note(&diary, letter));
    }
    CHECK(group.running() == 3);
    run_here(context, join(&group));
    CHECK(diary.text == "xyz");
}

TEST_CASE("cancelling an outer task cancels and joins what it runs") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    group.spawn(inner(&diary));
    run_here(context, cancel_after(&group, 8));
    CHECK(diary.text == "abAB");
}

TEST_CASE("a cancelled owner with last words joins its group before it goes") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    group.spawn(owner_with_last_words(&diary));
    run_here(context, cancel_after(&group, 8));
    CHECK(diary.text == "a1A2");
}

TEST_CASE("tasks run together end when the first of them ends") {
    boost::asio::io_context context;
    Diary diary;
    std::vector<Task<>> tasks;
    tasks.push_back(stay(&diary, 'a', 'A'));
    tasks.push_back(note(&diary, 'n'));
    tasks.push_back(stay(&diary, 'b', 'B'));
    run_here(context, run_together(std::move(tasks)));
    CHECK(diary.text.substr(0, 2) == "an");
    CHECK(diary.text.find('A') != std::string::npos);
    CHECK(diary.text.find("not reached") == std::string::npos);
    run_here(context, run_together({}));
}

TEST_CASE("work within its limit says so, and work beyond it is cancelled and has ended") {
    boost::asio::io_context context;
    Diary diary;
    CHECK(run_here(context, run_within(std::chrono::hours(1), note(&diary, 'n'))));
    CHECK_FALSE(
        run_here(context, run_within(std::chrono::milliseconds(1), stay(&diary, 'a', 'A'))));
    CHECK(diary.text == "naA");
}

namespace {

Task<Result<int>> answer(int value) {
    co_return value;
}

Task<Result<int>> no_answer(Diary* diary) {
    (void)co_await diary->never.wait();
    co_return 0;
}

Task<Result<int>> refusal() {
    co_return peer_error("no");
}

Task<> outlive_deadline(Diary* diary) {
    const Tidy tidy{diary, 'x'};
    (void)co_await with_deadline(std::chrono::hours(1), "it", no_answer(diary));
    diary->text += "-not reached-";
    co_await delay(Duration(0));
}

}  // namespace

TEST_CASE("a deadline gives the work's value, the work's error, or says that it took too long") {
    boost::asio::io_context context;
    Diary diary;
    const Duration hour = std::chrono::hours(1);
    CHECK(*run_here(context, with_deadline(hour, "it", answer(7))) == 7);
    CHECK(run_here(context, with_deadline(hour, "it", refusal())).error().message == "no");
    const auto late =
        run_here(context, with_deadline(std::chrono::milliseconds(1), "it", no_answer(&diary)));
    CHECK(late.error().code == Code::timed_out);
    CHECK(late.error().whose == Whose::network);
    CHECK(late.error().message == "it took too long");
}

TEST_CASE("a deadline does not keep a cancelled caller") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    group.spawn(outlive_deadline(&diary));
    run_here(context, cancel_after(&group, 8));
    CHECK(diary.text.back() == 'x');
}

TEST_CASE("a group of very many tasks is cancelled and joined") {
    boost::asio::io_context context;
    Diary diary;
    TaskGroup group(context.get_executor());
    for (int i = 0; i < 2000; ++i) {
        group.spawn(stay(&diary, 'a', 'A'));
    }
    run_here(context, cancel_after(&group, 3));
    CHECK(diary.text.size() == 4000);
}

}  // namespace swarmfs::async
