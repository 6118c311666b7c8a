#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/core/dice.hpp"
#include "engine/node/sibling_window.hpp"

namespace swarmfs::node {
namespace {

constexpr std::uint64_t kRoot = 1;

// A tree in memory. Inode numbers follow the order in which names are added.
class MemoryTree final : public Siblings {
public:
    struct Child {
        std::uint64_t inode = 0;
        Sibling::Kind kind = Sibling::Kind::file;
        std::uint64_t bytes = 0;
    };
    std::uint64_t add(std::uint64_t directory, const std::string& name, std::uint64_t bytes,
                      Sibling::Kind kind = Sibling::Kind::file) {
        children_[directory][name] = {next_, kind, bytes};
        places_[next_] = {directory, name};
        return next_++;
    }
    std::uint64_t add_directory(std::uint64_t directory, const std::string& name) {
        return add(directory, name, 0, Sibling::Kind::directory);
    }
    // "000", "001", ... of `bytes` each.
    std::vector<std::uint64_t> add_files(std::uint64_t directory, std::size_t count,
                                         std::uint64_t bytes = 100) {
        std::vector<std::uint64_t> inodes;
        for (std::size_t i = 0; i < count; ++i) {
            std::string name = std::to_string(i);
            name.insert(0, 5 - name.size(), '0');
            inodes.push_back(add(directory, name, bytes));
        }
        return inodes;
    }
    void remove(std::uint64_t inode) {
        const Place place = places_.at(inode);
        children_[place.directory].erase(place.name);
    }
    void store(std::uint64_t inode) { stored_.insert(root_of(inode)); }
    bool has(std::uint64_t inode) const { return stored_.contains(root_of(inode)); }

    SiblingWindow::Read read_of(std::uint64_t inode) const {
        const Place& place = places_.at(inode);
        return {place, inode, children_.at(place.directory).at(place.name).bytes, !has(inode)};
    }
    // Files with bytes, as a program meets them that recurses while it lists.
    std::vector<std::uint64_t> in_order(std::uint64_t directory = kRoot) const {
        std::vector<std::uint64_t> inodes;
        const auto of = children_.find(directory);
        if (of == children_.end()) {
            return inodes;
        }
        for (const auto& [name, child] : of->second) {
            if (child.kind == Sibling::Kind::directory) {
                const auto below = in_order(child.inode);
                inodes.insert(inodes.end(), below.begin(), below.end());
            } else if (child.kind == Sibling::Kind::file && child.bytes > 0) {
                inodes.push_back(child.inode);
            }
        }
        return inodes;
    }

    std::vector<Sibling> list(std::uint64_t directory, std::string_view after,
                              std::size_t count) override {
        std::vector<Sibling> page;
        const auto& children = children_[directory];
        for (auto at = children.upper_bound(std::string(after));
             at != children.end() && page.size() < count; ++at) {
            const Child& child = at->second;
            page.push_back({child.inode,
                            at->first,
                            child.kind,
                            {root_of(child.inode), child.bytes},
                            std::nullopt});
        }
        listed_ += page.size();
        return page;
    }
    std::optional<Place> place_of(std::uint64_t directory) override {
        return directory == kRoot ? std::nullopt : std::optional(places_.at(directory));
    }
    bool stored(const ContentId& content) override { return stored_.contains(content.root); }
    std::size_t listed() const { return listed_; }

    static Hash256 root_of(std::uint64_t inode) {
        Hash256 root;
        for (std::size_t i = 0; i < 8; ++i) {
            root.bytes[i] = static_cast<std::uint8_t>(inode >> (8 * i));
        }
        return root;
    }
    static std::uint64_t inode_of(const SiblingWindow::Fetch& fetch) {
        std::uint64_t inode = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            inode |= std::uint64_t{fetch.content.root.bytes[i]} << (8 * i);
        }
        return inode;
    }

private:
    std::map<std::uint64_t, std::map<std::string, Child>> children_;
    std::map<std::uint64_t, Place> places_;
    std::set<Hash256> stored_;
    std::uint64_t next_ = kRoot + 1;
    std::size_t listed_ = 0;
};

struct Reader {
    MemoryTree tree;
    SiblingWindow window{tree};
    TimePoint now{std::chrono::seconds(100)};
    std::map<SiblingWindow::Ticket, std::uint64_t> fetching;  // inodes

    // Returns: inodes to fetch.
    std::vector<std::uint64_t> read(std::uint64_t inode) {
        const SiblingWindow::Plan plan = window.on_read(tree.read_of(inode), now);
        tree.store(inode);
        std::vector<std::uint64_t> inodes;
        for (const auto& fetch : plan.fetch) {
            inodes.push_back(MemoryTree::inode_of(fetch));
            CHECK(fetching.emplace(fetch.ticket, inodes.back()).second);
        }
        for (const auto ticket : plan.abandon) {
            abandoned.push_back(fetching.at(ticket));
            fetching.erase(ticket);
        }
        return inodes;
    }
    void arrive(const std::vector<std::uint64_t>& inodes) {
        for (const std::uint64_t inode : inodes) {
            tree.store(inode);
        }
    }
    std::vector<std::uint64_t> abandoned;
};

std::vector<std::uint64_t> part(const std::vector<std::uint64_t>& all, std::size_t from,
                                std::size_t count) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(from);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

TEST_CASE("a single cold read fetches nothing else, nor do reads far from each other") {
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 1000);
    for (std::size_t i = 0; i < 200; ++i) {
        CHECK(reader.read(files[i * 37 % files.size()]).empty());
    }
    CHECK(reader.window.runs() == 0);
}

TEST_CASE("the second of two files in order starts a window of 16, and so does the fourth next") {
    for (const std::size_t step : {1U, 2U, 4U}) {
        Reader reader;
        const auto files = reader.tree.add_files(kRoot, 100);
        CHECK(reader.read(files[10]).empty());
        CHECK(reader.read(files[10 + step]) == part(files, 11 + step, 16));
    }
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 100);
    CHECK(reader.read(files[10]).empty());
    CHECK(reader.read(files[15]).empty());
    CHECK(reader.read(files[9]).empty());
}

TEST_CASE("reads of what is stored start nothing and look at no name") {
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 100);
    reader.arrive(files);
    for (const std::uint64_t file : files) {
        CHECK(reader.read(file).empty());
    }
    CHECK(reader.window.runs() == 0);
    CHECK(reader.tree.listed() == 0);
}

TEST_CASE("what is stored, empty, large or no file is passed by") {
    Reader reader;
    MemoryTree& tree = reader.tree;
    const auto a = tree.add(kRoot, "a", 10);
    const auto b = tree.add(kRoot, "b", 10);
    tree.add(kRoot, "c-empty", 0);
    tree.add(kRoot, "d-large", SiblingWindow::kFileBytesMax + 1);
    tree.add(kRoot, "e-link", 4, Sibling::Kind::other);
    const auto stored = tree.add(kRoot, "f-stored", 10);
    tree.store(stored);
    const auto g = tree.add(kRoot, "g", SiblingWindow::kFileBytesMax);
    CHECK(reader.read(a).empty());
    CHECK(reader.read(b) == std::vector<std::uint64_t>{g});
}

TEST_CASE("reads of what was fetched ahead keep the window full, by quarters") {
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 1000);
    reader.read(files[0]);
    reader.arrive(reader.read(files[1]));
    std::size_t fetched = 2 + SiblingWindow::kFirstWindow;
    for (std::size_t i = 2; i < 900; ++i) {
        const auto next = reader.read(files[i]);
        CHECK((next.empty() || next.size() >= SiblingWindow::kFirstWindow / 4));
        CHECK(next == part(files, fetched, next.size()));
        fetched += next.size();
        CHECK(fetched > i + SiblingWindow::kFirstWindow / 2);
        reader.arrive(next);
    }
    CHECK(reader.window.window_max() == SiblingWindow::kFirstWindow);  // nobody had to wait
    CHECK(reader.abandoned.empty());
}

TEST_CASE("the window doubles when the program waits, once for each window's worth") {
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 20'000);
    std::size_t window = SiblingWindow::kFirstWindow;
    std::size_t since = 0;
    for (std::size_t i = 0; i < 19'000; ++i) {
        reader.read(files[i]);  // none of them has arrived
        ++since;
        if (reader.window.window_max() > window) {
            CHECK(reader.window.window_max() == 2 * window);
            CHECK(since >= window / 2 * 3 / 4);  // what was ahead when it grew last
            window *= 2;
            since = 0;
        }
    }
    CHECK(window == SiblingWindow::kWindowMax);
}

TEST_CASE("a run goes on in the next directory, at most 16 files of it until it has gone there") {
    Reader reader;
    MemoryTree& tree = reader.tree;
    const auto first = tree.add_directory(kRoot, "a");
    const auto second = tree.add_directory(kRoot, "b");
    const auto third = tree.add_directory(kRoot, "c");
    const auto here = tree.add_files(first, 10);
    const auto there = tree.add_files(tree.add_directory(second, "deep"), 40);
    const auto after = tree.add_files(third, 40);
    reader.read(here[0]);
    auto expected = part(here, 2, 8);
    const auto beyond = part(there, 0, 8);
    expected.insert(expected.end(), beyond.begin(), beyond.end());
    CHECK(reader.read(here[1]) == expected);
    std::vector<std::uint64_t> fetched;
    for (std::size_t i = 2; i < here.size(); ++i) {
        for (const std::uint64_t inode : reader.read(here[i])) {
            fetched.push_back(inode);
        }
    }
    CHECK(fetched == part(there, 8, 8));
    for (const std::uint64_t file : there) {
        for (const std::uint64_t inode : reader.read(file)) {
            fetched.push_back(inode);
        }
    }
    CHECK(fetched.size() > 32);
    CHECK(std::find(fetched.begin(), fetched.end(), after[0]) != fetched.end());
}

TEST_CASE("files read out of order by a few threads belong to the run") {
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 400);
    std::vector<std::uint64_t> order = files;
    for (std::size_t i = 0; i + 4 <= order.size(); i += 4) {
        std::swap(order[i], order[i + 3]);
    }
    std::set<std::uint64_t> fetched;
    for (const std::uint64_t file : order) {
        for (const std::uint64_t inode : reader.read(file)) {
            CHECK(fetched.insert(inode).second);
        }
    }
    CHECK(reader.window.runs() == 1);
    CHECK(fetched.size() > 380);
    CHECK(reader.abandoned.empty());
}

TEST_CASE("the run of a program that picks ends, and what it left is abandoned") {
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 2000);
    std::size_t most = 0;
    for (std::size_t i = 0; i < 1800; i += i < 200 ? 1 : 5) {
        reader.read(files[i]);
        most = std::max(most, reader.window.runs());
    }
    CHECK(most == 1);
    CHECK(reader.window.runs() == 0);
    CHECK(reader.window.files_ahead() == 0);
    CHECK_FALSE(reader.abandoned.empty());
}

TEST_CASE("a run that was not read for 30 seconds is abandoned") {
    Reader reader;
    const auto files = reader.tree.add_files(kRoot, 100);
    const auto elsewhere = reader.tree.add(reader.tree.add_directory(kRoot, "x"), "file", 10);
    reader.read(files[0]);
    const auto fetched = reader.read(files[1]);
    reader.now += SiblingWindow::kIdleMax;
    reader.read(elsewhere);
    CHECK(reader.window.runs() == 1);
    reader.now += std::chrono::seconds(1);
    reader.read(elsewhere);
    CHECK(reader.window.runs() == 0);
    CHECK(reader.abandoned == fetched);
    CHECK(reader.window.bytes_ahead() == 0);
}

TEST_CASE("runs share a budget, and each may have its first 16 files") {
    Reader reader;
    std::vector<std::vector<std::uint64_t>> directories;
    for (char name = 'a'; name < 'a' + 9; ++name) {
        directories.push_back(reader.tree.add_files(
            reader.tree.add_directory(kRoot, std::string(1, name)), 500, 250'000));
    }
    std::size_t begun = 0;
    for (const auto& files : directories) {
        reader.read(files[0]);
        CHECK(reader.read(files[1]).size() == SiblingWindow::kFirstWindow);
        CHECK(reader.window.runs() == std::min(++begun, SiblingWindow::kRunsMax));
        for (std::size_t i = 2; i < 200; ++i) {
            reader.read(files[i]);
            CHECK(reader.window.bytes_ahead() <=
                  SiblingWindow::kAllBytesMax +
                      SiblingWindow::kRunsMax * SiblingWindow::kFirstWindow * 250'000);
        }
    }
    CHECK(reader.abandoned.size() >= SiblingWindow::kFirstWindow / 2);
    static_cast<void>(reader.window.end());
    CHECK(reader.window.bytes_ahead() == 0);
    CHECK(reader.window.files_ahead() == 0);
}

TEST_CASE("a million empty files do not hold up a read") {
    Reader reader;
    const auto a = reader.tree.add(kRoot, "a", 10);
    const auto b = reader.tree.add(kRoot, "b", 10);
    const auto empty = reader.tree.add_directory(kRoot, "c");
    reader.tree.add_files(empty, 90'000, 0);
    reader.read(a);
    reader.read(b);
    CHECK(reader.tree.listed() <= SiblingWindow::kLooks + 200);
}

// Against a list of all files in order: what is fetched follows, in that order, what was read.
TEST_CASE("in any tree, reading all of it in order fetches nearly all of it ahead, in order") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        SeededDice dice(seed);
        Reader reader;
        MemoryTree& tree = reader.tree;
        std::vector<std::uint64_t> directories{kRoot};
        for (int i = 0; i < 400; ++i) {
            const std::uint64_t in = directories[dice.below(directories.size())];
            const std::string name = std::to_string(dice.below(100'000));
            switch (dice.below(10)) {
                case 0: directories.push_back(tree.add_directory(in, name)); break;
                case 1: tree.add(in, name, 0); break;
                case 2: tree.add(in, name, 1'000'000); break;
                case 3: tree.store(tree.add(in, name, 10)); break;
                default: tree.add(in, name, 1 + dice.below(300)); break;
            }
        }
        const auto order = tree.in_order();
        std::map<std::uint64_t, std::size_t> at;
        for (std::size_t i = 0; i < order.size(); ++i) {
            at[order[i]] = i;
        }
        std::set<std::uint64_t> fetched;
        std::size_t last = 0;
        std::size_t cold = 0;  // not expected when they were read
        for (std::size_t i = 0; i < order.size(); ++i) {
            const bool large = tree.read_of(order[i]).bytes > SiblingWindow::kFileBytesMax;
            cold += !large && !tree.has(order[i]) && !fetched.contains(order[i]) ? 1 : 0;
            const bool removed = dice.below(20) == 0 && i + 1 < order.size();
            for (const std::uint64_t inode : reader.read(order[i])) {
                CHECK_FALSE(tree.has(inode));
                CHECK(fetched.insert(inode).second);
                CHECK(at.at(inode) > i);
                CHECK(at.at(inode) > last);
                last = at.at(inode);
                if (dice.below(2) == 0) {
                    tree.store(inode);
                }
            }
            if (removed) {
                tree.remove(order[i]);  // behind the program: no matter
            }
        }
        CHECK(cold <= 8);
        CHECK(reader.window.runs() <= 1);
    }
}

}  // namespace swarmfs::node
