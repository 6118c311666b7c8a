#include "engine/catalog/replica_reader.hpp"

#include <algorithm>
#include <map>

#include "engine/catalog/replica_rows.hpp"

namespace swarmfs::catalog {

using rows::Key;

namespace {

// Copies of one conflict name that are numbered; more can only be made on purpose.
constexpr std::size_t kGroupShownMax = 1024;

Key group_key(const Hash256& directory, std::string_view conflict_name) {
    return Key(rows::kConflicts).hash(directory).text(conflict_name).byte(0);
}

// The most of one node that fit when everybody's are told up to that many.
std::uint64_t incarnations_told(const VersionVector& vector) {
    std::map<NodeId, std::uint64_t> of_node;
    for (const auto& [author, sequence] : vector.numbers()) {
        ++of_node[author.node];
    }
    std::uint64_t most = kAuthorsMax;
    const auto told = [&] {
        std::uint64_t sum = 0;
        for (const auto& [node, count] : of_node) {
            sum += std::min(count, most);
        }
        return sum;
    };
    while (most > 1 && told() > kAuthorsMax) {
        most /= 2;
    }
    return most;
}

}  // namespace

std::uint64_t ReplicaReader::number(std::string_view word) const {
    return rows::decode_number(rows_.get(rows::single_key(word)));
}

VersionVector ReplicaReader::vector() const {
    VersionVector vector;
    const Key table(rows::kAuthors);
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan value) {
        WireReader in(key.subspan(1));
        vector.raise(read_author(in), rows::AuthorState::decode(value).last);
        return true;
    });
    return vector;
}

VersionVector ReplicaReader::vector_to_tell() const {
    // More are asked for when these are here.
    constexpr std::size_t kAskedForAtOnce = 64;
    const VersionVector all = vector();
    std::map<AuthorId, std::uint64_t> before;  // each author's first missing body
    for (const Dot& dot : bodiless_heads(kAskedForAtOnce)) {
        const auto header = header_after(dot.author, dot.sequence - 1);
        const auto decoded =
            header ? decode_trusted_header(*header) : Result<SignedHeader>(Error{});
        const std::uint64_t reached = decoded.ok() ? decoded->header.first - 1 : 0;
        const auto [known, fresh] = before.try_emplace(dot.author, reached);
        known->second = std::min(known->second, reached);
    }
    const std::uint64_t incarnations_max = incarnations_told(all);
    VersionVector told;
    NodeId node;
    std::uint64_t of_node = 0;
    for (const auto& [author, sequence] : all.numbers()) {
        of_node = author.node == node ? of_node + 1 : 1;
        node = author.node;
        if (of_node > incarnations_max || told.size() == kAuthorsMax) {
            continue;
        }
        const auto missing = before.find(author);
        const std::uint64_t reached = missing == before.end() ? sequence : missing->second;
        if (reached != 0) {
            told.raise(author, reached);
        }
    }
    return told;
}

bool ReplicaReader::something_is_ready() const {
    bool ready = false;
    const Key table(rows::kReady);
    rows_.scan(table, table, [&](ByteSpan, ByteSpan) {
        ready = true;
        return false;
    });
    return ready;
}

std::uint64_t ReplicaReader::applied_of(const AuthorId& author) const {
    const auto row = rows_.get(rows::author_key(rows::kAuthors, author));
    return row ? rows::AuthorState::decode(*row).last : 0;
}

Heads ReplicaReader::heads(std::string_view path) const {
    return heads_of(path_hash(path));
}

Heads ReplicaReader::heads_of(const Hash256& path) const {
    const Key table = Key(rows::kHeads).hash(path);
    std::vector<Dot> dots;
    Bytes from = table.bytes();
    bool more = true;
    while (more && dots.size() < kHeadsShownMax) {
        more = false;
        std::optional<AuthorId> author;
        std::size_t of_author = 0;
        rows_.scan(table, from, [&](ByteSpan key, ByteSpan) {
            Dot dot = rows::dot_at_end(key);
            dot.sequence = ~dot.sequence;
            of_author = author == dot.author ? of_author + 1 : 1;
            author = dot.author;
            if (of_author > kHeadsShownPerAuthorMax) {
                more = true;  // skip what is left of this author
                from = Key(rows::kHeads).hash(path).author(dot.author).number(~0ULL).bytes();
                return false;
            }
            dots.push_back(dot);
            return dots.size() < kHeadsShownMax;
        });
    }
    Heads heads;
    for (const Dot& dot : dots) {
        if (auto found = version(dot)) {
            heads.versions.push_back(std::move(*found));
        } else {
            heads.settled = false;
        }
    }
    return heads;
}

std::optional<Version> ReplicaReader::version(const Dot& dot) const {
    const auto row = rows_.get(rows::dot_key(rows::kEntries, dot));
    const auto item = row ? rows::item_of_row(*row) : std::nullopt;
    if (!item || item->form != ItemForm::entry) {
        return std::nullopt;
    }
    auto entry = decode_entry(item->bytes);
    return entry.ok() ? std::optional(Version{dot, std::move(*entry)}) : std::nullopt;
}

View ReplicaReader::view(std::string_view path) const {
    return view_of(path_hash(path), path);
}

View ReplicaReader::view_of(const Hash256& hash, std::string_view path) const {
    Heads heads = heads_of(hash);
    View view;
    view.settled = heads.settled;
    if (!heads.settled) {
        return view;
    }
    const Decision decision = decide(heads.versions, has_children(path));
    view.shows = decision.shows;
    for (const std::size_t loser : decision.beside) {
        view.beside.push_back({{}, std::move(heads.versions[loser])});
    }
    name_copies(path, view.beside);
    if (decision.shows == Shows::version) {
        view.main = std::move(heads.versions[decision.winner]);
    }
    return view;
}

// A group's losers are numbered in their order; names of real things are skipped.
void ReplicaReader::for_each_copy(
    const Hash256& directory, const std::string& conflict_name,
    const std::function<bool(const Dot& loser, std::string name)>& visit) const {
    unsigned number = 0;
    const Key group = group_key(directory, conflict_name);
    rows_.scan(group, group, [&](ByteSpan key, ByteSpan) {
        do {
            ++number;
        } while (number < kConflictNumberMax &&
                 rows_.get(rows::name_key(directory, numbered(conflict_name, number))));
        return visit(rows::dot_at_end(key), numbered(conflict_name, number)) &&
               number < kConflictNumberMax;
    });
}

// Each group is walked once, however many of its losers are asked for: a path with many versions
// has them all in one.
void ReplicaReader::name_copies(std::string_view path, std::vector<ConflictCopy>& copies) const {
    std::map<std::string, std::map<Dot, ConflictCopy*>> groups;
    for (ConflictCopy& copy : copies) {
        const Version& version = copy.version;
        copy.name = conflict_name(name_of_path(path), version.entry.clock, version.dot.author);
        groups[copy.name].emplace(version.dot, &copy);
    }
    const Hash256 directory = path_hash(parent_path(path));
    for (auto& group : groups) {
        std::map<Dot, ConflictCopy*>& unnamed = group.second;
        for_each_copy(directory, group.first, [&](const Dot& loser, std::string name) {
            if (const auto at = unnamed.find(loser); at != unnamed.end()) {
                at->second->name = std::move(name);
                unnamed.erase(at);
            }
            return !unnamed.empty();
        });
    }
}

std::vector<std::string> ReplicaReader::copies_in_group(const Hash256& directory,
                                                        const std::string& conflict_name) const {
    std::vector<std::string> names;
    for_each_copy(directory, conflict_name, [&](const Dot&, std::string name) {
        names.push_back(std::move(name));
        return names.size() < kGroupShownMax;
    });
    return names;
}

std::vector<std::string> ReplicaReader::names_in_group(const Hash256& directory,
                                                       const std::string& conflict_name) const {
    std::vector<std::string> names;
    const Key group = group_key(directory, conflict_name);
    rows_.scan(group, group, [&](ByteSpan, ByteSpan value) {
        names.emplace_back(as_text(value));
        return names.size() < kGroupShownMax;
    });
    return names;
}

std::optional<Version> ReplicaReader::find(std::string_view path) const {
    View own = view(path);
    if (own.shows != Shows::nothing) {
        return own.main;
    }
    const auto plain = as_conflict_name(name_of_path(path));
    if (!plain) {
        return std::nullopt;
    }
    // By the table and not by the view of the path that lost: while that is not settled, the table
    // still says what it showed.
    std::optional<Dot> found;
    for_each_copy(path_hash(parent_path(path)), *plain, [&](const Dot& loser, std::string name) {
        if (name == name_of_path(path)) {
            found = loser;
        }
        return !found;
    });
    return found ? version(*found) : std::nullopt;
}

// By the count where there is one: to look for a child walks whatever was erased in front of it,
// and a directory that is being moved asks once for each of its files.
bool ReplicaReader::has_children(std::string_view directory) const {
    if (const auto row = rows_.get(rows::child_count_key(path_hash(directory)))) {
        return rows::decode_number(row) > 0;
    }
    bool found = false;
    for_each_child(directory, {}, [&](std::string_view) {
        found = true;
        return false;
    });
    return found;
}

std::uint64_t ReplicaReader::count_children(std::string_view directory) const {
    if (const auto row = rows_.get(rows::child_count_key(path_hash(directory)))) {
        return rows::decode_number(row);
    }
    std::uint64_t count = 0;
    for_each_child(directory, {}, [&](std::string_view) {
        ++count;
        return true;
    });
    return count;
}

void ReplicaReader::for_each_child(std::string_view directory, std::string_view after,
                                   const std::function<bool(std::string_view name)>& visit) const {
    const Key table = Key(rows::kChildren).hash(path_hash(directory));
    Key from = Key(rows::kChildren).hash(path_hash(directory)).text(after);
    if (!after.empty()) {
        from.byte(0);  // no name contains it, so this is just behind `after`
    }
    rows_.scan(table, from, [&](ByteSpan key, ByteSpan) {
        return visit(as_text(key.subspan(table.bytes().size())));
    });
}

void ReplicaReader::for_each_current(const Hash256& from, const VisitView& visit) const {
    const Key table(rows::kHeads);
    Bytes start = Key(rows::kHeads).hash(from).bytes();
    for (bool more = true; more;) {
        std::optional<Dot> dot;
        Hash256 hash;
        rows_.scan(table, start, [&](ByteSpan key, ByteSpan) {
            hash = *Hash256::from(key.subspan(1, Hash256::kSize));
            dot = rows::dot_at_end(key);
            return false;
        });
        if (!dot) {
            return;
        }
        dot->sequence = ~dot->sequence;
        if (const auto any = version(*dot)) {
            const View shown = view_of(hash, any->entry.path);
            if (shown.shows != Shows::nothing || !shown.beside.empty()) {
                more = visit(hash, any->entry.path, shown);
            }
        }
        start = Key(rows::kHeads).hash(hash).bytes();
        start.resize(start.size() + kDotBytes + 1, 0xFF);  // behind every head of this path
    }
}

std::vector<Dot> ReplicaReader::bodiless_heads(std::size_t count_max) const {
    std::vector<Dot> dots;
    const Key table(rows::kBodiless);
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        if (dots.size() < count_max) {
            dots.push_back(rows::dot_at_end(key));
        }
        return dots.size() < count_max;
    });
    return dots;
}

std::optional<Bytes> ReplicaReader::header_after(const AuthorId& author,
                                                 std::uint64_t sequence) const {
    std::optional<Bytes> header;
    rows_.scan(rows::author_key(rows::kHeaders, author),
               rows::dot_key(rows::kHeaders, {author, sequence + 1}),
               [&](ByteSpan, ByteSpan value) {
                   header = to_bytes(value);
                   return false;
               });
    return header;
}

bool ReplicaReader::for_each_content(const std::function<void(const ContentId&)>& visit) const {
    const Key table(rows::kEntries);
    bool readable = true;
    rows_.scan(table, table, [&](ByteSpan, ByteSpan row) {
        const auto item = rows::item_of_row(row);
        readable = item.has_value();
        if (item && item->form == ItemForm::entry) {
            const auto entry = decode_entry(item->bytes);
            readable = entry.ok();
            if (entry.ok() && entry->kind == EntryKind::file && entry->content.size > 0) {
                visit(entry->content);
            }
        }
        return readable;
    });
    return readable && !rows_.failed();
}

void ReplicaReader::for_each_superseded(const VisitSuperseded& visit) const {
    const Key table(rows::kSuperseded);
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        const HybridTime at = WireReader(key.subspan(1)).u64();
        const auto whole = version(rows::dot_at_end(key));
        return !whole || visit(at, *whole);
    });
}

std::optional<Bytes> ReplicaReader::entry_row(const Dot& dot) const {
    return rows_.get(rows::dot_key(rows::kEntries, dot));
}

std::optional<AuthorId> ReplicaReader::own_author() const {
    const auto row = rows_.get(rows::single_key(rows::kOwnAuthor));
    if (!row) {
        return std::nullopt;
    }
    WireReader in(*row);
    return read_author(in);
}

std::uint64_t ReplicaReader::unsealed() const {
    const auto own = own_author();
    const std::uint64_t next = number(rows::kOwnNext);
    return own && next != 0 ? next - 1 - applied_of(*own) : 0;
}

HybridTime ReplicaReader::latest_clock() const {
    return number(rows::kLatestClock);
}

}  // namespace swarmfs::catalog
