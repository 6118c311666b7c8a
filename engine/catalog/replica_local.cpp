// What this node says itself (replica.hpp, rules 5 to 7).
#include <algorithm>
#include <limits>

#include "engine/catalog/replica.hpp"
#include "engine/catalog/replica_rows.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::catalog {

using rows::AuthorState;
using rows::Key;

namespace {

// Whoever writes here has seen everything that is here.
std::uint64_t sees_everything(const AuthorId&) {
    return std::numeric_limits<std::uint64_t>::max();
}

Bytes encode_author(const AuthorId& author) {
    Bytes bytes;
    WireWriter out(bytes);
    write_author(out, author);
    return bytes;
}

}  // namespace

Result<> Replica::start_incarnation(const NodeId& node, std::uint64_t incarnation) {
    const AuthorId next{node, incarnation};
    const auto old = own_author();
    if (applied_of(next) != 0 || old == next) {
        return caller_error(Code::exists, "that incarnation has a history already");
    }
    const VersionVector known = vector();
    const std::uint64_t unsigned_first = old ? applied_of(*old) + 1 : 1;
    const std::uint64_t unsigned_count = unsealed();
    rows_.put(rows::single_key(rows::kOwnAuthor), encode_author(next));
    rows_.put(rows::single_key(rows::kOwnNext), rows::encode_number(1 + unsigned_count));
    for (const auto& [author, sequence] : known.numbers()) {
        note_news(author);
    }
    for (std::uint64_t i = 0; i < unsigned_count; ++i) {
        SWARM_CHECK(carry_over({*old, unsigned_first + i}, unsigned_first, {next, 1 + i}));
    }
    return done();
}

// Gives an unsigned entry another name, also where later unsigned ones say they replace it.
Result<> Replica::carry_over(const Dot& from, std::uint64_t unsigned_first, const Dot& to) {
    const Key old_key = rows::dot_key(rows::kEntries, from);
    auto found = version(from);
    if (!found) {
        return disk_error(Code::corrupt, "a local entry is missing");
    }
    Entry& entry = found->entry;
    const Hash256 path = path_hash(entry.path);
    auto replaced = replaced_by(entry, {from.author, unsigned_first}, to.author);
    if (!entry.base && number(rows::kNewsCount) > kSeenPerHeaderMax) {
        name_replaced(entry, std::move(replaced));
    }
    if (entry.base) {
        for (Dot& dot : *entry.base) {
            if (dot.author == from.author && dot.sequence >= unsigned_first) {
                dot = {to.author, dot.sequence - unsigned_first + 1};
            }
        }
        std::sort(entry.base->begin(), entry.base->end());
    }
    SWARM_TRY(const Bytes bytes, encode_entry(entry));
    rows_.erase(old_key);
    rows_.put(rows::dot_key(rows::kEntries, to), rows::entry_row(ItemForm::entry, bytes));
    if (rows_.get(rows::head_key(path, from))) {
        rows_.erase(rows::head_key(path, from));
        rows_.put(rows::head_key(path, to), {});
        settle(entry.path, touched_);
    }
    return done();
}

// The versions of its path that an unsigned entry took away: those that were superseded at its
// clock, which no other entry of the path has. Gives own unsigned ones among them their new names.
std::vector<Dot> Replica::replaced_by(const Entry& entry, const Dot& unsigned_first,
                                      const AuthorId& next) {
    const Hash256 path = path_hash(entry.path);
    const Key table = Key(rows::kSuperseded).number(entry.clock);
    std::vector<Dot> superseded;
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        superseded.push_back(rows::dot_at_end(key));
        return true;
    });
    const auto superseded_key = [&](const Dot& dot) {
        return Key(rows::kSuperseded).number(entry.clock).author(dot.author).number(dot.sequence);
    };
    std::vector<Dot> replaced;
    for (Dot dot : superseded) {
        if (dot.author == unsigned_first.author && dot.sequence >= unsigned_first.sequence) {
            rows_.erase(superseded_key(dot));
            dot = {next, dot.sequence - unsigned_first.sequence + 1};
            rows_.put(superseded_key(dot), {});
        }
        const auto row = entry_row(dot);
        const auto item = row ? rows::item_of_row(*row) : std::nullopt;
        const auto stub = item ? stub_of_item(*item) : Result<Stub>(Error{});
        if (stub.ok() && stub->path_hash == path) {
            replaced.push_back(dot);
        }
    }
    std::sort(replaced.begin(), replaced.end());
    return replaced;
}

// The entry cannot count on its header to say what had been seen, so it says itself what it
// replaced. Of more than it can name, the rest stand again.
void Replica::name_replaced(Entry& entry, std::vector<Dot> replaced) {
    for (; replaced.size() > kBaseDotsMax; replaced.pop_back()) {
        const Dot& dot = replaced.back();
        rows_.erase(
            Key(rows::kSuperseded).number(entry.clock).author(dot.author).number(dot.sequence));
        rows_.put(rows::head_key(path_hash(entry.path), dot), {});
        if (!version(dot)) {
            rows_.put(rows::dot_key(rows::kBodiless, dot), {});
        }
    }
    entry.base = std::move(replaced);
}

Result<Dot> Replica::append_local(Entry entry, std::uint64_t now_ms) {
    const auto own = own_author();
    SWARM_ASSERT(own.has_value());
    if (unsealed() >= kPublicationEntriesMax) {
        return caller_error(Code::try_again, "too many local entries wait to be signed");
    }
    const Dot dot{*own, std::max(number(rows::kOwnNext), applied_of(*own) + 1)};
    for (const Dot& replaced : entry.base.value_or(std::vector<Dot>{})) {
        const bool known = replaced.author == *own
                               ? replaced.sequence < dot.sequence
                               : replaced.sequence <= applied_of(replaced.author);
        if (!known) {
            return caller_error(Code::invalid, "an entry replaces a version that is not here");
        }
    }
    if (!entry.base && number(rows::kNewsCount) > kSeenPerHeaderMax) {
        // The next header cannot name everybody, so the entry says itself what it replaces.
        entry.base = all_heads(path_hash(entry.path), kBaseDotsMax);
    }
    entry.clock = next_time(latest_clock(), now_ms);
    SWARM_TRY(const Bytes bytes, encode_entry(entry));
    if (number(rows::kOwnBytes) + bytes.size() > kPublicationBytesMax) {
        return caller_error(Code::try_again, "too many local entries wait to be signed");
    }
    add_to(rows::kOwnBytes, static_cast<std::int64_t>(bytes.size()));
    rows_.put(rows::dot_key(rows::kEntries, dot), rows::entry_row(ItemForm::entry, bytes));
    rows_.put(rows::single_key(rows::kOwnNext), rows::encode_number(dot.sequence + 1));
    raise_clock(entry.clock);
    add_head(dot, stub_of(bytes), ItemForm::entry, sees_everything);
    settle(entry.path, touched_);
    return dot;
}

std::vector<std::string> Replica::take_touched() {
    std::vector<std::string> touched(touched_.begin(), touched_.end());
    touched_.clear();
    return touched;
}

Result<std::optional<Sealed>> Replica::seal_local(const crypto::SigningKey& key, ByteSpan grant) {
    const std::uint64_t count = unsealed();
    if (count == 0) {
        return std::optional<Sealed>{};
    }
    const AuthorId own = *own_author();
    const auto row = rows_.get(rows::author_key(rows::kAuthors, own));
    AuthorState state = row ? AuthorState::decode(*row) : AuthorState{};
    Header header;
    header.swarm = swarm_;
    header.author = own;
    header.first = state.last + 1;
    header.last = state.last + count;
    header.previous = state.header_hash;
    header.clock = latest_clock();
    const auto membership = verify_grant_chain(grant, swarm_, own.node, wall_ms_of(header.clock));
    if (!membership.ok() || membership->role < Role::write) {
        return caller_error(Code::read_only, membership.ok() ? "this node may only read"
                                                             : membership.error().message);
    }
    const Hash256 grant_hash = crypto::sha256(grant);
    if (header.first == 1 || grant_hash != state.grant_hash) {
        header.grant = to_bytes(grant);
    }
    std::set<AuthorId> named;
    SWARM_TRY(header.root, root_of_unsealed(header, named));
    SWARM_TRY(header.seen, take_news(own, named));
    SWARM_TRY(const Bytes message, sign_header(header, key));
    SWARM_TRY(const SignedHeader signed_header, decode_trusted_header(message));

    state.last = header.last;
    state.header_hash = signed_header.hash;
    state.clock = header.clock;
    state.membership = *membership;
    state.grant_hash = grant_hash;
    rows_.put(rows::author_key(rows::kAuthors, own), state.encode());
    rows_.put(rows::dot_key(rows::kHeaders, {own, header.last}), message);
    rows_.put(rows::single_key(rows::kOwnBytes), rows::encode_number(0));
    wake(own, header.last);
    return std::optional(Sealed{own, header.first, header.last});
}

// Also collects whose versions the entries say to replace: the header must say they were seen.
Result<Hash256> Replica::root_of_unsealed(const Header& header, std::set<AuthorId>& named) const {
    const unsigned level = block_level(header.count());
    std::vector<Hash256> blocks;
    std::vector<Hash256> leaves;
    for (std::uint64_t at = header.first; at <= header.last; ++at) {
        const auto row = entry_row({header.author, at});
        const auto item = row ? rows::item_of_row(*row) : std::nullopt;
        if (!item || item->form != ItemForm::entry) {
            return disk_error(Code::corrupt, "a local entry is missing");
        }
        const Stub stub = stub_of(item->bytes);
        for (const Dot& dot : stub.base.value_or(std::vector<Dot>{})) {
            if (dot.author != header.author) {
                named.insert(dot.author);
            }
        }
        leaves.push_back(entry_hash(stub));
        if (leaves.size() == std::size_t{1} << level || at == header.last) {
            blocks.push_back(block_root(leaves, level));
            leaves.clear();
        }
    }
    return root_of_blocks(std::move(blocks), level);
}

// What was applied since our last header, those first who must be named.
Result<VersionVector> Replica::take_news(const AuthorId& own, const std::set<AuthorId>& named) {
    VersionVector news;
    const auto take = [&](const AuthorId& author) {
        const std::uint64_t sequence = applied_of(author);
        const bool fresh = author != own && sequence > seen_by(own, author);
        if (fresh && news.size() < kSeenPerHeaderMax) {
            news.raise(author, sequence);
        }
        return !fresh || news.of(author) == sequence;
    };
    for (const AuthorId& author : named) {
        if (!take(author)) {
            return caller_error(Code::too_large,
                                "one publication replaces versions of too many authors");
        }
    }
    std::vector<AuthorId> told;
    const Key table(rows::kNews);
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        WireReader in(key.subspan(1));
        const AuthorId author = read_author(in);
        if (take(author)) {
            told.push_back(author);
        }
        return news.size() < kSeenPerHeaderMax;
    });
    for (const AuthorId& author : told) {
        rows_.erase(rows::author_key(rows::kNews, author));
        add_to(rows::kNewsCount, -1);
    }
    for (const auto& [author, sequence] : news.numbers()) {
        rows_.put(rows::author_key(rows::kSeen, own).author(author), rows::encode_number(sequence));
    }
    return news;
}

void Replica::note_news(const AuthorId& author) {
    const Key key = rows::author_key(rows::kNews, author);
    if (author != own_author() && !rows_.get(key)) {
        rows_.put(key, {});
        add_to(rows::kNewsCount, 1);
    }
}

void Replica::raise_clock(HybridTime clock) {
    if (clock > latest_clock()) {
        rows_.put(rows::single_key(rows::kLatestClock), rows::encode_number(clock));
    }
}

std::size_t Replica::compact(std::uint64_t now_ms, std::size_t count_max) {
    if (now_ms < kKeepSupersededMs) {
        return 0;
    }
    const HybridTime limit = hybrid_time(now_ms - kKeepSupersededMs);
    const auto own = own_author();
    const std::uint64_t own_signed = own ? applied_of(*own) : 0;
    std::vector<Bytes> due;
    const Key table(rows::kSuperseded);
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        WireReader in(key.subspan(1));
        if (in.u64() >= limit || due.size() == count_max) {
            return false;
        }
        const Dot dot = rows::dot_at_end(key);
        if (dot.author != own || dot.sequence <= own_signed) {  // the others are yet to be signed
            due.push_back(to_bytes(key));
        }
        return true;
    });
    for (const Bytes& key : due) {
        rows_.erase(key);
        const Key entry = rows::dot_key(rows::kEntries, rows::dot_at_end(key));
        const auto row = rows_.get(entry);
        const auto item = row ? rows::item_of_row(*row) : std::nullopt;
        if (item && item->form == ItemForm::entry) {
            rows_.put(entry, rows::entry_row(ItemForm::stub, encode_stub(stub_of(item->bytes))));
        }
    }
    return due.size();
}

}  // namespace swarmfs::catalog
