// What a shared folder publishes, and what it never takes back by mistake.
#include <sys/mount.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::put;
using test::TestNode;

json share(TestNode& node, const std::filesystem::path& path) {
    return node.ask("share", {{"name", "team"}, {"paths", {path.string()}}, {"once", true}});
}

std::vector<std::string> names(TestNode& node, const std::string& path) {
    std::vector<std::string> found;
    const json page = node.ask("list", {{"name", "team"}, {"path", path}});
    for (const json& entry : page.at("entries")) {
        found.push_back(entry.at("name").get<std::string>());
    }
    return found;
}

// Another file system on a directory, while this lives.
class Disk {
public:
    explicit Disk(const std::filesystem::path& at) : at_(at) {
        std::filesystem::create_directories(at);
        mounted_ = ::mount("tmpfs", at_.c_str(), "tmpfs", 0, "size=1m") == 0;
    }
    ~Disk() { unmount(); }
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    bool mounted() const { return mounted_; }
    void unmount() {
        if (mounted_) {
            ::umount2(at_.c_str(), MNT_DETACH);
        }
        mounted_ = false;
    }

private:
    const std::filesystem::path at_;
    bool mounted_ = false;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("what vanished from a folder goes from the swarm, with the folders it was in") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const auto folder = node.folder("shared");
    put(folder / "deep/er/a", "a");
    put(folder / "b", "b");
    share(node, folder);
    CHECK(names(node, "shared") == Names{"b", "deep"});
    std::filesystem::remove_all(folder / "deep");
    share(node, folder);
    CHECK(names(node, "shared") == Names{"b"});
}

TEST_CASE("hashing a large file ends soon when sharing it is stopped") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const auto folder = node.folder("shared");
    put(folder / "large", "");
    std::filesystem::resize_file(folder / "large", std::uintmax_t{4} << 30);
    const auto member = node.node().member("team");
    REQUIRE(member.ok());
    const auto shares = node.node().shares_of(**member);
    REQUIRE(shares.ok());
    int asked = 0;
    const auto shared =
        (*shares)->share({folder.string(), "shared", {}}, false,
                         [&](const ShareReport&, const std::string&) { return ++asked < 3; });
    REQUIRE_FALSE(shared.ok());
    CHECK(shared.error().code == Code::cancelled);
    CHECK(asked == 3);
}

TEST_CASE("a disk that is not mounted takes nothing out of the swarm") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const auto folder = node.folder("shared");
    for (const auto& at : {folder, folder / "disk"}) {  // the folder itself, or one inside it
        Disk disk(at);
        if (!disk.mounted()) {
            MESSAGE("skipped: mounting a tmpfs needs root");
            return;
        }
        put(at / "film", "film");
        share(node, folder);
        const std::string path = at == folder ? "shared" : "shared/disk";
        CHECK(names(node, path) == Names{"film"});
        disk.unmount();
        const json answer = share(node, folder);
        CHECK(names(node, path) == Names{"film"});
        REQUIRE(answer.at("skipped").size() == 1);
        CHECK(answer.at("skipped")[0].at("path") == at.string());
        // Somebody who really emptied it says so by what he puts there.
        put(at / "other", "other");
        share(node, folder);
        CHECK(names(node, path) == Names{"other"});
        std::filesystem::remove_all(folder);
    }
}

}  // namespace swarmfs::node
