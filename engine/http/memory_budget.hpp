#pragma once
// Memory that strangers make a server hold. Rules:
//   1. What is not received or made yet takes nothing: announcing a large body costs its sender
//      no less than sending it.
//   2. One host takes at most an eighth of what it leaves to the others. So one alone has a ninth
//      of it all, and when twenty have taken what they can, a tenth is left for the next.
// For the server's own memory, and for what handlers keep (Request::host). Thread: any.

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace swarmfs::http {

class MemoryBudget {
public:
    explicit MemoryBudget(std::size_t total_max) : total_max_(total_max) {}

    // Returns: whether there was room for it.
    bool take(const std::string& host, std::size_t bytes);
    // Requires: the host took at least as much.
    void give_back(const std::string& host, std::size_t bytes);

    std::size_t used() const;

private:
    const std::size_t total_max_;
    mutable std::mutex mutex_;  // guards the rest
    std::size_t used_ = 0;
    std::unordered_map<std::string, std::size_t> by_host_;
};

// What one holder took, given back at its end. Thread: one.
class BudgetShare {
public:
    // Requires: both outlive the share.
    BudgetShare(MemoryBudget& budget, const std::string& host) : budget_(budget), host_(host) {}
    ~BudgetShare() { release(); }
    BudgetShare(const BudgetShare&) = delete;
    BudgetShare& operator=(const BudgetShare&) = delete;

    // Returns: whether the share is that large now.
    bool grow_to(std::size_t bytes);
    void release();

private:
    MemoryBudget& budget_;
    const std::string& host_;
    std::size_t held_ = 0;
};

}  // namespace swarmfs::http
