// Who may leave a publication here, and who makes room for it (replica.hpp, rule 8).
#include <algorithm>

#include "engine/catalog/replica.hpp"
#include "engine/catalog/replica_rows.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::catalog {

using rows::Key;
using rows::Parked;

namespace {

Key parked_of(const NodeId& node) {
    return Key(rows::kParked).node(node);
}

}  // namespace

// A chain that lets its author write, here with the header or on an earlier one. Depends on what
// was signed alone, so all replicas refuse the same headers, whenever they arrive.
Result<bool> Replica::may_park(const Header& header) const {
    if (header.grant.empty()) {
        if (applied_of(header.author) != 0) {
            return true;  // only writers were applied; `take` looks at the end of the membership
        }
        bool vouched = false;
        const Key table = rows::author_key(rows::kParked, header.author);
        rows_.scan(table, table, [&](ByteSpan, ByteSpan value) {
            const auto other = decode_trusted_header(Parked::decode(value).header);
            vouched = other.ok() && !other->header.grant.empty();
            return !vouched;
        });
        return vouched;
    }
    SWARM_TRY(
        const Membership membership,
        verify_grant_chain(header.grant, swarm_, header.author.node, wall_ms_of(header.clock)));
    if (membership.role < Role::write) {
        return peer_error("a member who may only read has published", Code::permission);
    }
    return true;
}

bool Replica::fits_node(const NodeId& node, std::uint64_t rows_more,
                        std::uint64_t bytes_more) const {
    std::uint64_t rows = rows_more;
    std::uint64_t bytes = bytes_more;
    const Key table = parked_of(node);
    rows_.scan(table, table, [&](ByteSpan, ByteSpan value) {
        ++rows;
        bytes += Parked::decode(value).bytes;
        return rows <= kParkedPerNodeMax;
    });
    return rows <= kParkedPerNodeMax && bytes <= kParkedBytesPerNodeMax;
}

bool Replica::fits_all(std::uint64_t rows_more, std::uint64_t bytes_more) const {
    return number(rows::kParkedCount) + rows_more <= kParkedMax &&
           number(rows::kParkedBytes) + bytes_more <= kParkedBytesMax;
}

Result<> Replica::make_room(const Header& header, std::uint64_t rows_more,
                            std::uint64_t bytes_more) {
    const NodeId& node = header.author.node;
    if (fits_node(node, rows_more, bytes_more) && fits_all(rows_more, bytes_more)) {
        return done();
    }
    if (!needs_met(header)) {
        return network_error(Code::busy, "too many publications wait for others");
    }
    const Dot name{header.author, header.last};
    while (!fits_node(node, rows_more, bytes_more) && drop_last_of(node, name)) {
    }
    while (!fits_all(rows_more, bytes_more)) {
        // Whoever lies behind a place that nobody can foresee. To fill the car park again and again
        // so that one author never gets through, somebody would have to meet that author's row.
        Bytes seed;
        WireWriter out(seed);
        out.u64(latest_clock());
        out.u64(number(rows::kParkedBytes));
        out.u64(number(rows::kParkedCount));
        write_dot(out, name);
        const Key place = Key(rows::kParked).hash(crypto::sha256(seed));
        const Key all(rows::kParked);
        if (!drop_one(all, place, name) && !drop_one(all, all, name)) {
            break;  // it is the only one
        }
    }
    return done();
}

// Returns: whether there was one besides `but`.
bool Replica::drop_last_of(const NodeId& node, const Dot& but) {
    std::optional<Dot> name;
    const Key table = parked_of(node);
    rows_.scan(table, table, [&](ByteSpan key, ByteSpan) {
        const Dot next = rows::dot_at_end(key);
        if (next != but) {
            name = next;
        }
        return true;
    });
    if (name) {
        drop_parked(*name);
    }
    return name.has_value();
}

// Returns: whether there was one besides `but`.
bool Replica::drop_one(const Key& table, const Key& from, const Dot& but) {
    std::optional<Dot> name;
    rows_.scan(table, from, [&](ByteSpan key, ByteSpan) {
        const Dot next = rows::dot_at_end(key);
        if (next != but) {
            name = next;
        }
        return !name;
    });
    if (name) {
        drop_parked(*name);
    }
    return name.has_value();
}

// Forgets a parked publication. Its sender will notice that we lag.
void Replica::drop_parked(const Dot& name) {
    const Key key = rows::dot_key(rows::kParked, name);
    const auto row = rows_.get(key);
    SWARM_ASSERT(row.has_value());
    const auto publication = decode_trusted_header(Parked::decode(*row).header);
    if (publication.ok()) {
        unpark(publication->header, false);
        return;
    }
    rows_.erase(key);  // damaged on disk
    add_to(rows::kParkedCount, -1);
    add_to(rows::kParkedBytes, -static_cast<std::int64_t>(Parked::decode(*row).bytes));
}

void Replica::unpark(const Header& header, bool keep_entries) {
    const Dot name{header.author, header.last};
    const Key key = rows::dot_key(rows::kParked, name);
    const auto row = rows_.get(key);
    SWARM_ASSERT(row.has_value());
    rows_.erase(key);
    rows_.erase(rows::dot_key(rows::kReady, name));
    if (const auto unmet = first_unmet(header)) {
        rows_.erase(waiting_key(*unmet, name));
    }
    add_to(rows::kParkedCount, -1);
    add_to(rows::kParkedBytes, -static_cast<std::int64_t>(Parked::decode(*row).bytes));
    if (keep_entries) {
        return;
    }
    // What an applied history says under the same numbers stays. Those that arrived are looked for:
    // a header alone may speak of 262,144.
    const std::uint64_t first = std::max(header.first, applied_of(header.author) + 1);
    std::vector<Bytes> entries;
    rows_.scan(rows::author_key(rows::kEntries, header.author),
               rows::dot_key(rows::kEntries, {header.author, first}),
               [&](ByteSpan entry, ByteSpan) {
                   const bool within = rows::dot_at_end(entry).sequence <= header.last;
                   if (within) {
                       entries.push_back(to_bytes(entry));
                   }
                   return within;
               });
    for (const Bytes& entry : entries) {
        rows_.erase(entry);
    }
}

}  // namespace swarmfs::catalog
