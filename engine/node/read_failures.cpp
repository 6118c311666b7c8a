#include "engine/node/read_failures.hpp"

namespace swarmfs::node {

void ReadFailures::failed(Inode inode, std::string reason) {
    const std::lock_guard lock(mutex_);
    if (const auto before = numbers_.find(inode); before != numbers_.end()) {
        by_number_.erase(before->second);
    }
    numbers_[inode] = next_;
    by_number_.emplace(next_, Failure{inode, std::move(reason), clock_.wall_ms()});
    ++next_;
    if (by_number_.size() > kFailuresMax) {
        numbers_.erase(by_number_.begin()->second.inode);
        by_number_.erase(by_number_.begin());
    }
    count_ = by_number_.size();
}

void ReadFailures::worked(Inode inode) {
    if (!any()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (const auto found = numbers_.find(inode); found != numbers_.end()) {
        by_number_.erase(found->second);
        numbers_.erase(found);
        count_ = by_number_.size();
    }
}

std::optional<std::string> ReadFailures::of(Inode inode) const {
    if (!any()) {
        return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    const auto found = numbers_.find(inode);
    return found == numbers_.end() ? std::nullopt
                                   : std::optional(by_number_.at(found->second).reason);
}

std::vector<ReadFailures::Failure> ReadFailures::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Failure> failures;
    for (auto at = by_number_.rbegin(); at != by_number_.rend(); ++at) {
        failures.push_back(at->second);
    }
    return failures;
}

}  // namespace swarmfs::node
