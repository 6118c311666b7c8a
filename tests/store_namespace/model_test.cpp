// Random changes to the namespace beside a tree kept in a std::map, by the book.
#include <doctest/doctest.h>

#include <set>

#include "tests/store_namespace/home.hpp"

namespace swarmfs::store {
using namespace testing;

namespace {

using Code = swarmfs::Code;

// POSIX over a map from path to what is there.
class Model {
public:
    struct Node {
        std::string what;
        Inode inode = 0;
    };
    std::map<std::string, Node> nodes;

    bool directory(const std::string& path) const {
        if (path.empty()) {
            return true;
        }
        const auto found = nodes.find(path);
        return found != nodes.end() && found->second.what == "directory";
    }
    bool empty(const std::string& path) const {
        return std::none_of(nodes.begin(), nodes.end(),
                            [&](const auto& node) { return catalog::is_below(node.first, path); });
    }
    // Errors of reaching the parent.
    std::optional<Code> parent_error(const std::string& path) const {
        const std::string parent(catalog::parent_path(path));
        if (parent.empty()) {
            return std::nullopt;
        }
        if (!nodes.contains(parent)) {
            return Code::not_found;
        }
        return directory(parent) ? std::nullopt : std::optional(Code::not_directory);
    }
    std::optional<Code> add(const std::string& path, Node node) {
        if (const auto error = parent_error(path)) {
            return error;
        }
        if (nodes.contains(path)) {
            return Code::exists;
        }
        nodes[path] = std::move(node);
        return std::nullopt;
    }
    std::optional<Code> remove_file(const std::string& path) {
        if (const auto error = absent(path)) {
            return error;
        }
        if (directory(path)) {
            return Code::is_directory;
        }
        nodes.erase(path);
        return std::nullopt;
    }
    std::optional<Code> remove_directory(const std::string& path) {
        if (const auto error = absent(path)) {
            return error;
        }
        if (!directory(path)) {
            return Code::not_directory;
        }
        if (!empty(path)) {
            return Code::not_empty;
        }
        nodes.erase(path);
        return std::nullopt;
    }
    std::optional<Code> rename(const std::string& from, const std::string& to, Renaming rule) {
        if (const auto error = absent(from)) {
            return error;
        }
        if (const auto error = parent_error(to)) {
            return error;
        }
        const bool there = nodes.contains(to);
        if (from == to) {
            return std::nullopt;
        }
        if (rule == Renaming::keep_existing && there) {
            return Code::exists;
        }
        if (rule == Renaming::exchange && !there) {
            return Code::not_found;
        }
        if (catalog::is_below(to, from) ||
            (rule == Renaming::exchange && catalog::is_below(from, to))) {
            return Code::invalid;
        }
        if (there && rule != Renaming::exchange) {
            if (directory(to) && !directory(from)) {
                return Code::is_directory;
            }
            if (!directory(to) && directory(from)) {
                return Code::not_directory;
            }
            if (directory(to) && !empty(to)) {
                return Code::not_empty;
            }
            nodes.erase(to);
        }
        auto first = take(from);
        auto second = take(to);
        put(to, first);
        put(from, second);
        return std::nullopt;
    }

private:
    std::optional<Code> absent(const std::string& path) const {
        if (const auto error = parent_error(path)) {
            return error;
        }
        return nodes.contains(path) ? std::nullopt : std::optional(Code::not_found);
    }
    // What is at `path` and below, by the rest of the path.
    std::map<std::string, Node> take(const std::string& path) {
        std::map<std::string, Node> taken;
        for (auto at = nodes.begin(); at != nodes.end();) {
            if (at->first == path || catalog::is_below(at->first, path)) {
                taken[at->first.substr(path.size())] = at->second;
                at = nodes.erase(at);
            } else {
                ++at;
            }
        }
        return taken;
    }
    void put(const std::string& path, const std::map<std::string, Node>& taken) {
        for (const auto& [rest, node] : taken) {
            nodes[path + rest] = node;
        }
    }
};

const std::vector<std::string> kPaths = {"a",   "b",     "c",     "a/a",   "a/b", "b/a",
                                         "b/b", "a/a/a", "a/a/b", "b/a/c", "c/c", "c/c/c"};

template <class T>
std::optional<Code> code_of(const Result<T>& result) {
    return result.ok() ? std::nullopt : std::optional(result.error().code);
}

class Play {
public:
    explicit Play(std::uint64_t seed) : dice_(seed), home_(swarm_, seed) {}

    void step() {
        const std::string path = any_path();
        const std::uint64_t what = dice_.below(16);
        CAPTURE(path);
        CAPTURE(what);
        const std::string before = listed(home_.tree());
        CAPTURE(before);
        if (what < 3) {
            const auto made = home_.make_directory(path);
            CHECK(code_of(made) == model_.add(path, {"directory", made.ok() ? made->inode : 0}));
        } else if (what < 6) {
            save(path);
        } else if (what == 6) {
            const auto made = home_.create(path);
            CHECK(code_of(made) == model_.add(path, {"file 0", made.ok() ? made->inode : 0}));
        } else if (what == 7) {
            const auto made = home_.make_symlink(path, "t");
            CHECK(code_of(made) == model_.add(path, {"-> t", made.ok() ? made->inode : 0}));
        } else if (what == 8) {
            CHECK(code_of(home_.remove(path)) == model_.remove_file(path));
        } else if (what == 9) {
            CHECK(code_of(home_.remove_directory(path)) == model_.remove_directory(path));
        } else if (what < 14) {
            const auto rule = static_cast<Renaming>(dice_.below(3));
            const std::string to = any_path();
            CAPTURE(to);
            CAPTURE(static_cast<int>(rule));
            CHECK(code_of(home_.rename(path, to, rule)) == model_.rename(path, to, rule));
            compare();
        } else if (what == 14) {
            chmod(path);
        } else {
            home_.seal();
        }
        compare();
    }

    // Another member sees the same tree, less what was not published.
    void show_to_another() {
        Home other(swarm_, 999);
        home_.seal();
        other.pull(home_);
        CHECK(listed(other.tree()) == listed(published()));
    }

private:
    static std::string listed(const std::map<std::string, std::string>& tree) {
        std::string text;
        for (const auto& [path, what] : tree) {
            text += path + " " + what + "\n";
        }
        return text;
    }
    std::map<std::string, std::string> published() {
        std::map<std::string, std::string> shown;
        for (const auto& [path, node] : model_.nodes) {
            const auto record = home_.names().find(node.inode);
            if (record.ok() && record->dot) {
                shown[path] = node.what;
            }
        }
        return shown;
    }
    void save(const std::string& path) {
        const std::uint64_t content = dice_.below(100);
        if (model_.directory(path) ||
            (model_.nodes.contains(path) && model_.nodes[path].what.starts_with("->"))) {
            return;  // nobody writes to these
        }
        const auto saved = home_.save(path, content);
        if (!model_.nodes.contains(path)) {
            const auto error = model_.add(path, {"", saved.ok() ? saved->inode : 0});
            CHECK(code_of(saved) == error);
            if (error) {
                return;
            }
        }
        REQUIRE(saved.ok());
        model_.nodes[path].what = "file " + std::to_string(1000 + content);
    }
    void chmod(const std::string& path) {
        const Inode inode = home_.inode_at(path);
        if (inode != 0) {
            const auto mode = static_cast<std::uint16_t>(dice_.below(01000));
            REQUIRE(
                home_.change([&](Namespace& n) { return n.set_attributes(inode, mode, {}); }).ok());
            CHECK(home_.names().resolve(path)->mode == mode);
        }
    }
    void compare() {
        std::map<std::string, std::string> expected;
        std::uint64_t files = 0;
        std::uint64_t bytes = 0;
        for (const auto& [path, node] : model_.nodes) {
            expected[path] = node.what;
            const auto record = home_.names().find(node.inode);
            REQUIRE(record.ok());
            CHECK(*home_.names().path_of(*record) == path);
            CHECK(home_.inode_at(path) == node.inode);
            if (record->kind == InodeKind::file) {
                ++files;
                bytes += record->content.size;
            }
        }
        CHECK(home_.tree() == expected);
        CHECK(listed(tree_of(home_.replica())) == listed(published()));
        CHECK(home_.names().sums().files == files);
        CHECK(home_.names().sums().bytes == bytes);
    }
    const std::string& any_path() { return kPaths[dice_.below(kPaths.size())]; }

    Swarm swarm_;
    SeededDice dice_;
    Home home_;
    Model model_;
};

}  // namespace

TEST_CASE("random changes leave what POSIX says, with every inode where it belongs") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        Play play(seed);
        for (int step = 0; step < 250; ++step) {
            CAPTURE(step);
            play.step();
        }
        play.show_to_another();
    }
}

TEST_CASE("members who change names at random, together and apart, end with the same tree") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        Swarm swarm;
        SeededDice dice(seed);
        Home alice(swarm, 1);
        Home bob(swarm, 2);
        Home carol(swarm, 3);
        const std::vector<Home*> homes = {&alice, &bob, &carol};
        // What a program has open to write, at each.
        std::vector<std::optional<InodeRecord>> opened(homes.size());
        for (int step = 0; step < 120; ++step) {
            const std::size_t who = dice.below(3);
            Home& home = *homes[who];
            const auto shown = home.tree();
            const auto is_here = [&] {
                return opened[who] && home.names().find(opened[who]->inode).ok();
            };
            const bool was_here = is_here();
            // Mostly what is there, conflict copies included.
            std::string path = kPaths[dice.below(kPaths.size())];
            if (!shown.empty() && dice.below(3) == 0) {
                path =
                    std::next(shown.begin(), static_cast<std::ptrdiff_t>(dice.below(shown.size())))
                        ->first;
            }
            const std::uint64_t what = dice.below(10);
            switch (what) {
                case 0: (void)home.make_directory(path).ok(); break;
                case 1:
                case 2:
                    if (const auto at = shown.find(path);
                        at == shown.end() || at->second.starts_with("file")) {
                        (void)home.save(path, dice.below(50)).ok();
                    }
                    break;
                case 3: (void)home.remove(path).ok(); break;
                case 4: (void)home.remove_directory(path).ok(); break;
                case 5:
                    (void)home
                        .rename(path, kPaths[dice.below(kPaths.size())],
                                static_cast<Renaming>(dice.below(3)))
                        .ok();
                    break;
                case 6:
                    if (const Inode inode = home.inode_at(path); inode != 0) {
                        const auto mode = static_cast<std::uint16_t>(dice.below(01000));
                        (void)home
                            .change([&](Namespace& n) { return n.set_attributes(inode, mode, {}); })
                            .ok();
                    }
                    break;
                case 7:
                    if (opened[who]) {
                        (void)home.publish(*opened[who], dice.below(50)).ok();
                        opened[who].reset();
                    } else if (const auto record = home.names().resolve(path); !record.ok()) {
                        const auto made = home.create(path);
                        opened[who] = made.ok() ? std::optional(*made) : std::nullopt;
                    } else if (record->kind == InodeKind::file) {
                        opened[who] = *record;
                    }
                    break;
                default: home.pull(*homes[dice.below(3)]); break;
            }
            // What was removed by this member itself is nobody's, see Publisher::commit.
            if (what < 6 && was_here && !is_here()) {
                opened[who].reset();
            }
            home.now_ms += dice.below(2000);
        }
        for (std::size_t who = 0; who < homes.size(); ++who) {
            if (opened[who]) {
                (void)homes[who]->publish(*opened[who], dice.below(50)).ok();
            }
        }
        for (int round = 0; round < 2; ++round) {
            for (Home* to : homes) {
                for (Home* from : homes) {
                    to->pull(*from);
                }
            }
        }
        const auto expected = tree_of(alice.replica());
        for (Home* home : homes) {
            CHECK(home->replica().vector() == alice.replica().vector());
            CHECK(home->tree() == expected);
            CHECK(home->modes() == alice.modes());
        }
    }
}

}  // namespace swarmfs::store
