#pragma once
// Members of a swarm for tests: keys, grants, replicas in memory, and messages passed by hand.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/catalog/grant.hpp"
#include "engine/catalog/replica.hpp"
#include "engine/catalog/sender.hpp"
#include "engine/core/dice.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::catalog::testing {

inline constexpr std::uint64_t kStartMs = 1'763'709'200'000;  // 2025-11-21T07:13:20Z

inline crypto::SigningKey test_key(std::uint64_t seed) {
    SeededDice dice(seed);
    return crypto::SigningKey::generate(dice);
}

inline Hash256 any_root(std::uint64_t n) {
    Hash256 root;
    SeededDice dice(n);
    dice.fill(root.bytes);
    return root;
}

inline NodeId any_node(std::uint64_t n) {
    return NodeId{any_root(n).bytes};
}

inline Entry file_entry(std::string path, std::uint64_t content) {
    Entry entry;
    entry.kind = EntryKind::file;
    entry.path = std::move(path);
    entry.content = {any_root(content), 1000 + content};
    entry.mode = 0644;
    entry.mtime_ns = 1'000'000'000;
    return entry;
}

inline Entry directory_entry(std::string path) {
    Entry entry;
    entry.kind = EntryKind::directory;
    entry.path = std::move(path);
    entry.mode = 0755;
    return entry;
}

inline Entry deleted_entry(std::string path) {
    Entry entry;
    entry.kind = EntryKind::deleted;
    entry.path = std::move(path);
    return entry;
}

using Message = std::pair<MessageKind, Bytes>;

struct Swarm {
    crypto::SigningKey owner = test_key(1);
    SwarmId id{owner.public_key().bytes};
};

struct Member {
    Member(const Swarm& swarm, std::uint64_t seed, Role role = Role::write)
        : key(test_key(1000 + seed)), id(swarm.id) {
        GrantLink link;
        link.subject = key.public_key();
        link.role = role;
        link.issued_ms = kStartMs - 1000;
        grant = grant_from_owner(swarm.owner, link);
        (void)replica().start_incarnation(key.public_key(), seed);
    }

    Replica replica() { return Replica(rows, id); }
    AuthorId author() { return *replica().own_author(); }

    Dot write(Entry entry) {
        Replica mine = replica();
        auto dot = mine.append_local(std::move(entry), now_ms);
        const auto now_touched = mine.take_touched();
        touched.insert(touched.end(), now_touched.begin(), now_touched.end());
        return std::move(dot).value();
    }
    void seal() {
        if (!replica().seal_local(key, grant).ok()) {
            std::abort();
        }
    }

    // What a node does whose home was restored: the rows are old ones, the history is a new one.
    void begin_anew(MemoryKeyValue restored, std::uint64_t incarnation) {
        rows = std::move(restored);
        Replica mine = replica();
        if (!mine.start_incarnation(key.public_key(), incarnation).ok()) {
            std::abort();
        }
        for (std::string& path : mine.take_touched()) {
            touched.push_back(std::move(path));
        }
    }

    // Everything this member would send to one who has `theirs`.
    std::vector<Message> messages_for(const VersionVector& theirs) {
        std::vector<Message> messages;
        Sender sender;
        sender.learn(theirs);
        const auto sent = sender.send(
            ReplicaReader(rows), SIZE_MAX,
            [&](MessageKind kind, Bytes bytes) { messages.emplace_back(kind, std::move(bytes)); });
        if (!sent.ok()) {
            std::abort();
        }
        return messages;
    }

    // Takes one message, and every publication that became applicable by it.
    Result<> take(const Message& message) {
        Replica mine = replica();
        if (message.first == MessageKind::header) {
            auto header = mine.apply_header(message.second, now_ms);
            if (!header.ok()) {
                return header.error();
            }
            last_header = *header;
        } else {
            auto entries = mine.apply_entries(message.second);
            if (!entries.ok()) {
                return entries.error();
            }
            last_entries = entries->outcome;
            touched.insert(touched.end(), entries->touched.begin(), entries->touched.end());
        }
        return advance();
    }
    Result<> advance() {
        for (;;) {
            SWARM_TRY(auto applied, replica().advance());
            if (!applied) {
                return done();
            }
            if (applied->refused) {
                return *applied->refused;
            }
            touched.insert(touched.end(), applied->touched.begin(), applied->touched.end());
        }
    }
    // Fetches all that `other` has signed.
    Result<> pull_from(Member& other) {
        for (const Message& message : other.messages_for(replica().vector_to_tell())) {
            SWARM_CHECK(take(message));
        }
        return done();
    }

    crypto::SigningKey key;
    SwarmId id;
    Bytes grant;
    MemoryKeyValue rows;
    std::uint64_t now_ms = kStartMs;
    std::vector<std::string> touched;
    HeaderOutcome last_header = HeaderOutcome::parked;
    EntriesOutcome last_entries = EntriesOutcome::unwanted;
};

// What a replica shows, for comparing: every path with its winner and its copies.
inline std::vector<std::string> picture_of(const ReplicaReader& replica) {
    std::vector<std::string> lines;
    replica.for_each_current({}, [&](const Hash256&, const std::string& path, const View& view) {
        std::string line = path + " = ";
        line += view.main ? name_of(view.main->entry.kind) : std::string("(directory)");
        if (view.main) {
            line += " " + view.main->dot.author.node.short_hex() + ":" +
                    std::to_string(view.main->dot.sequence);
        }
        for (const ConflictCopy& copy : view.beside) {
            line += " | " + copy.name + " " + copy.version.dot.author.node.short_hex() + ":" +
                    std::to_string(copy.version.dot.sequence);
        }
        lines.push_back(std::move(line));
        return true;
    });
    std::sort(lines.begin(), lines.end());
    return lines;
}

}  // namespace swarmfs::catalog::testing
