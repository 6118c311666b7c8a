#pragma once
// The owner of spawned coroutines. Nothing is detached: a group is empty when it dies.
//
//   in an object             group_.spawn(serve(link));
//                            stop(): group_.stop_and_wait();       // from outside the executor
//   in a coroutine           co_await run_together(std::move(tasks));
// or, where tasks come and go,
//                            co_await uninterrupted();             // a cancelled owner joins, too
//                            group.cancel();
//                            co_await group.join();

#include <list>
#include <memory>
#include <vector>

#include "engine/async/task.hpp"
#include "engine/async/wait_list.hpp"

namespace swarmfs::async {

// Thread: the executor's, unless it says otherwise.
class TaskGroup {
public:
    explicit TaskGroup(Executor executor);
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    // Requires: no task runs.
    ~TaskGroup();

    // Starts `task` at the executor's next turn, not within this call. After cancel() it is dropped
    // without having begun.
    void spawn(Task<> task);

    // Orders every task to leave, now and in future. May be called more than once.
    void cancel();
    bool cancelled() const { return cancelled_; }

    // Waits until no task runs. Being cancelled does not cut it short. A task of the group cannot
    // join it.
    Task<> join();

    // cancel() and join() from a thread that is not the executor's, while that one runs.
    void stop_and_wait();

    std::size_t running() const { return running_.size(); }
    const Executor& executor() const { return executor_; }

private:
    struct Running;
    static Task<> run(Executor executor, Running* running, Task<> task);
    static Task<> stop(TaskGroup* group);

    Executor executor_;
    std::list<std::unique_ptr<Running>> running_;
    WaitList joiners_;
    bool cancelled_ = false;
};

// Runs the tasks side by side until the first of them ends, cancels the others, and returns when
// all have ended. If the caller is cancelled, so are they. "A conversation is its reader, its
// writer and its watchdog."
Task<> run_together(std::vector<Task<>> tasks);

}  // namespace swarmfs::async
