// What arrives, and what happens to it until its turn comes (replica.hpp, rules 1 to 3).
#include "engine/catalog/replica.hpp"
#include "engine/catalog/replica_rows.hpp"

namespace swarmfs::catalog {

using rows::Key;
using rows::Parked;

Result<HeaderOutcome> Replica::apply_header(ByteSpan message, std::uint64_t now_ms) {
    SWARM_TRY(const SignedHeader signed_header, decode_header(message));
    const Header& header = signed_header.header;
    if (header.swarm != swarm_) {
        return peer_error("a publication belongs to another swarm");
    }
    if (too_far_ahead(header.clock, now_ms)) {
        return network_error(Code::try_again,
                             "a publication of " + header.author.node.short_hex() +
                                 " is dated more than 10 minutes ahead of this node's clock; "
                                 "check both clocks");
    }
    return place_header(signed_header, message);
}

Result<HeaderOutcome> Replica::place_header(const SignedHeader& signed_header, ByteSpan message) {
    const Header& header = signed_header.header;
    const bool ours = own_author() == header.author;
    const std::uint64_t applied = applied_of(header.author);
    if (header.first <= applied) {
        const auto stored = header_after(header.author, header.last - 1);
        const auto known = stored ? decode_trusted_header(*stored) : Result<SignedHeader>(Error{});
        if (known.ok() && known->hash == signed_header.hash) {
            return HeaderOutcome::duplicate;
        }
        return ours ? HeaderOutcome::forked : HeaderOutcome::alarm;
    }
    if (ours) {
        return HeaderOutcome::forked;
    }
    if (applied != 0 && header.first == applied + 1) {
        const auto row = rows_.get(rows::author_key(rows::kAuthors, header.author));
        if (header.previous != rows::AuthorState::decode(*row).header_hash) {
            return HeaderOutcome::alarm;  // also where it was refused at its turn before
        }
    }
    if (rows_.get(rows::author_key(rows::kRefused, header.author)) ==
        to_bytes(signed_header.hash.span())) {
        return peer_error("a publication that breaks the rules was sent again");
    }

    std::optional<HeaderOutcome> met;
    const Key table = rows::author_key(rows::kParked, header.author);
    rows_.scan(table, table, [&](ByteSpan, ByteSpan value) {
        const auto other = decode_trusted_header(Parked::decode(value).header);
        if (other.ok() && other->hash == signed_header.hash) {
            met = HeaderOutcome::parked;
        } else if (other.ok() && header.first <= other->header.last &&
                   other->header.first <= header.last) {
            met = HeaderOutcome::alarm;
        }
        return !met;
    });
    if (met) {
        return *met;
    }
    SWARM_TRY(const bool vouched, may_park(header));
    if (!vouched) {
        return HeaderOutcome::unwanted;
    }
    SWARM_CHECK(make_room(header, 1, message.size()));
    Parked parked;
    parked.header = to_bytes(message);
    parked.bytes = message.size();
    rows_.put(rows::dot_key(rows::kParked, {header.author, header.last}), parked.encode());
    add_to(rows::kParkedCount, 1);
    add_to(rows::kParkedBytes, static_cast<std::int64_t>(message.size()));
    return HeaderOutcome::parked;
}

bool Replica::needs_met(const Header& header) const {
    return header.first == applied_of(header.author) + 1 && !first_unmet(header);
}

// What a publication waits for: the one before it, or something its author had seen.
std::optional<Dot> Replica::first_unmet(const Header& header) const {
    if (header.first > applied_of(header.author) + 1) {
        return Dot{header.author, header.first - 1};
    }
    for (const auto& [author, sequence] : header.seen.numbers()) {
        if (applied_of(author) < sequence) {
            return Dot{author, sequence};
        }
    }
    return std::nullopt;
}

Result<EntriesApplied> Replica::apply_entries(ByteSpan bytes) {
    SWARM_TRY(const EntriesMessage message, decode_entries(bytes));
    const Dot name{message.author, message.last};
    const auto row = rows_.get(rows::dot_key(rows::kParked, name));
    if (!row) {
        return fill_bodies(message);
    }
    Parked parked = Parked::decode(*row);
    SWARM_TRY(const SignedHeader publication, decode_trusted_header(parked.header));
    const Header& header = publication.header;
    if (publication.hash != message.header_hash) {
        return EntriesApplied{};
    }
    SWARM_CHECK(verify_entries(header, message));
    if (parked.bytes + bytes.size() > kPublicationBytesMax + kCatalogMessageBytesMax) {
        drop_parked(name);  // it may fit from somebody who has stubs of some
        return network_error(Code::too_large, "a publication is larger than members make them");
    }
    SWARM_CHECK(make_room(header, 0, bytes.size()));

    const std::uint64_t before = parked.received;
    std::int64_t added = 0;
    for (std::size_t i = 0; i < message.items.size(); ++i) {
        const Item& item = message.items[i];
        const Dot dot{header.author, header.first + message.offset() + i};
        const Key key = rows::dot_key(rows::kEntries, dot);
        const auto there = rows_.get(key);
        const auto known = there ? rows::item_of_row(*there) : std::nullopt;
        const bool better = known && known->form == ItemForm::stub && item.form == ItemForm::entry;
        if (known && !better) {
            continue;
        }
        rows_.put(key, rows::entry_row(item.form, item.bytes));
        parked.received += known ? 0 : 1;
        added += static_cast<std::int64_t>(item.bytes.size());
    }
    parked.bytes += static_cast<std::uint64_t>(added);
    add_to(rows::kParkedBytes, added);
    rows_.put(rows::dot_key(rows::kParked, name), parked.encode());
    EntriesApplied applied;
    if (parked.received == before) {
        applied.outcome = EntriesOutcome::known;
    } else if (parked.received == header.count()) {
        applied.outcome = EntriesOutcome::whole;
        rows_.put(rows::dot_key(rows::kReady, name), {});
    } else {
        applied.outcome = EntriesOutcome::parked;
    }
    return applied;
}

// The publication was applied, with stubs where somebody had superseded entries, or withheld some.
Result<EntriesApplied> Replica::fill_bodies(const EntriesMessage& message) {
    EntriesApplied applied;
    const auto stored = header_after(message.author, message.last - 1);
    const auto publication =
        stored ? decode_trusted_header(*stored) : Result<SignedHeader>(Error{});
    if (!publication.ok() || publication->hash != message.header_hash) {
        return applied;
    }
    applied.outcome = EntriesOutcome::known;
    SWARM_CHECK(verify_entries(publication->header, message));
    std::set<std::string> touched;
    for (std::size_t i = 0; i < message.items.size(); ++i) {
        const Item& item = message.items[i];
        const Dot dot{message.author, publication->header.first + message.offset() + i};
        const Key missing = rows::dot_key(rows::kBodiless, dot);
        if (item.form == ItemForm::entry && rows_.get(missing)) {
            rows_.erase(missing);
            rows_.put(rows::dot_key(rows::kEntries, dot), rows::entry_row(item.form, item.bytes));
            SWARM_TRY(const Entry entry, decode_entry(item.bytes));
            settle(entry.path, touched);
        }
    }
    applied.touched.assign(touched.begin(), touched.end());
    return applied;
}

Result<std::optional<Applied>> Replica::advance(const std::set<Dot>& not_these) {
    if (unsealed() != 0) {
        return caller_error(Code::busy, "local entries must be signed before others' are applied");
    }
    const Key table(rows::kReady);
    for (;;) {
        std::optional<Dot> name;
        rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
            const Dot next = rows::dot_at_end(key);
            if (!not_these.contains(next)) {
                name = next;
            }
            return !name;
        });
        if (!name) {
            return std::optional<Applied>{};
        }
        rows_.erase(rows::dot_key(rows::kReady, *name));
        const auto row = rows_.get(rows::dot_key(rows::kParked, *name));
        if (!row) {
            continue;  // it woke up after it was dropped
        }
        const auto publication = decode_trusted_header(Parked::decode(*row).header);
        if (!publication.ok()) {
            drop_parked(*name);  // damaged on disk: nobody waits for it, and it may come again
            continue;
        }
        const Header& header = publication->header;
        if (header.first <= applied_of(header.author)) {
            unpark(header, false);
            continue;  // another history of this author came first
        }
        if (const auto unmet = first_unmet(header)) {
            rows_.put(waiting_key(*unmet, *name), {});
            continue;
        }
        return std::optional(take(*publication));
    }
}

Key Replica::waiting_key(const Dot& unmet, const Dot& waiter) {
    return rows::dot_key(rows::kWaiting, unmet).author(waiter.author).number(waiter.sequence);
}

void Replica::wake(const AuthorId& author, std::uint64_t reached) {
    const Key table = rows::author_key(rows::kWaiting, author);
    std::vector<Bytes> woken;
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        WireReader in(key.subspan(1 + kAuthorBytes));
        if (in.u64() > reached) {
            return false;
        }
        woken.push_back(to_bytes(key));
        return true;
    });
    for (const Bytes& key : woken) {
        rows_.erase(key);
        rows_.put(rows::dot_key(rows::kReady, rows::dot_at_end(key)), {});
    }
}

void Replica::add_to(std::string_view word, std::int64_t amount) {
    rows_.put(rows::single_key(word),
              rows::encode_number(number(word) + static_cast<std::uint64_t>(amount)));
}

}  // namespace swarmfs::catalog
