#include "engine/http/memory_budget.hpp"

namespace swarmfs::http {
namespace {

// Shares grow by this, so that a body costs a lock now and then and not one for each read.
constexpr std::size_t kStepBytes = 64 * 1024;
// Rule 2.
constexpr std::size_t kOthersPart = 8;

}  // namespace

bool MemoryBudget::take(const std::string& host, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = by_host_.find(host);
    const std::size_t of_host = (found == by_host_.end() ? 0 : found->second) + bytes;
    if (bytes > total_max_ - used_ || of_host > (total_max_ - used_ - bytes) / kOthersPart) {
        return false;
    }
    used_ += bytes;
    by_host_[host] = of_host;
    return true;
}

void MemoryBudget::give_back(const std::string& host, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = by_host_.find(host);
    used_ -= bytes;
    found->second -= bytes;
    if (found->second == 0) {
        by_host_.erase(found);
    }
}

std::size_t MemoryBudget::used() const {
    const std::lock_guard lock(mutex_);
    return used_;
}

bool BudgetShare::grow_to(std::size_t bytes) {
    if (bytes <= held_) {
        return true;
    }
    const std::size_t more = (bytes - held_ + kStepBytes - 1) / kStepBytes * kStepBytes;
    if (!budget_.take(host_, more)) {
        return false;
    }
    held_ += more;
    return true;
}

void BudgetShare::release() {
    if (held_ > 0) {
        budget_.give_back(host_, held_);
        held_ = 0;
    }
}

}  // namespace swarmfs::http
