// What a shared folder publishes, and what it never takes back by mistake.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::put;
using test::TestNode;

Result<json> try_share(TestNode& node, const std::filesystem::path& path) {
    return node.call("share", {{"name", "team"}, {"paths", {path.string()}}, {"once", true}});
}

json share(TestNode& node, const std::filesystem::path& path) {
    const auto shared = try_share(node, path);
    REQUIRE_MESSAGE(shared.ok(), (shared.ok() ? "" : shared.error().message));
    return *shared;
}

std::vector<std::string> names(TestNode& node, const std::string& path) {
    std::vector<std::string> found;
    const json page = node.ask("list", {{"name", "team"}, {"path", path}});
    for (const json& entry : page.at("entries")) {
        found.push_back(entry.at("name").get<std::string>());
    }
    return found;
}

bool published(TestNode& node, const std::string& name, std::uint64_t size) {
    const json page = node.ask("list", {{"name", "team"}, {"path", name}});
    return page.at("entries").at(0).at("size") == size;
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

TEST_CASE("what others made of a shared file stands until the folder says something new, too") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const auto file = node.folder("shared") / "a";
    const auto touch = [&] {
        const auto now = std::filesystem::last_write_time(file);
        std::filesystem::last_write_time(file, now + std::chrono::hours(1));
    };
    put(file, "one");
    share(node, file);
    node.write("a", "an edit");
    REQUIRE(node.eventually([&] { return published(node, "a", 7); }));
    touch();
    share(node, file);
    CHECK(node.read("a").value() == "an edit");
    CHECK(names(node, "") == Names{"a"});

    for (const char* text : {"two", "three"}) {
        put(file, text);
        share(node, file);
        const Names both = names(node, "");
        REQUIRE(both.size() == 2);
        CHECK(node.read("a").value() == text);
        CHECK(node.read(both[1]).value() == "an edit");
    }

    REQUIRE(node.volume()->remove_file(kRootInode, "a").ok());
    touch();
    share(node, file);
    CHECK(names(node, "").size() == 1);
    put(file, "four");
    share(node, file);
    CHECK(node.read("a").value() == "four");
}

TEST_CASE("a link that another member turned elsewhere is not turned back by a new time") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const auto folder = node.folder("shared");
    const auto link = [&](const char* target) {
        std::filesystem::create_directories(folder);
        std::filesystem::remove(folder / "l");
        std::filesystem::create_symlink(target, folder / "l");
        share(node, folder);
    };
    link("one");
    const auto inside = node.volume()->lookup(kRootInode, "shared")->inode;
    REQUIRE(node.volume()->remove_file(inside, "l").ok());
    REQUIRE(node.volume()->make_symlink(inside, "l", "elsewhere").ok());
    link("one");
    CHECK(names(node, "shared") == Names{"l"});
    CHECK(node.volume()->read_link(node.volume()->lookup(inside, "l")->inode).value() ==
          "elsewhere");
    link("two");
    CHECK(names(node, "shared").size() == 2);
}

TEST_CASE("sharing a folder over what stands there keeps both") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    node.write("a", "was there");
    REQUIRE(node.eventually([&] { return published(node, "a", 9); }));
    put(node.folder("shared") / "a", "from the folder");
    share(node, node.folder("shared") / "a");
    const Names both = names(node, "");
    REQUIRE(both.size() == 2);
    CHECK(node.read("a").value() == "from the folder");
    CHECK(node.read(both[1]).value() == "was there");
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

TEST_CASE(
    "what is named and cannot be shared is an error, what is met inside a folder is reported") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const auto folder = node.folder("shared");
    put(folder / "file", "file");
    const auto pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const json answer = share(node, folder);
    REQUIRE(answer.at("skipped").size() == 1);
    CHECK(answer.at("skipped")[0].at("path") == pipe.string());
    CHECK(names(node, "shared") == Names{"file"});
    for (const std::filesystem::path& named : {pipe, std::filesystem::path("/dev/null")}) {
        const auto refused = try_share(node, named);
        REQUIRE(!refused.ok());
        CHECK(refused.error().code == Code::invalid);
        CHECK(refused.error().message.find(named.string()) != std::string::npos);
    }
    CHECK(names(node, "") == Names{"shared"});
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
        const auto answer = try_share(node, folder);
        CHECK(names(node, path) == Names{"film"});
        if (at == folder) {
            REQUIRE(!answer.ok());
            CHECK(answer.error().code == Code::try_again);
            CHECK(answer.error().message.find(at.string()) != std::string::npos);
        } else {
            REQUIRE(answer.ok());
            REQUIRE(answer->at("skipped").size() == 1);
            CHECK(answer->at("skipped")[0].at("path") == at.string());
        }
        // Somebody who really emptied it says so by what he puts there.
        put(at / "other", "other");
        share(node, folder);
        CHECK(names(node, path) == Names{"other"});
        std::filesystem::remove_all(folder);
    }
}

}  // namespace swarmfs::node
