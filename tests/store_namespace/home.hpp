#pragma once
// A member with a namespace beside its replica, as the node keeps them: one batch for both.

#include <map>
#include <string>
#include <utility>

#include "engine/store/namespace.hpp"
#include "tests/catalog/members.hpp"

namespace swarmfs::store::testing {

using catalog::testing::any_root;
using catalog::testing::Member;
using catalog::testing::Message;
using catalog::testing::Swarm;

struct Home : Member {
    Home(const Swarm& swarm, std::uint64_t seed) : Member(swarm, seed), dice(seed) {}

    NamespaceReader names() const { return NamespaceReader(name_rows); }

    // Runs `act(Namespace&)` as one batch: what it did is there only when it succeeded.
    template <class Act>
    auto change(Act act) {
        MemoryKeyValue rows_after = rows;
        MemoryKeyValue names_after = name_rows;
        catalog::Replica replica_after(rows_after, id);
        Namespace names_now(names_after, no_contents, replica_after, dice, {now_ms});
        auto result = act(names_now);
        if (result.ok()) {
            rows = std::move(rows_after);
            name_rows = std::move(names_after);
            changes = names_now.take_changes();
        }
        return result;
    }

    Inode inode_at(std::string_view path) const {
        const auto record = names().resolve(path);
        return record.ok() ? record->inode : 0;
    }
    Inode parent_of(std::string_view path) const { return inode_at(catalog::parent_path(path)); }
    static std::string_view leaf(std::string_view path) { return catalog::name_of_path(path); }

    Result<InodeRecord> make_directory(std::string_view path) {
        return change(
            [&](Namespace& n) { return n.make_directory(parent_of(path), leaf(path), 0755); });
    }
    Result<InodeRecord> make_symlink(std::string_view path, std::string_view target) {
        return change(
            [&](Namespace& n) { return n.make_symlink(parent_of(path), leaf(path), target); });
    }
    Result<InodeRecord> create(std::string_view path) {
        return change(
            [&](Namespace& n) { return n.create_file(parent_of(path), leaf(path), 0644); });
    }
    Result<InodeRecord> publish(const InodeRecord& opened, std::uint64_t content) {
        return change([&](Namespace& n) {
            return n.publish_file(opened, {any_root(content), 1000 + content},
                                  static_cast<std::int64_t>(content));
        });
    }
    // Opens (or creates), writes and closes.
    Result<InodeRecord> save(std::string_view path, std::uint64_t content) {
        auto opened = names().resolve(path);
        if (!opened.ok()) {
            opened = create(path);
        }
        return opened.ok() ? publish(*opened, content) : opened;
    }
    Result<> remove(std::string_view path) {
        return change([&](Namespace& n) { return n.remove_file(parent_of(path), leaf(path)); });
    }
    Result<> remove_directory(std::string_view path) {
        return change(
            [&](Namespace& n) { return n.remove_directory(parent_of(path), leaf(path)); });
    }
    Result<> rename(std::string_view from, std::string_view to, Renaming rule = Renaming::replace) {
        return change([&](Namespace& n) {
            return n.rename(parent_of(from), leaf(from), parent_of(to), leaf(to), rule);
        });
    }

    // Applies all that `other` has signed, as the node does: sign first, then one at a time.
    void pull(Home& other) {
        seal();
        for (const Message& message : other.messages_for(replica().vector())) {
            if (message.first == catalog::MessageKind::header) {
                (void)replica().apply_header(message.second, now_ms).ok();
            } else {
                (void)replica().apply_entries(message.second).ok();
            }
        }
        for (bool more = true; more;) {
            MemoryKeyValue rows_after = rows;
            MemoryKeyValue names_after = name_rows;
            catalog::Replica replica_after(rows_after, id);
            Namespace names_now(names_after, no_contents, replica_after, dice, {now_ms});
            const auto applied = replica_after.advance();
            more = applied.ok() && applied->has_value();
            if (more) {
                names_now.update((*applied)->touched);
                for (NameChange& one : names_now.take_changes()) {
                    pulled.push_back(std::move(one));
                }
            }
            rows = std::move(rows_after);
            name_rows = std::move(names_after);
        }
    }

    // Path -> what it shows, by walking the directories.
    std::map<std::string, std::string> tree() const {
        std::map<std::string, std::string> paths;
        walk(kRootInode, "", paths);
        return paths;
    }

    std::map<std::string, unsigned> modes() const {
        std::map<std::string, unsigned> paths;
        for (const auto& [path, what] : tree()) {
            paths[path] = names().resolve(path)->mode;
        }
        return paths;
    }

    SeededDice dice;
    MemoryKeyValue name_rows;
    const MemoryKeyValue no_contents;
    std::vector<NameChange> changes;  // by the last local change
    std::vector<NameChange> pulled;   // by pulling

private:
    void walk(Inode directory, const std::string& path,
              std::map<std::string, std::string>& paths) const {
        std::string after;
        for (;;) {
            const auto page = names().list(directory, after, 3);
            for (const InodeRecord& record : page) {
                const std::string child = catalog::join_path(path, record.name);
                paths[child] = describe(record);
                if (record.kind == InodeKind::directory) {
                    walk(record.inode, child, paths);
                }
            }
            if (page.size() < 3) {
                return;
            }
            after = page.back().name;
        }
    }

public:
    static std::string describe(const InodeRecord& record) {
        switch (record.kind) {
            case InodeKind::directory: return "directory";
            case InodeKind::symlink: return "-> " + record.target;
            case InodeKind::file: break;
        }
        return "file " + std::to_string(record.content.size);
    }
};

// What the catalog says must be shown: files and symlinks with their conflict copies, and
// directories.
inline std::map<std::string, std::string> tree_of(const catalog::ReplicaReader& replica) {
    std::map<std::string, std::string> paths;
    const auto describe = [](const catalog::Entry& entry) {
        switch (entry.kind) {
            case catalog::EntryKind::directory: return std::string("directory");
            case catalog::EntryKind::symlink: return "-> " + entry.target;
            default: return "file " + std::to_string(entry.content.size);
        }
    };
    replica.for_each_current(
        {}, [&](const Hash256&, const std::string& path, const catalog::View& view) {
            if (view.main) {
                paths[path] = describe(view.main->entry);
            }
            for (const catalog::ConflictCopy& copy : view.beside) {
                paths[catalog::join_path(catalog::parent_path(path), copy.name)] =
                    describe(copy.version.entry);
            }
            return true;
        });
    std::vector<std::string> shown;
    for (const auto& [path, what] : paths) {
        shown.push_back(path);
    }
    for (const std::string& path : shown) {
        for (std::string_view at = catalog::parent_path(path); !at.empty();
             at = catalog::parent_path(at)) {
            paths.emplace(std::string(at), "directory");
        }
    }
    return paths;
}

}  // namespace swarmfs::store::testing
