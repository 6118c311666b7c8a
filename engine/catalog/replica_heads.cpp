// Which versions stand (replica.hpp, rule 4), and what follows for the names around them.
#include <algorithm>

#include "engine/catalog/replica.hpp"
#include "engine/catalog/replica_rows.hpp"

namespace swarmfs::catalog {

using rows::Key;

void Replica::add_head(const Dot& dot, const Stub& stub, ItemForm form, const Sight& sight) {
    if (stub.base) {
        for (const Dot& replaced : *stub.base) {
            if (rows_.get(rows::head_key(stub.path_hash, replaced))) {
                remove_head(stub.path_hash, replaced, stub.clock);
            }
        }
    } else {
        supersede_seen(dot, stub, sight);
    }
    rows_.put(rows::head_key(stub.path_hash, dot), {});
    if (form == ItemForm::stub) {
        rows_.put(rows::dot_key(rows::kBodiless, dot), {});
    }
}

// An author's heads lie newest first, so what was seen of them is the end of their run. Versions
// that stay are skipped, not walked: nobody can make this slow for others.
void Replica::supersede_seen(const Dot& dot, const Stub& stub, const Sight& sight) {
    constexpr std::size_t kAtOnce = 256;
    const Key table = Key(rows::kHeads).hash(stub.path_hash);
    Bytes from = table.bytes();
    for (;;) {
        std::optional<AuthorId> author;
        std::uint64_t seen = 0;
        std::vector<Dot> replaced;
        rows_.scan(table, from, [&](ByteSpan key, ByteSpan) {
            Dot head = rows::dot_at_end(key);
            head.sequence = ~head.sequence;
            if (!author) {
                author = head.author;
                seen = head.author == dot.author ? dot.sequence - 1 : sight(head.author);
            }
            if (head.author != *author || replaced.size() == kAtOnce) {
                return false;
            }
            if (head.sequence > seen) {
                return false;  // seek to what was seen of this author
            }
            replaced.push_back(head);
            return true;
        });
        if (!author) {
            return;
        }
        for (const Dot& head : replaced) {
            remove_head(stub.path_hash, head, stub.clock);
        }
        // Next: this author's seen ones, more of them, or the next author.
        const Bytes seen_from = rows::head_key(stub.path_hash, {*author, seen}).bytes();
        const bool at_author = from < seen_from || replaced.size() == kAtOnce;
        from = at_author ? seen_from : rows::head_key(stub.path_hash, {*author, 0}).bytes();
    }
}

void Replica::remove_head(const Hash256& path, const Dot& head, HybridTime at) {
    rows_.erase(rows::head_key(path, head));
    rows_.erase(rows::dot_key(rows::kBodiless, head));
    rows_.put(Key(rows::kSuperseded).number(at).author(head.author).number(head.sequence), {});
}

std::uint64_t Replica::seen_by(const AuthorId& author, const AuthorId& other) const {
    return rows::decode_number(rows_.get(rows::author_key(rows::kSeen, author).author(other)));
}

std::vector<Dot> Replica::all_heads(const Hash256& path, std::size_t count_max) const {
    std::vector<Dot> dots;
    const Key table = Key(rows::kHeads).hash(path);
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        Dot dot = rows::dot_at_end(key);
        dot.sequence = ~dot.sequence;
        dots.push_back(dot);
        return dots.size() < count_max;
    });
    std::sort(dots.begin(), dots.end());
    return dots;
}

// Brings the tables of names in line with the path's heads, and with its parents' where something
// appeared below them or went.
void Replica::settle(const std::string& path, std::set<std::string>& touched) {
    std::string at = path;
    for (;;) {
        touched.insert(at);
        const View now = view(at);
        if (!now.settled) {
            return;
        }
        settle_losers(at, now, touched);
        const std::string parent(parent_path(at));
        const Key name = rows::name_key(path_hash(parent), name_of_path(at));
        const bool lives = now.shows != Shows::nothing;
        if (lives == rows_.get(name).has_value()) {
            return;
        }
        const std::uint64_t had = count_children(parent);
        const auto plain = as_conflict_name(name_of_path(at));
        if (plain) {  // derived names make room for it, or take its place
            touch_group(parent, *plain, touched);
        }
        if (lives) {
            rows_.put(name, {});
        } else {
            rows_.erase(name);
        }
        const std::uint64_t has = lives ? had + 1 : std::max<std::uint64_t>(had, 1) - 1;
        rows_.put(rows::child_count_key(path_hash(parent)), rows::encode_number(has));
        if (plain) {
            touch_group(parent, *plain, touched);
        }
        if (parent.empty() || (had > 0) == (has > 0)) {
            return;
        }
        at = parent;
    }
}

void Replica::settle_losers(const std::string& path, const View& view,
                            std::set<std::string>& touched) {
    const Hash256 hash = path_hash(path);
    const std::string directory(parent_path(path));
    const Hash256 directory_hash = path_hash(directory);
    const Key list_key = Key(rows::kLosers).hash(hash);
    const auto old_list = rows_.get(list_key);
    if (view.beside.empty() && !old_list) {
        return;
    }
    const auto row_key = [&](const std::string& group, HybridTime clock, const Dot& dot) {
        Key key = Key(rows::kConflicts).hash(directory_hash).text(group).byte(0);
        return key.number(clock).author(dot.author).number(dot.sequence);
    };
    Bytes list;
    std::set<std::string> groups;
    std::set<Bytes> fresh;
    for (const ConflictCopy& copy : view.beside) {
        const Version& version = copy.version;
        const std::string group =
            conflict_name(name_of_path(path), version.entry.clock, version.dot.author);
        groups.insert(group);
        fresh.insert(row_key(group, version.entry.clock, version.dot).bytes());
        WireWriter out(list);
        out.text16(group);
        out.u64(version.entry.clock);
        write_dot(out, version.dot);
    }
    if (old_list == list) {
        return;
    }
    std::vector<Bytes> stale;
    WireReader old(old_list ? ByteSpan(*old_list) : ByteSpan());
    while (old.remaining() > 0) {
        const std::string group = old.text16();
        groups.insert(group);
        const HybridTime clock = old.u64();
        const Bytes key = row_key(group, clock, read_dot(old)).bytes();
        if (fresh.erase(key) == 0) {  // most stay
            stale.push_back(key);
        }
    }
    const auto touch_all = [&] {
        for (const std::string& group : groups) {
            touch_group(directory, group, touched);
        }
    };
    touch_all();
    for (const Bytes& key : stale) {
        rows_.erase(key);
    }
    for (const Bytes& key : fresh) {
        rows_.put(key, as_bytes(name_of_path(path)));
    }
    if (list.empty()) {
        rows_.erase(list_key);
    } else {
        rows_.put(list_key, list);
    }
    touch_all();
}

// The paths that lost, and the names they are shown under now.
void Replica::touch_group(const std::string& directory, const std::string& conflict_name,
                          std::set<std::string>& touched) {
    const Hash256 hash = path_hash(directory);
    for (const std::string& name : names_in_group(hash, conflict_name)) {
        touched.insert(join_path(directory, name));
    }
    for (const std::string& name : copies_in_group(hash, conflict_name)) {
        touched.insert(join_path(directory, name));
    }
}

}  // namespace swarmfs::catalog
