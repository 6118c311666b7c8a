#pragma once
// How far somebody has come: for each author, the sequence number of the last entry that was
// applied. Since authors number their entries 1, 2, 3, … without gaps, and a replica applies them
// in that order, one number says it all. A `Dot` names one entry.
//
//   vector = count:u32 { node:32 incarnation:u64 sequence:u64 }*    ascending by author, no zeros

#include <compare>
#include <cstdint>
#include <map>

#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/core/wire.hpp"

namespace swarmfs::catalog {

// One entry: who wrote it, and as his how-manieth.
struct Dot {
    AuthorId author;
    std::uint64_t sequence = 0;  // from 1

    auto operator<=>(const Dot&) const = default;
};
inline constexpr std::size_t kAuthorBytes = 40;
inline constexpr std::size_t kDotBytes = kAuthorBytes + 8;

void write_author(WireWriter& out, const AuthorId& author);
AuthorId read_author(WireReader& in);
void write_dot(WireWriter& out, const Dot& dot);
Dot read_dot(WireReader& in);

// How many histories a vector on the wire names (4096 * 48 bytes = 192 KiB). A swarm is a private
// group of people; when it has more, those that are left out are sent again in each session.
inline constexpr std::size_t kAuthorsMax = 4096;

class VersionVector {
public:
    // Returns: 0 for an author of whom nothing was seen.
    std::uint64_t of(const AuthorId& author) const;
    bool covers(const Dot& dot) const { return dot.sequence <= of(dot.author); }
    bool covers(const VersionVector& other) const;

    // Raises the author's number to `sequence`; never lowers it.
    void raise(const AuthorId& author, std::uint64_t sequence);
    void merge(const VersionVector& other);

    const std::map<AuthorId, std::uint64_t>& numbers() const { return numbers_; }
    std::size_t size() const { return numbers_.size(); }
    bool empty() const { return numbers_.empty(); }
    bool operator==(const VersionVector&) const = default;

private:
    std::map<AuthorId, std::uint64_t> numbers_;
};

enum class Ancestry { equal, before, after, concurrent };
// Returns: how `left` stands to `right`; `before` when right has seen all of left and more.
Ancestry compare(const VersionVector& left, const VersionVector& right);

// Requires: vector.size() <= kAuthorsMax.
void write_vector(WireWriter& out, const VersionVector& vector);
// Fails the reader on anything but the canonical bytes of at most `authors_max` authors.
VersionVector read_vector(WireReader& in, std::size_t authors_max = kAuthorsMax);

}  // namespace swarmfs::catalog
