#include "engine/catalog/sender.hpp"

#include <algorithm>

#include "engine/catalog/replica_rows.hpp"

namespace swarmfs::catalog {
namespace {

Error damaged() {
    return disk_error(Code::corrupt, "a stored publication is damaged");
}

// The entries of one block, as their rows hold them.
Result<std::vector<Bytes>> block_rows(const ReplicaReader& replica, const Header& header,
                                      std::uint64_t block) {
    const std::uint64_t size = std::uint64_t{1} << block_level(header.count());
    const std::uint64_t first = header.first + block * size;
    std::vector<Bytes> rows;
    for (std::uint64_t at = first; at <= header.last && at < first + size; ++at) {
        auto row = replica.entry_row({header.author, at});
        if (!row || !rows::item_of_row(*row)) {
            return damaged();
        }
        rows.push_back(std::move(*row));
    }
    return rows;
}

std::vector<Item> items_of(const std::vector<Bytes>& rows) {
    std::vector<Item> items;
    for (const Bytes& row : rows) {
        items.push_back(*rows::item_of_row(row));
    }
    return items;
}

}  // namespace

void Sender::learn(const VersionVector& theirs) {
    sent_.merge(theirs);
    next_of_author_.clear();
}

void Sender::start_over(const VersionVector& theirs, const std::set<AuthorId>& authors) {
    VersionVector sent;
    for (const auto& [author, sequence] : sent_.numbers()) {
        sent.raise(author, authors.contains(author) ? theirs.of(author) : sequence);
    }
    sent_ = std::move(sent);
    next_of_author_.clear();
    current_.reset();
}

Result<bool> Sender::send(const ReplicaReader& replica, std::size_t bytes_max, const Visit& visit) {
    std::size_t sent_bytes = 0;
    const Visit counting = [&](MessageKind kind, Bytes message) {
        sent_bytes += message.size();
        visit(kind, std::move(message));
    };
    while (sent_bytes < bytes_max) {
        if (current_) {
            SWARM_CHECK(send_block(replica, counting));
        } else if (const auto header = next_header(replica)) {
            SWARM_CHECK(send_header(replica, *header, counting));
        } else {
            return true;
        }
    }
    return false;
}

std::optional<Bytes> Sender::next_header(const ReplicaReader& replica) {
    if (next_of_author_.empty()) {
        const VersionVector vector = replica.vector();
        for (const auto& [author, sequence] : vector.numbers()) {
            if (sequence > sent_.of(author)) {
                note_next(replica, author);
            }
        }
    }
    const auto earliest = std::min_element(
        next_of_author_.begin(), next_of_author_.end(),
        [](const auto& left, const auto& right) { return left.second < right.second; });
    if (earliest == next_of_author_.end()) {
        return std::nullopt;
    }
    return replica.header_after(earliest->first, sent_.of(earliest->first));
}

// Remembers when the author's next unsent header was made.
void Sender::note_next(const ReplicaReader& replica, const AuthorId& author) {
    const auto header = replica.header_after(author, sent_.of(author));
    const auto decoded = header ? decode_trusted_header(*header) : Result<SignedHeader>(damaged());
    if (decoded.ok()) {
        next_of_author_[author] = decoded->header.clock;
    } else {
        next_of_author_.erase(author);
    }
}

Result<> Sender::send_header(const ReplicaReader& replica, const Bytes& header,
                             const Visit& visit) {
    SWARM_TRY(SignedHeader publication, decode_trusted_header(header));
    Current current{std::move(publication), {}, 0};
    const std::uint64_t count = current.publication.header.count();
    const unsigned level = block_level(count);
    for (std::uint64_t block = 0; (block << level) < count; ++block) {
        SWARM_TRY(const std::vector<Bytes> rows,
                  block_rows(replica, current.publication.header, block));
        std::vector<Hash256> leaves;
        for (const Item& item : items_of(rows)) {
            SWARM_TRY(const Stub stub, stub_of_item(item));
            leaves.push_back(entry_hash(stub));
        }
        current.blocks.push_back(block_root(leaves, level));
    }
    visit(MessageKind::header, header);
    current_ = std::move(current);
    return done();
}

Result<> Sender::send_block(const ReplicaReader& replica, const Visit& visit) {
    Current& current = *current_;
    const Header& header = current.publication.header;
    SWARM_TRY(const std::vector<Bytes> rows, block_rows(replica, header, current.next_block));
    const std::vector<Item> items = items_of(rows);
    SWARM_CHECK(
        pack_block(current.publication, current.blocks, current.next_block, items,
                   [&](Bytes message) { visit(MessageKind::entries, std::move(message)); }));
    if (++current.next_block == current.blocks.size()) {
        sent_.raise(header.author, header.last);
        note_next(replica, header.author);
        current_.reset();
    }
    return done();
}

}  // namespace swarmfs::catalog
