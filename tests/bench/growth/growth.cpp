// growth ENTRIES...: what a catalog of so many files costs the member that joins, and afterwards.
// See tools/dev/growth.
//
// Two members' trees on disk, as their nodes keep them; what one says goes to the other as it would
// over a session, without the session. Each size runs in a process of its own, so that memory is
// that of its own.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "engine/node/tree.hpp"
#include "tests/catalog/members.hpp"
#include "tests/support/scratch_folder.hpp"

namespace {

using namespace swarmfs;
using test::Medium;
using test::ScratchFolder;

constexpr std::uint64_t kPerDirectory = 1000;
constexpr std::size_t kMessageBytes = 1 << 20;  // what waits for a session's peer at most
constexpr int kChanges = 20;
constexpr int kLookups = 10'000;

template <class T>
T must(Result<T> result) {
    if (!result.ok()) {
        throw std::runtime_error(result.error().message);
    }
    return *std::move(result);
}
void must(const Result<>& result) {
    if (!result.ok()) {
        throw std::runtime_error(result.error().message);
    }
}

class Watch {
public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Memory that the page cache cannot give back, in MiB.
double private_mib() {
    std::ifstream status("/proc/self/status");
    std::string word;
    double kib = 0;
    while (status >> word) {
        if (word == "RssAnon:" || word == "RssShmem:") {
            double more = 0;
            status >> more;
            kib += more;
        }
    }
    return kib / 1024;
}

class Member {
public:
    Member(const catalog::testing::Swarm& swarm, std::uint64_t seed)
        : dice_(seed), key_(catalog::testing::test_key(1000 + seed)) {
        catalog::GrantLink link;
        link.subject = key_.public_key();
        link.role = catalog::Role::write;
        link.issued_ms = catalog::testing::kStartMs - 1000;
        database_ = must(store::Database::open(disk_, folder_ / "db", {}));
        identity_ = std::make_unique<node::Identity>(
            key_, swarm.id, catalog::grant_from_owner(swarm.owner, link), std::uint16_t{0}, clock_);
        tree_ = std::make_unique<node::Tree>(
            node::Tree::Parts{*database_, *identity_, clock_, dice_, 1}, swarm.id);
        tree_->start();
    }

    node::Tree& tree() { return *tree_; }

    void publish(std::uint64_t first, std::uint64_t count) {
        const auto put = [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
            for (std::uint64_t number = first; number < first + count; ++number) {
                catalog::Entry entry;
                entry.kind = catalog::EntryKind::file;
                entry.path = path_of(number);
                entry.mode = 0644;
                entry.content = {catalog::testing::any_root(number), 1000 + number};
                SWARM_TRY(const auto made,
                          names.put_path(entry, [](const catalog::Entry&) { return false; }));
                (void)made;
            }
            return done();
        };
        must(tree_->change(put, node::Tree::Origin::elsewhere));
        must(tree_->seal());
    }

    static std::string directory_of(std::uint64_t number) {
        return "directory " + std::to_string(number / kPerDirectory);
    }
    static std::string path_of(std::uint64_t number) {
        return directory_of(number) + "/a file of no great length " + std::to_string(number) +
               ".txt";
    }

    struct Pulled {
        std::uint64_t bytes = 0;
        double most_mib = 0;
    };
    // Takes over what `other` says, as `sender` remembers how far it has come.
    Pulled pull(Member& other, catalog::Sender& sender) {
        Pulled pulled;
        for (bool all = false; !all;) {
            std::vector<catalog::testing::Message> messages;
            const node::TreeView view = other.tree().view();
            all = must(sender.send(view.catalog, kMessageBytes,
                                   [&](catalog::MessageKind kind, Bytes bytes) {
                                       messages.emplace_back(kind, std::move(bytes));
                                   }));
            for (const auto& [kind, bytes] : messages) {
                pulled.bytes += bytes.size();
                if (kind == catalog::MessageKind::header) {
                    must(tree_->apply_header(bytes));
                } else {
                    must(tree_->apply_entries(bytes));
                }
            }
            pulled.most_mib = std::max(pulled.most_mib, private_mib());
        }
        return pulled;
    }

private:
    ManualClock clock_{catalog::testing::kStartMs};
    ScratchFolder folder_{Medium::disk};
    store::SystemDisk disk_;
    SeededDice dice_;
    const crypto::SigningKey key_;
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<node::Identity> identity_;
    std::unique_ptr<node::Tree> tree_;
};

double lookup_us(Member& member, std::uint64_t entries) {
    SeededDice dice(7);
    const Watch watch;
    for (int i = 0; i < kLookups; ++i) {
        const std::string path = Member::path_of(dice.below(entries));
        const node::TreeView view = member.tree().view();
        const auto directory =
            must(view.names.lookup(store::kRootInode, catalog::parent_path(path)));
        must(view.names.lookup(directory.inode, catalog::name_of_path(path)));
    }
    return watch.seconds() / kLookups / 2 * 1e6;
}

double list_us(Member& member, std::uint64_t entries) {
    SeededDice dice(8);
    std::uint64_t listed = 0;
    const Watch watch;
    for (int i = 0; i < 50; ++i) {
        const node::TreeView view = member.tree().view();
        const std::string name = Member::directory_of(dice.below(entries));
        const auto directory = must(view.names.lookup(store::kRootInode, name));
        listed += view.names.list(directory.inode, "", kPerDirectory).size();
    }
    return watch.seconds() / static_cast<double>(listed) * 1e6;
}

void grow(std::uint64_t entries) {
    const catalog::testing::Swarm swarm;
    Member author(swarm, 1);
    const Watch publishing;
    for (std::uint64_t first = 0; first < entries; first += kPerDirectory) {
        author.publish(first, std::min(kPerDirectory, entries - first));
    }
    const double published = publishing.seconds();
    const double before_mib = private_mib();
    Member joiner(swarm, 2);
    catalog::Sender sender;
    const Watch joining;
    const Member::Pulled all = joiner.pull(author, sender);
    const double joined = joining.seconds();

    std::vector<double> changes;
    Member::Pulled changed;
    for (int i = 0; i < kChanges; ++i) {
        author.publish(entries + static_cast<std::uint64_t>(i), 1);
        const Watch watch;
        changed = joiner.pull(author, sender);
        changes.push_back(watch.seconds() * 1e6);
    }
    std::sort(changes.begin(), changes.end());
    std::printf("%9llu %10.2f %10.2f %10.0f %10.1f %10.1f %12.0f %10llu %10.2f %10.2f\n",
                static_cast<unsigned long long>(entries), published, joined,
                static_cast<double>(entries) / joined, static_cast<double>(all.bytes) / (1 << 20),
                all.most_mib - before_mib, changes[kChanges / 2],
                static_cast<unsigned long long>(changed.bytes), lookup_us(joiner, entries),
                list_us(joiner, entries));
    std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
    std::printf("%9s %10s %10s %10s %10s %10s %12s %10s %10s %10s\n", "entries", "publish s",
                "join s", "entries/s", "sent MiB", "join MiB", "a change us", "its bytes",
                "lookup us", "list us");
    std::fflush(stdout);
    for (int i = 1; i < count; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            try {
                grow(std::strtoull(arguments[i], nullptr, 10));
            } catch (const std::exception& error) {
                std::fprintf(stderr, "growth: %s\n", error.what());
                ::_exit(1);
            }
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        if (status != 0) {
            return 1;
        }
    }
    return 0;
}
