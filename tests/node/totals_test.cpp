// What is said of a swarm and of the store without walking them, beside a walk: after changes of
// every kind, in every order, and after crashes.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "engine/node/tree.hpp"
#include "engine/store/content_ledger.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/namespace_sums.hpp"
#include "tests/node/trees.hpp"
#include "tests/store/content_fixture.hpp"
#include "tests/store/crash_disk.hpp"

namespace swarmfs::node {
namespace {

using catalog::testing::kStartMs;
using catalog::testing::Swarm;
using store::ContentStatistics;
using store::InodeKind;
using store::InodeRecord;
using store::KeySpace;
using store::Namespace;
using store::NamespaceSums;
using test::Source;
using test::TreeMember;

constexpr auto kCrash = store::Durability::process_crash;

Swarm swarm_of(std::uint64_t seed) {
    Swarm swarm;
    swarm.owner = catalog::testing::test_key(seed);
    swarm.id = SwarmId{swarm.owner.public_key().bytes};
    return swarm;
}

// ---- the naive twin: everything is looked at ----

std::map<ContentId, store::ContentRecord> stored_in(const KeyValueReader& rows) {
    std::map<ContentId, store::ContentRecord> stored;
    rows.scan(store::records_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        if (const auto id = store::id_of_record_key(key)) {
            stored[*id] = *store::decode_content_record(value);
        }
        return true;
    });
    rows.scan(store::small_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        const auto id = *store::id_of_small_key(key);
        stored[id].complete = true;
        stored[id].stored_bytes = value.size() - 1;
        return true;
    });
    return stored;
}

ContentStatistics count_contents(const KeyValueReader& rows) {
    ContentStatistics sums;
    for (const auto& [id, record] : stored_in(rows)) {
        ++sums.contents;
        sums.complete += record.complete ? 1 : 0;
        sums.small += id.size <= store::kSmallBytesMax ? 1 : 0;
        sums.in_place += record.places.empty() ? 0 : 1;
        sums.stored_bytes += record.places.empty() ? record.stored_bytes : 0;
    }
    return sums;
}

struct Shown {
    NamespaceSums sums;
    std::map<ContentId, std::uint64_t> files;
};

// As a program would, from the root down.
void walk(const store::NamespaceReader& names, store::Inode directory,
          const std::map<ContentId, store::ContentRecord>& stored, Shown& shown) {
    for (const InodeRecord& record : names.list(directory, "", SIZE_MAX)) {
        if (record.kind == InodeKind::directory) {
            ++shown.sums.directories;
            walk(names, record.inode, stored, shown);
        } else if (record.kind == InodeKind::file) {
            ++shown.sums.files;
            shown.sums.bytes += record.content.size;
            if (record.content.size > 0) {
                ++shown.files[record.content];
                const auto found = stored.find(record.content);
                shown.sums.stored_bytes += found == stored.end() ? 0 : found->second.stored_bytes;
            }
        }
    }
}

// ---- a member of two swarms, whose contents and names share a Database ----

class Both {
public:
    explicit Both(std::uint64_t seed) : dice_(seed), home_(disk_) {
        for (const std::size_t size : {1, 100, 4096, 4097, 20'000, 70'000, 300'000}) {
            sources_.emplace_back(test::random_bytes(size, size));
        }
        open();
    }

    // One change of a random kind. Errors are those a program would meet, and change nothing.
    void step() {
        const std::size_t which = dice_.below(kSwarms);
        Tree& tree = *members_[which].tree;
        switch (dice_.below(16)) {
            case 0:
            case 1: write_new(tree); break;
            case 2:
            case 3: write_known(tree); break;
            case 4: remove(tree); break;
            case 5:
            case 6: rename(tree); break;
            case 7: make(tree); break;
            case 8: fetch(); break;
            case 9: forget(); break;
            case 10: (void)contents().set_owned(any_source().id(), dice_.below(2) == 0).ok(); break;
            case 11: share_in_place(tree); break;
            case 12:
            case 13: merge(members_[which]); break;
            case 14: leave_or_age(which); break;
            default: restart(); break;
        }
    }

    void check() {
        REQUIRE(contents().save().ok());
        const KeyValueReader& rows = home_.database->reader();
        const auto totals = contents().statistics();
        const auto counted = count_contents(rows);
        CHECK(totals == counted);
        const auto stored = stored_in(rows);
        for (std::size_t i = 0; i < kSwarms; ++i) {
            const TreeView view = members_[i].tree->view();
            Shown shown;
            walk(view.names, store::kRootInode, stored, shown);
            CHECK(view.names.sums() == shown.sums);
            const PrefixedReader names(rows,
                                       store::key_of(KeySpace::namespace_, members_[i].swarm.id));
            std::map<ContentId, std::uint64_t> files;
            names.scan(store::shown_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
                WireReader in(key.subspan(1));
                ContentId id;
                id.root = in.fixed<Hash256>();
                id.size = in.u64();
                files[id] = WireReader(value).u64();
                return true;
            });
            CHECK(files == shown.files);
            largest.files = std::max(largest.files, shown.sums.files);
            largest.directories = std::max(largest.directories, shown.sums.directories);
            largest.stored_bytes = std::max(largest.stored_bytes, shown.sums.stored_bytes);
        }
        most_contents = std::max(most_contents, counted.contents);
    }

    // What was met on the way: a run that met little proves little.
    NamespaceSums largest;
    std::uint64_t most_contents = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t crashes = 0;

private:
    static constexpr std::size_t kSwarms = 2;
    struct Membership {
        Swarm swarm;
        std::unique_ptr<Identity> identity;
        std::unique_ptr<Tree> tree;
        std::unique_ptr<TreeMember> other;  // another member, on a home of his own
    };

    void open() {
        home_.open();
        for (std::size_t i = 0; i < kSwarms; ++i) {
            Membership& member = members_[i];
            member.swarm = swarm_of(1 + i);
            if (!member.other) {
                member.other = std::make_unique<TreeMember>(member.swarm, 20 + i);
                member.other->clock.advance_to(clock_.now());
            }
            catalog::GrantLink link;
            link.subject = key_.public_key();
            link.role = catalog::Role::write;
            link.issued_ms = kStartMs - 1000;
            member.identity = std::make_unique<Identity>(
                key_, member.swarm.id, catalog::grant_from_owner(member.swarm.owner, link),
                std::uint16_t{0}, clock_);
            member.tree = std::make_unique<Tree>(
                Tree::Parts{*home_.database, *member.identity, clock_, dice_, 1}, member.swarm.id);
            member.tree->start();
        }
    }
    void close() {
        for (Membership& member : members_) {
            member.tree.reset();
        }
        home_.close();
    }

    store::ContentStore& contents() { return *home_.contents; }
    const Source& any_source() { return sources_[dice_.below(sources_.size())]; }
    std::string any_name() { return std::string(1, static_cast<char>('a' + dice_.below(5))); }
    // Of a directory that is there, perhaps.
    store::Inode any_directory(const Namespace& names) {
        const auto found = names.lookup(store::kRootInode, any_name());
        return found.ok() && found->kind == InodeKind::directory && dice_.below(3) > 0
                   ? found->inode
                   : store::kRootInode;
    }

    using Act = std::function<Result<>(Namespace&, KeyValueWriter&)>;
    bool change(Tree& tree, const Act& act) {
        return tree.change(act, Tree::Origin::volume, kCrash).ok();
    }

    Result<> put_file(Namespace& names, const ContentId& content) {
        const store::Inode directory = any_directory(names);
        const std::string name = any_name();
        auto file = names.lookup(directory, name);
        if (!file.ok()) {
            file = names.create_file(directory, name, 0644);
        }
        SWARM_CHECK(file);
        if (file->kind != InodeKind::file || dice_.below(8) == 0) {
            return done();  // made, and not published
        }
        SWARM_TRY(const auto published, names.publish_file(*file, content, 7));
        (void)published;
        return done();
    }
    void record_and_put(Tree& tree, store::NewContent fresh) {
        const ContentId id = fresh.id();
        const bool before = dice_.below(2) == 0;  // either may come first in a batch
        const bool put = change(tree, [&](Namespace& names, KeyValueWriter& batch) -> Result<> {
            store::ContentLedger ledger(batch);
            if (before) {
                SWARM_CHECK(contents().record(ledger, fresh));
            }
            SWARM_CHECK(put_file(names, id));
            return before ? done() : contents().record(ledger, fresh);
        });
        if (put) {
            REQUIRE(contents().place(std::move(fresh)).ok());
        } else {
            contents().discard(std::move(fresh));
        }
    }
    void write_new(Tree& tree) {
        auto writer = contents().begin_writer();
        REQUIRE(writer.append(any_source().bytes()).ok());
        auto fresh = writer.finish();
        REQUIRE(fresh.ok());
        record_and_put(tree, *std::move(fresh));
    }
    void write_known(Tree& tree) {
        const ContentId id = any_source().id();
        change(tree, [&](Namespace& names, KeyValueWriter&) { return put_file(names, id); });
    }
    void share_in_place(Tree& tree) {
        const Source& source = any_source();
        const auto path = shared_.path() / source.id().root.short_hex();
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(source.bytes().data()),
                   static_cast<std::streamsize>(source.size()));
        auto fresh = contents().prepare_in_place(path);
        REQUIRE(fresh.ok());
        record_and_put(tree, *std::move(fresh));
    }
    void remove(Tree& tree) {
        change(tree, [&](Namespace& names, KeyValueWriter&) {
            const store::Inode directory = any_directory(names);
            const std::string name = any_name();
            const auto removed = names.remove_file(directory, name);
            return removed.ok() ? removed : names.remove_directory(directory, name);
        });
    }
    void rename(Tree& tree) {
        change(tree, [&](Namespace& names, KeyValueWriter&) {
            const auto rule = static_cast<store::Renaming>(dice_.below(3));
            const store::Inode from = any_directory(names);
            const store::Inode to = any_directory(names);
            const std::string name = any_name();
            return names.rename(from, name, to, any_name(), rule);
        });
    }
    void make(Tree& tree) {
        change(tree, [&](Namespace& names, KeyValueWriter&) -> Result<> {
            const store::Inode directory = any_directory(names);
            if (dice_.below(4) == 0) {
                SWARM_CHECK(names.make_symlink(directory, any_name(), "target"));
                return done();
            }
            SWARM_CHECK(names.make_directory(directory, any_name(), 0755));
            SWARM_CHECK(names.set_attributes(directory, 0700, 5));
            return done();
        });
    }

    // A leaf or more of one chunk, perhaps the last it wanted.
    void fetch() {
        const Source& source = any_source();
        const auto content = home_.get(source.id());
        const ChunkIndex chunk(dice_.below(chunk_count(source.size())));
        const auto leaves = leaves_in_chunk(source.size(), chunk);
        const auto first = dice_.below(leaves);
        const auto count = 1 + dice_.below(leaves - first);
        REQUIRE(
            source.give(*content, chunk, static_cast<unsigned>(first), static_cast<unsigned>(count))
                .ok());
    }
    void forget() { REQUIRE(contents().remove(any_source().id()).ok()); }

    // The other member changes the same names, knowing of ours or not; then both learn of it.
    void merge(Membership& member) {
        TreeMember& other = *member.other;
        if (dice_.below(2) == 0) {
            tell(member);
        }
        for (std::uint64_t changes = dice_.below(4); changes > 0; --changes) {
            dice_.below(2) == 0 ? write_known(other.tree()) : rename(other.tree());
            remove(other.tree());
        }
        REQUIRE(other.tree().seal().ok());
        for (const auto& [kind, bytes] : other.messages_for(vector_of(member))) {
            const bool taken = kind == catalog::MessageKind::header
                                   ? member.tree->apply_header(bytes).ok()
                                   : member.tree->apply_entries(bytes).ok();
            REQUIRE(taken);
        }
        for (const InodeRecord& record :
             member.tree->view().names.list(store::kRootInode, "", SIZE_MAX)) {
            conflicts += catalog::as_conflict_name(record.name) ? 1 : 0;
        }
    }
    catalog::VersionVector vector_of(Membership& member) {
        return member.tree->view().catalog.vector();
    }
    void tell(Membership& member) {
        REQUIRE(member.tree->seal().ok());
        catalog::Sender sender;
        sender.learn(member.other->vector());
        std::vector<catalog::testing::Message> messages;
        REQUIRE(sender
                    .send(member.tree->view().catalog, SIZE_MAX,
                          [&](catalog::MessageKind kind, Bytes bytes) {
                              messages.emplace_back(kind, std::move(bytes));
                          })
                    .ok());
        for (const auto& message : messages) {
            REQUIRE(member.other->take(message).ok());
        }
    }

    void leave_or_age(std::size_t which) {
        Membership& member = members_[which];
        if (dice_.below(3) > 0) {
            clock_.advance(std::chrono::hours(24));
            for (Membership& one : members_) {
                one.other->clock.advance(std::chrono::hours(24));
            }
            REQUIRE(member.tree->compact(100).ok());
            return;
        }
        REQUIRE(contents().save().ok());
        close();
        home_.open();
        REQUIRE(Tree::erase_all(*home_.database, member.swarm.id).ok());
        home_.database->reader().scan(store::key_of(KeySpace::namespace_, member.swarm.id), {},
                                      [](ByteSpan, ByteSpan) {
                                          FAIL("something of the swarm is left");
                                          return false;
                                      });
        fetch();
        REQUIRE(contents().save().ok());
        member.other.reset();  // who joins again is told all from the beginning, by somebody else
        close();
        open();
    }

    void restart() {
        switch (dice_.below(4)) {
            case 0: close(); break;
            case 1: make_old(); break;
            default:
                if (dice_.below(2) == 0) {
                    REQUIRE(home_.database->flush().ok());  // what follows is replayed over it
                    fetch();
                }
                disk_.stop_everything();
                close();
                disk_.lose_power(dice_);
                ++crashes;
        }
        open();
    }
    // As a program from before there were totals left it.
    void make_old() {
        store::Changes changes{{store::totals_key(), std::nullopt}};
        for (Membership& member : members_) {
            const Bytes prefix = store::key_of(KeySpace::namespace_, member.swarm.id);
            Bytes key = prefix;
            key.push_back('s');
            changes[key] = dice_.below(2) == 0 ? std::nullopt : std::optional(Bytes(16, 0));
            const PrefixedReader names(home_.database->reader(), prefix);
            names.scan(store::shown_prefix(), {}, [&](ByteSpan rest, ByteSpan) {
                Bytes shown = prefix;
                shown.insert(shown.end(), rest.begin(), rest.end());
                changes[shown] = std::nullopt;
                return true;
            });
        }
        REQUIRE(home_.database->commit(std::move(changes), kCrash).ok());
        for (Membership& member : members_) {
            member.tree.reset();
        }
        home_.close();
    }

    SeededDice dice_;
    test::CrashDisk disk_{test::Syncs::work};
    test::Home home_;
    test::ScratchFolder shared_{test::Medium::memory};
    ManualClock clock_{kStartMs};
    const crypto::SigningKey key_ = catalog::testing::test_key(7);
    std::array<Membership, kSwarms> members_;
    std::vector<Source> sources_;
};

}  // namespace

TEST_CASE("what is said of swarms and the store without a walk is what a walk finds") {
    std::uint64_t conflicts = 0;
    std::uint64_t crashes = 0;
    std::uint64_t directories = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        Both both(seed);
        for (int step = 0; step < 200; ++step) {
            CAPTURE(step);
            both.step();
            both.check();
        }
        CHECK(both.most_contents > 3);
        CHECK(both.largest.files > 3);
        CHECK(both.largest.stored_bytes > 300'000);
        conflicts += both.conflicts;
        crashes += both.crashes;
        directories += both.largest.directories;
    }
    CHECK(conflicts > 10);
    CHECK(crashes > 10);
    CHECK(directories > 10);
}

}  // namespace swarmfs::node
