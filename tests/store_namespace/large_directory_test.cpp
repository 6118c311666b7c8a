// What a large directory costs to move and to remove: counted, not timed, through the layers that a
// Database reads (engine/store/layers.hpp), where what was erased just now still lies in the way.

#include <doctest/doctest.h>

#include "engine/store/layers.hpp"
#include "engine/store/namespace.hpp"
#include "tests/catalog/members.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::catalog::testing;

namespace {

class CountingReader final : public KeyValueReader {
public:
    explicit CountingReader(const KeyValueReader& under) : under_(under) {}
    std::optional<Bytes> get(ByteSpan key) const override {
        ++rows;
        return under_.get(key);
    }
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override {
        ++rows;
        under_.scan(prefix, from, [&](ByteSpan key, ByteSpan value) {
            ++rows;
            return visit(key, value);
        });
    }
    mutable std::uint64_t rows = 0;  // looked at or looked for

private:
    const KeyValueReader& under_;
};

// Changes over what was written before, as a Batch is over the tables.
class Layered final : public KeyValueWriter {
public:
    std::optional<Bytes> get(ByteSpan key) const override {
        const auto own = changes_.find(key);
        return own == changes_.end() ? below_.get(key) : own->second;
    }
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override {
        visit_pages(
            prefix, from,
            [&](ByteSpan at, std::size_t limit) {
                return overlay(read_page({}, below_, prefix, at, limit), changes_, prefix, at);
            },
            visit);
    }
    void put(ByteSpan key, ByteSpan value) override {
        changes_.insert_or_assign(to_bytes(key), to_bytes(value));
    }
    void erase(ByteSpan key) override { changes_.insert_or_assign(to_bytes(key), std::nullopt); }

    void write_below() {
        for (const auto& [key, value] : std::exchange(changes_, {})) {
            if (value) {
                written_.put(key, *value);
            } else {
                written_.erase(key);
            }
        }
        below_.rows = 0;
    }
    std::uint64_t rows() const { return below_.rows; }

private:
    MemoryKeyValue written_;
    CountingReader below_{written_};
    Changes changes_;
};

struct Node {
    explicit Node(std::uint64_t seed) : member(swarm, seed), dice(seed) {
        REQUIRE(replica.start_incarnation(member.key.public_key(), seed).ok());
    }

    Swarm swarm;
    Member member;  // its key and grant; the rows are ours
    SeededDice dice;
    Layered database;
    PrefixedWriter rows{database, {'r'}};
    PrefixedWriter names{database, {'n'}};
    catalog::Replica replica{rows, swarm.id};
    Namespace tree{names, database, replica, dice, {kStartMs}};

    void seal() { REQUIRE(replica.seal_local(member.key, member.grant).ok()); }
    void pull(const Node& other) {
        catalog::Sender sender;
        sender.learn(replica.vector());
        const auto sent = sender.send(other.replica, SIZE_MAX,
                                      [&](catalog::MessageKind kind, const Bytes& message) {
                                          if (kind == catalog::MessageKind::header) {
                                              REQUIRE(replica.apply_header(message, kStartMs).ok());
                                          } else {
                                              REQUIRE(replica.apply_entries(message).ok());
                                          }
                                      });
        REQUIRE(sent.ok());
        for (;;) {
            const auto applied = replica.advance();
            REQUIRE(applied.ok());
            if (!*applied) {
                return;
            }
            REQUIRE_FALSE((*applied)->refused);
            tree.update((*applied)->touched);
        }
    }
};

std::string name_of(std::uint64_t number) {
    std::string name = std::to_string(number);
    return name.insert(0, 6 - name.size(), '0');
}

struct Cost {
    std::uint64_t writer = 0;
    std::uint64_t reader = 0;
};

// Rows looked at while `act(node, directory, files)` happens to a directory `d` of that many files.
template <class Act>
Cost cost_of(std::uint64_t files, const Act& act) {
    Node alice(1);
    Node bob(2);
    const auto directory = alice.tree.make_directory(kRootInode, "d", 0755);
    REQUIRE(directory.ok());
    for (std::uint64_t i = 0; i < files; ++i) {
        const auto file = alice.tree.create_file(directory->inode, name_of(i), 0644);
        REQUIRE(file.ok());
        REQUIRE(alice.tree.publish_file(*file, {any_root(i), 1000 + i}, 1).ok());
    }
    alice.seal();
    bob.pull(alice);
    alice.database.write_below();
    bob.database.write_below();
    act(alice, directory->inode, files);
    alice.seal();
    const Cost cost{alice.database.rows(), 0};
    bob.pull(alice);
    CHECK_FALSE(bob.tree.resolve("d").ok());
    return {cost.writer, bob.database.rows()};
}

template <class Act>
void check_linear(const Act& act) {
    const Cost once = cost_of(200, act);
    const Cost twice = cost_of(400, act);
    CHECK(twice.writer < 3 * once.writer);
    CHECK(twice.reader < 3 * once.reader);
}

}  // namespace

TEST_CASE("a directory of twice as many files costs about twice as much to rename") {
    check_linear([](Node& node, Inode, std::uint64_t) {
        REQUIRE(node.tree.rename(kRootInode, "d", kRootInode, "dx", Renaming::replace).ok());
    });
}

TEST_CASE("a directory of twice as many files costs about twice as much to remove") {
    check_linear([](Node& node, Inode directory, std::uint64_t files) {
        for (std::uint64_t i = 0; i < files; ++i) {
            REQUIRE(node.tree.remove_file(directory, name_of(i)).ok());
        }
        REQUIRE(node.tree.remove_directory(kRootInode, "d").ok());
    });
}
