// One whole publication takes its turn (replica.hpp, rules 3 and 4).
#include "engine/catalog/replica.hpp"
#include "engine/catalog/replica_rows.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::catalog {

using rows::AuthorState;

struct Replica::Incoming {
    const SignedHeader& publication;
    const Header& header;
    AuthorState state;  // before it; changed by what it says
};

Applied Replica::take(const SignedHeader& publication) {
    const Header& header = publication.header;
    const auto row = rows_.get(rows::author_key(rows::kAuthors, header.author));
    Incoming incoming{publication, header, row ? AuthorState::decode(*row) : AuthorState{}};
    if (auto checked = check_incoming(incoming); !checked.ok()) {
        unpark(header, false);
        if (checked.error().whose == Whose::peer) {
            rows_.put(rows::author_key(rows::kRefused, header.author), publication.hash.span());
        }
        Applied applied{header.author, header.first, header.last, {}, {}};
        applied.refused = checked.error();
        return applied;
    }
    return apply_whole(incoming);
}

Result<> Replica::check_incoming(Incoming& incoming) {
    const Header& header = incoming.header;
    if (header.previous != incoming.state.header_hash) {
        return peer_error("a publication does not continue its author's chain");
    }
    if (header.clock <= incoming.state.clock) {
        return peer_error("a publication's clock goes back");
    }
    for (const auto& [author, sequence] : header.seen.numbers()) {
        if (sequence <= seen_by(header.author, author)) {
            return peer_error("a publication repeats what its author has said to have seen");
        }
    }
    SWARM_CHECK(check_grant(incoming));
    return check_entries(incoming);
}

Result<> Replica::check_grant(Incoming& incoming) {
    const Header& header = incoming.header;
    Membership& membership = incoming.state.membership;
    const std::uint64_t at_ms = wall_ms_of(header.clock);
    if (!header.grant.empty()) {
        SWARM_TRY(membership, verify_grant_chain(header.grant, swarm_, header.author.node, at_ms));
        incoming.state.grant_hash = crypto::sha256(header.grant);
    }
    if (membership.role < Role::write) {
        return peer_error("a member who may only read has published", Code::permission);
    }
    if (membership.valid_until_ms != 0 && at_ms > membership.valid_until_ms) {
        return peer_error("a member has published after the end of its membership",
                          Code::permission);
    }
    return done();
}

Result<> Replica::check_entries(const Incoming& incoming) {
    const Header& header = incoming.header;
    HybridTime latest = incoming.state.clock;
    for (std::uint64_t at = header.first; at <= header.last; ++at) {
        const auto row = rows_.get(rows::dot_key(rows::kEntries, {header.author, at}));
        const auto item = row ? rows::item_of_row(*row) : std::nullopt;
        if (!item) {
            return disk_error(Code::corrupt, "an entry that was stored is missing");
        }
        SWARM_TRY(const Stub stub, stub_of_item(*item));
        if (stub.clock <= latest || stub.clock > header.clock) {
            return peer_error("an entry's clock is out of order");
        }
        latest = stub.clock;
        for (const Dot& dot : stub.base.value_or(std::vector<Dot>{})) {
            const bool own = dot.author == header.author;
            const std::uint64_t seen =
                own ? at - 1
                    : std::max(header.seen.of(dot.author), seen_by(header.author, dot.author));
            if (dot.sequence > seen) {
                return peer_error("an entry replaces what its author had not seen");
            }
        }
    }
    return done();
}

Applied Replica::apply_whole(Incoming& incoming) {
    const Header& header = incoming.header;
    for (const auto& [author, sequence] : header.seen.numbers()) {
        rows_.put(rows::author_key(rows::kSeen, header.author).author(author),
                  rows::encode_number(sequence));
    }
    std::set<std::string> paths;
    for (std::uint64_t at = header.first; at <= header.last; ++at) {
        const Dot dot{header.author, at};
        const auto row = rows_.get(rows::dot_key(rows::kEntries, dot));
        const auto item = row ? rows::item_of_row(*row) : std::nullopt;
        SWARM_ASSERT(item.has_value());  // check_entries has read it
        if (item->form == ItemForm::entry) {
            const Stub stub = stub_of(item->bytes);
            add_head(dot, stub, item->form,
                     [&](const AuthorId& other) { return seen_by(header.author, other); });
            paths.insert(decode_entry(item->bytes)->path);
        } else {
            add_head(dot, *decode_stub(item->bytes), item->form,
                     [&](const AuthorId& other) { return seen_by(header.author, other); });
        }
    }
    incoming.state.last = header.last;
    incoming.state.header_hash = incoming.publication.hash;
    incoming.state.clock = header.clock;
    rows_.put(rows::author_key(rows::kAuthors, header.author), incoming.state.encode());
    const auto parked = rows_.get(rows::dot_key(rows::kParked, {header.author, header.last}));
    rows_.put(rows::dot_key(rows::kHeaders, {header.author, header.last}),
              rows::Parked::decode(*parked).header);
    unpark(header, true);
    raise_clock(header.clock);
    note_news(header.author);
    wake(header.author, header.last);

    std::set<std::string> touched;
    for (const std::string& path : paths) {
        settle(path, touched);
    }
    return Applied{
        header.author, header.first, header.last, {touched.begin(), touched.end()}, std::nullopt};
}

}  // namespace swarmfs::catalog
