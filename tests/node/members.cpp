#include "tests/node/members.hpp"

#include "engine/core/dice.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <future>

namespace swarmfs::test {
namespace {

using nlohmann::json;

class QuietCall final : public node::ControlCall {
public:
    void progress(const json&) override {}
    bool abandoned() const override { return false; }
};

}  // namespace

void TestNode::start() {
    node::Settings settings;
    settings.home = (scratch_ / "home").string();
    settings.listen = listen_;
    settings.peers_max = peers_max_;
    settings.cache = cache_;
    auto opened = node::RunningNode::open(settings, surroundings_.clock(), surroundings_.dice());
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    node_ = *std::move(opened);
    listen_ = node_->listen_address();  // others find it there again
    node::add_control_methods(*node_, methods_);
    REQUIRE(node_->start({}).ok());
}

void TestNode::stop() {
    methods_.clear();
    node_.reset();
}

Result<json> TestNode::call(const std::string& method, const json& params) {
    QuietCall quiet;
    return methods_.at(method)(params, quiet);
}

json TestNode::ask(const std::string& method, const json& params) {
    auto answer = call(method, params);
    REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error().message));
    return *std::move(answer);
}

std::shared_ptr<node::Volume> TestNode::volume(const std::string& name) {
    auto found = node_->volume(name);
    REQUIRE(found.ok());
    return *found;
}

void TestNode::write(const std::string& name, const std::string& text) {
    const auto tree = volume();
    node::FileHandle handle = 0;
    if (const auto there = tree->lookup(node::kRootInode, name); there.ok()) {
        handle = tree->open(there->inode, node::Access::write).value();
        node::AttributeChanges cut;
        cut.size = 0;
        REQUIRE(tree->set_attributes(there->inode, cut).ok());
    } else {
        handle = tree->create(node::kRootInode, name, 0644).value().handle;
    }
    REQUIRE(tree->write(handle, 0, as_bytes(text)).ok());
    REQUIRE(tree->close_write(handle).ok());
    tree->release(handle);
}

Result<std::string> TestNode::read(const std::string& name, Duration deadline) {
    const auto tree = volume();
    SWARM_TRY(auto file, tree->lookup(node::kRootInode, name));
    auto opened = tree->open(file.inode, node::Access::read);
    // Another version came in between: looked up anew, as a kernel does at ESTALE.
    for (int again = 0; !opened.ok() && opened.error().code == Code::not_found && again < 3;
         ++again) {
        SWARM_TRY(file, tree->lookup(node::kRootInode, name));
        opened = tree->open(file.inode, node::Access::read);
    }
    SWARM_TRY(const auto handle, std::move(opened));
    std::string text;
    Error failed;
    while (text.size() < file.size) {
        std::promise<Result<std::string>> answer;
        tree->read(handle, text.size(), 128 * 1024, deadline, [&](Result<ByteSpan> bytes) {
            answer.set_value(bytes.ok() ? Result<std::string>(std::string(as_text(*bytes)))
                                        : Result<std::string>(bytes.error()));
        });
        auto piece = answer.get_future().get();
        if (!piece.ok()) {
            tree->release(handle);
            return piece;
        }
        text += *piece;
    }
    tree->release(handle);
    return text;
}

bool TestNode::eventually(const std::function<bool()>& condition) {
    std::mutex mutex;
    std::condition_variable changed;
    bool news = false;  // since the condition was asked
    const auto tree = volume(node_->members().front()->membership().name);
    const std::uint64_t listener = tree->add_change_listener([&](const std::vector<node::Change>&) {
        const std::lock_guard lock(mutex);
        news = true;
        changed.notify_all();
    });
    bool holds = condition();
    // What is asked may be no matter of the tree: then nothing announces it, and it is asked again.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds && std::chrono::steady_clock::now() < until) {
        {
            std::unique_lock lock(mutex);
            changed.wait_for(lock, std::chrono::milliseconds(50), [&] { return news; });
            news = false;
        }
        holds = condition();
    }
    tree->remove_change_listener(listener);
    return holds;
}

std::string random_text(std::size_t size, std::uint64_t seed) {
    std::string text(size, '\0');
    SeededDice(seed).fill(
        MutableByteSpan(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
    return text;
}

void put(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

void join_all(TestNode& first, const std::vector<TestNode*>& others, const std::string& role) {
    first.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    for (TestNode* other : others) {
        const json invite = first.ask("invite", {{"name", "team"}, {"role", role}});
        other->ask("join", {{"invite", invite.at("invite")}});
    }
}

}  // namespace swarmfs::test
