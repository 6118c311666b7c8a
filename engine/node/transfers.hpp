#pragma once
// The downloads that run now, for whoever asks what the node does or pauses one.
// Thread: any.

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/core/ids.hpp"

namespace swarmfs::node {

struct Transfer {
    SwarmId swarm;
    std::string path;  // in the swarm
    std::string out;   // where to, on this machine
    std::atomic<std::uint64_t> bytes = 0;
    std::atomic<std::uint64_t> bytes_total = 0;
    std::atomic<bool> paused = false;  // nothing of it is fetched now
};

class Transfers {
public:
    // Listed while somebody keeps it.
    std::shared_ptr<Transfer> begin(const SwarmId& swarm, std::string path, std::string out) {
        auto transfer = std::make_shared<Transfer>();
        transfer->swarm = swarm;
        transfer->path = std::move(path);
        transfer->out = std::move(out);
        const std::lock_guard lock(mutex_);
        running_.remove_if([](const auto& one) { return one.expired(); });
        running_.push_back(transfer);
        return transfer;
    }
    std::vector<std::shared_ptr<const Transfer>> of(const SwarmId& swarm) const {
        const std::lock_guard lock(mutex_);
        std::vector<std::shared_ptr<const Transfer>> found;
        for (const auto& weak : running_) {
            if (auto one = weak.lock(); one && one->swarm == swarm) {
                found.push_back(std::move(one));
            }
        }
        return found;
    }

private:
    mutable std::mutex mutex_;
    std::list<std::weak_ptr<Transfer>> running_;  // guarded by mutex_
};

}  // namespace swarmfs::node
