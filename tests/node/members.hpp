#pragma once
// Nodes in one process, each with a home of its own, talking to each other over loopback.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/node/methods.hpp"
#include "engine/node/service.hpp"
#include "tests/support/scratch_folder.hpp"

namespace swarmfs::test {

// A node that runs while this lives.
class TestNode {
public:
    // `peers_max` and `cache`: of Settings.
    explicit TestNode(std::size_t peers_max = 80, const node::CacheLimits& cache = {{}, {0, 0}})
        : peers_max_(peers_max), cache_(cache) {
        start();
    }
    ~TestNode() { stop(); }

    void start();
    void stop();
    node::RunningNode& node() { return *node_; }

    Result<nlohmann::json> call(const std::string& method, const nlohmann::json& params);
    // Requires: it succeeds.
    nlohmann::json ask(const std::string& method, const nlohmann::json& params);
    std::shared_ptr<node::Volume> volume(const std::string& name = "");

    // Whole files through the volume.
    void write(const std::string& name, const std::string& text);
    Result<std::string> read(const std::string& name, Duration deadline = std::chrono::seconds(20));
    // Waits until `condition` holds, asked anew whenever the tree of its first swarm changes.
    bool eventually(const std::function<bool()>& condition);
    std::filesystem::path folder(const std::string& name) const { return scratch_ / name; }

private:
    ScratchFolder scratch_;
    const std::size_t peers_max_;
    const node::CacheLimits cache_;
    std::string listen_ = "127.0.0.1:0";
    node::Surroundings surroundings_;
    std::unique_ptr<node::RunningNode> node_;
    node::ControlMethods methods_;
};

std::string random_text(std::size_t size, std::uint64_t seed);

// A file of this machine, with the folders it is in.
void put(const std::filesystem::path& path, const std::string& text);

// Makes a swarm on the first node, without trackers, and lets the others join it.
void join_all(TestNode& first, const std::vector<TestNode*>& others,
              const std::string& role = "write");

}  // namespace swarmfs::test
