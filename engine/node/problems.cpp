#include "engine/node/problems.hpp"

#include <algorithm>

namespace swarmfs::node {
namespace {

constexpr auto kOlder = [](const auto& a, const auto& b) { return a.second.when < b.second.when; };

}  // namespace

void Problems::failed(Doing doing, const std::string& subject, std::string message) {
    const std::lock_guard lock(mutex_);
    problems_[{doing, subject}] = {std::move(message), clock_.now()};
    if (problems_.size() > kProblemsMax) {
        problems_.erase(std::min_element(problems_.begin(), problems_.end(), kOlder));
    }
    count_ = problems_.size();
}

void Problems::worked(Doing doing, const std::string& subject) {
    if (!any()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    problems_.erase({doing, subject});
    count_ = problems_.size();
}

std::string Problems::newest() const {
    const std::lock_guard lock(mutex_);
    const auto newest = std::max_element(problems_.begin(), problems_.end(), kOlder);
    const bool shown = newest != problems_.end() && clock_.now() - newest->second.when < kForget;
    return shown ? newest->second.message : std::string();
}

}  // namespace swarmfs::node
