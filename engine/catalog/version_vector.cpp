#include "engine/catalog/version_vector.hpp"

#include <algorithm>

namespace swarmfs::catalog {

void write_author(WireWriter& out, const AuthorId& author) {
    out.fixed(author.node);
    out.u64(author.incarnation);
}

AuthorId read_author(WireReader& in) {
    AuthorId author;
    author.node = in.fixed<NodeId>();
    author.incarnation = in.u64();
    return author;
}

void write_dot(WireWriter& out, const Dot& dot) {
    write_author(out, dot.author);
    out.u64(dot.sequence);
}

Dot read_dot(WireReader& in) {
    Dot dot;
    dot.author = read_author(in);
    dot.sequence = in.u64();
    return dot;
}

std::uint64_t VersionVector::of(const AuthorId& author) const {
    const auto found = numbers_.find(author);
    return found == numbers_.end() ? 0 : found->second;
}

bool VersionVector::covers(const VersionVector& other) const {
    return std::all_of(other.numbers_.begin(), other.numbers_.end(),
                       [&](const auto& item) { return item.second <= of(item.first); });
}

void VersionVector::raise(const AuthorId& author, std::uint64_t sequence) {
    if (sequence == 0) {
        return;
    }
    auto& number = numbers_[author];
    number = std::max(number, sequence);
}

void VersionVector::merge(const VersionVector& other) {
    for (const auto& [author, sequence] : other.numbers_) {
        raise(author, sequence);
    }
}

Ancestry compare(const VersionVector& left, const VersionVector& right) {
    const bool left_has_all = left.covers(right);
    const bool right_has_all = right.covers(left);
    if (left_has_all) {
        return right_has_all ? Ancestry::equal : Ancestry::after;
    }
    return right_has_all ? Ancestry::before : Ancestry::concurrent;
}

void write_vector(WireWriter& out, const VersionVector& vector) {
    SWARM_ASSERT(vector.size() <= kAuthorsMax);
    out.u32(static_cast<std::uint32_t>(vector.size()));
    for (const auto& [author, sequence] : vector.numbers()) {
        write_dot(out, {author, sequence});
    }
}

VersionVector read_vector(WireReader& in, std::size_t authors_max) {
    const std::size_t count = in.u32();
    if (count > authors_max || count * kDotBytes > in.remaining()) {
        in.fail();
        return {};
    }
    VersionVector vector;
    std::optional<AuthorId> previous;
    for (std::size_t i = 0; i < count; ++i) {
        const Dot dot = read_dot(in);
        if (dot.sequence == 0 || (previous && !(*previous < dot.author))) {
            in.fail();
            return {};
        }
        vector.raise(dot.author, dot.sequence);
        previous = dot.author;
    }
    return vector;
}

}  // namespace swarmfs::catalog
