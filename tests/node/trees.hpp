#pragma once
// One swarm's trees on disks of their own, without the nodes around them, and messages by hand.

#include <memory>
#include <string>
#include <vector>

#include "engine/node/tree.hpp"
#include "tests/catalog/members.hpp"
#include "tests/support/scratch_folder.hpp"

namespace swarmfs::test {

using catalog::testing::Message;

// A member's tree. Its key, grant and clock are those of the tests of the catalog.
class TreeMember {
public:
    TreeMember(const catalog::testing::Swarm& swarm, std::uint64_t seed,
               store::Disk* disk = nullptr, catalog::Role role = catalog::Role::write,
               std::uint64_t valid_until_ms = 0)
        : swarm_(swarm.id),
          disk_(disk ? disk : &system_disk_),
          dice_(seed),
          key_(catalog::testing::test_key(1000 + seed)) {
        catalog::GrantLink link;
        link.subject = key_.public_key();
        link.role = role;
        link.issued_ms = catalog::testing::kStartMs - 1000;
        link.valid_until_ms = valid_until_ms;
        grant_ = catalog::grant_from_owner(swarm.owner, link);
        open();
    }

    void open() {
        auto opened = store::Database::open(*disk_, folder_ / "db", options_);
        if (!opened.ok()) {
            throw std::runtime_error(opened.error().message);
        }
        database_ = *std::move(opened);
        identity_ = std::make_unique<node::Identity>(key_, swarm_, grant_, std::uint16_t{0}, clock);
        tree_ = std::make_unique<node::Tree>(
            node::Tree::Parts{*database_, *identity_, clock, dice_, history}, swarm_);
    }
    void close() {
        tree_.reset();
        identity_.reset();
        database_.reset();
    }

    node::Tree& tree() { return *tree_; }
    store::Database& database() { return *database_; }
    const crypto::SigningKey& key() const { return key_; }
    const Bytes& grant() const { return grant_; }
    std::filesystem::path folder() const { return folder_.path(); }

    Result<> make(const std::string& name) {
        return tree_->change(
            [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
                SWARM_TRY(const auto made, names.make_directory(store::kRootInode, name, 0755));
                (void)made;
                return done();
            },
            node::Tree::Origin::volume);
    }
    bool shows(const std::string& name) const {
        return tree_->view().names.lookup(store::kRootInode, name).ok();
    }
    catalog::VersionVector vector() const { return tree_->view().catalog.vector(); }
    std::vector<Message> messages_for(const catalog::VersionVector& theirs) const {
        std::vector<Message> messages;
        catalog::Sender sender;
        sender.learn(theirs);
        const node::TreeView view = tree_->view();
        (void)sender.send(view.catalog, SIZE_MAX, [&](catalog::MessageKind kind, Bytes bytes) {
            messages.emplace_back(kind, std::move(bytes));
        });
        return messages;
    }
    Result<> take(const Message& message) {
        if (message.first == catalog::MessageKind::header) {
            SWARM_TRY(const auto outcome, tree_->apply_header(message.second));
            (void)outcome;
        } else {
            SWARM_TRY(const bool any, tree_->apply_entries(message.second));
            (void)any;
        }
        return done();
    }
    Result<> pull_from(const TreeMember& other) {
        for (const Message& message : other.messages_for(vector())) {
            SWARM_CHECK(take(message));
        }
        return done();
    }

    ManualClock clock{catalog::testing::kStartMs};
    std::uint64_t history = 1;  // of the home, at the next open

private:
    static store::DatabaseOptions by_hand() {
        store::DatabaseOptions options;
        options.flush_after = std::chrono::milliseconds(0);
        options.segment_bytes = 1 << 20;
        return options;
    }

    const SwarmId swarm_;
    const store::DatabaseOptions options_ = by_hand();
    ScratchFolder folder_{Medium::memory};
    store::SystemDisk system_disk_;
    store::Disk* const disk_;
    SeededDice dice_;
    const crypto::SigningKey key_;
    Bytes grant_;
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<node::Identity> identity_;
    std::unique_ptr<node::Tree> tree_;
};

}  // namespace swarmfs::test
