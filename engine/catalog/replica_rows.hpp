#pragma once
// The tables of a replica: one byte of table name, then the key. Numbers are big-endian, so rows
// lie in numeric order. Internal to the room; docs/catalog.md shows them at work.
//
//   a author                        how far that author was applied, and his rights
//   s author other                  what the author's headers have said of `other`
//   n other                         applied since our own last header, so our next one names it
//   H author last                   an applied header, as it was signed
//   e author sequence               an entry: form:u8 bytes; of applied and of parked publications
//   h path_hash author ~sequence    a head; an author's newest comes first
//   f author sequence               a head of which only the stub is here
//   x clock author sequence         superseded at that time, still whole
//   c dir_hash name                 something lives at this name
//   k dir_hash                      how many rows c has of it; absent: nobody has counted yet
//   l path_hash                     the path's losers: the rows it has in g
//   g dir_hash conflict_name 0 clock author sequence    a loser: the name it lost
//   p author last                   a parked publication: received:u64 bytes:u64 header
//   y author last                   parked, whole, perhaps to be applied
//   w author sequence waiter last   parked until `author` has reached `sequence`
//   z author                        the header that was refused last: its hash
//   m word                          single values

#include <optional>
#include <string>
#include <string_view>

#include "engine/catalog/grant.hpp"
#include "engine/catalog/publication.hpp"
#include "engine/core/key_value.hpp"

namespace swarmfs::catalog::rows {

enum Table : std::uint8_t {
    kAuthors = 'a',
    kSeen = 's',
    kNews = 'n',
    kHeaders = 'H',
    kEntries = 'e',
    kHeads = 'h',
    kBodiless = 'f',
    kSuperseded = 'x',
    kChildren = 'c',
    kChildCounts = 'k',
    kLosers = 'l',
    kConflicts = 'g',
    kParked = 'p',
    kReady = 'y',
    kWaiting = 'w',
    kRefused = 'z',
    kSingle = 'm',
};

// Builds a key piece by piece.
class Key {
public:
    explicit Key(Table table) : bytes_{table} {}
    Key& author(const AuthorId& author) {
        WireWriter out(bytes_);
        write_author(out, author);
        return *this;
    }
    Key& node(const NodeId& node) {
        WireWriter(bytes_).fixed(node);
        return *this;
    }
    Key& number(std::uint64_t number) {
        WireWriter(bytes_).u64(number);
        return *this;
    }
    Key& hash(const Hash256& hash) {
        WireWriter(bytes_).fixed(hash);
        return *this;
    }
    Key& text(std::string_view text) {
        WireWriter(bytes_).raw(as_bytes(text));
        return *this;
    }
    Key& byte(std::uint8_t value) {
        bytes_.push_back(value);
        return *this;
    }
    const Bytes& bytes() const { return bytes_; }
    operator ByteSpan() const { return bytes_; }

private:
    Bytes bytes_;
};

inline Key author_key(Table table, const AuthorId& author) {
    return Key(table).author(author);
}
inline Key dot_key(Table table, const Dot& dot) {
    return Key(table).author(dot.author).number(dot.sequence);
}
inline Key head_key(const Hash256& path, const Dot& dot) {
    return Key(kHeads).hash(path).author(dot.author).number(~dot.sequence);
}
inline Key name_key(const Hash256& directory, std::string_view name) {
    return Key(kChildren).hash(directory).text(name);
}
inline Key child_count_key(const Hash256& directory) {
    return Key(kChildCounts).hash(directory);
}

// The last kDotBytes of a key.
Dot dot_at_end(ByteSpan key);

struct AuthorState {
    std::uint64_t last = 0;
    Hash256 header_hash;
    HybridTime clock = 0;
    Membership membership;
    Hash256 grant_hash;  // of the chain the author showed last

    Bytes encode() const;
    static AuthorState decode(ByteSpan bytes);
};

struct Parked {
    std::uint64_t received = 0;  // entries
    std::uint64_t bytes = 0;     // of them and the header
    Bytes header;

    Bytes encode() const;
    static Parked decode(ByteSpan bytes);
};

Bytes encode_number(std::uint64_t number);
std::uint64_t decode_number(const std::optional<Bytes>& bytes);  // 0 when absent

// Single values.
inline constexpr std::string_view kOwnAuthor = "own";
inline constexpr std::string_view kOwnNext = "next";          // the next local sequence
inline constexpr std::string_view kOwnBytes = "own b";        // of unsigned entries
inline constexpr std::string_view kLatestClock = "clock";     // of all that was applied
inline constexpr std::string_view kNewsCount = "news";        // rows in n
inline constexpr std::string_view kParkedCount = "parked";    // rows in p
inline constexpr std::string_view kParkedBytes = "parked b";  // of parked publications
inline Key single_key(std::string_view word) {
    return Key(kSingle).text(word);
}

// An entry's row: its form, then its bytes.
Bytes entry_row(ItemForm form, ByteSpan bytes);
std::optional<Item> item_of_row(ByteSpan row);

}  // namespace swarmfs::catalog::rows
