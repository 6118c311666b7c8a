// What the largest publication needs of the journal: one batch takes it.

#include <doctest/doctest.h>

#include "engine/store/journal_format.hpp"
#include "engine/store/namespace.hpp"
#include "tests/catalog/members.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::catalog::testing;

namespace {

std::string path_of(std::string_view directory, std::uint64_t number) {
    std::string name = std::to_string(number);
    name.insert(0, catalog::kNameBytesMax - name.size(), 'n');
    return std::string(directory) + "/" + name;
}

// Keeps what is changed in one batch.
class Recorder final : public KeyValueWriter {
public:
    std::optional<Bytes> get(ByteSpan key) const override { return rows_.get(key); }
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override {
        rows_.scan(prefix, from, visit);
    }
    void put(ByteSpan key, ByteSpan value) override {
        rows_.put(key, value);
        changes_[to_bytes(key)] = to_bytes(value);
    }
    void erase(ByteSpan key) override {
        rows_.erase(key);
        changes_[to_bytes(key)] = std::nullopt;
    }
    bool failed() const override { return false; }
    // Of the changes since the last call, as the journal has them.
    std::size_t take_body_bytes() { return body_bytes(std::exchange(changes_, {})); }

private:
    MemoryKeyValue rows_;
    Changes changes_;
};

}  // namespace

TEST_CASE("the largest publication fits into one batch, were all its names as long as can be") {
    constexpr std::uint64_t kFiles = 1000;
    const Swarm swarm;
    Member author(swarm, 1);
    Recorder database;
    SeededDice dice(5);
    std::size_t largest = 0;
    catalog::VersionVector seen;
    const auto send = [&] {
        author.seal();
        largest = 0;
        for (const Message& message : author.messages_for(seen)) {
            // As a node keeps a swarm: replica and names under prefixes, in one batch.
            PrefixedWriter rows(database, Bytes(1 + SwarmId::kSize, 0x40));
            PrefixedWriter names(database, Bytes(1 + SwarmId::kSize, 0x30));
            catalog::Replica replica(rows, swarm.id);
            Namespace tree(names, database, replica, dice, {kStartMs});
            if (message.first == catalog::MessageKind::header) {
                REQUIRE(replica.apply_header(message.second, kStartMs).ok());
            } else {
                REQUIRE(replica.apply_entries(message.second).ok());
            }
            largest = std::max(largest, database.take_body_bytes());
            for (;;) {
                const auto applied = replica.advance();
                REQUIRE(applied.ok());
                if (!*applied) {
                    break;
                }
                REQUIRE_FALSE((*applied)->refused);
                tree.update((*applied)->touched);
            }
            largest = std::max(largest, database.take_body_bytes());
            seen = replica.vector();
        }
    };
    for (std::uint64_t i = 0; i < kFiles; ++i) {
        author.write(file_entry(path_of("old", i), i));
    }
    send();
    CHECK(largest / kFiles <= kBatchBytesMax / catalog::kPublicationEntriesMax);
    MESSAGE((largest / kFiles) << " bytes an entry that is new");
    for (std::uint64_t i = 0; i < kFiles; ++i) {
        author.write(deleted_entry(path_of("old", i)));
        author.write(file_entry(path_of("new", i), i));
    }
    send();
    CHECK(largest / (2 * kFiles) <= kBatchBytesMax / catalog::kPublicationEntriesMax);
    MESSAGE((largest / (2 * kFiles)) << " bytes an entry of a directory that is moved");
}
