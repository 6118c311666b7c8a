#pragma once
// What two members say to each other about the catalog: how far each has come, publications, and
// whether both show the same. The rules of all frames are in peer_messages.hpp.

#include <string>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::protocol {

// Chosen by us.
inline constexpr std::size_t kVectorItemsMax = 1024;  // per frame; `more` continues it

// Fixed by the protocol: the longest path an entry may have.
inline constexpr std::size_t kConfirmPathBytesMax = 4096;

struct VectorItem {
    AuthorId author;
    std::uint64_t sequence = 0;
};
// The catalog this side has applied. Sent after hello and whenever it has grown.
struct Vector {
    bool more = false;  // another vector frame continues this one
    std::vector<VectorItem> items;
};
// Opaque here; `catalog` knows their inside.
struct PublicationHeader {
    ByteSpan bytes;
};
struct PublicationEntries {
    ByteSpan bytes;
};

// Whether the peer shows exactly this version at this path now. The asker chooses the nonce.
struct Confirm {
    std::uint64_t nonce = 0;
    VectorItem version;  // its author and number
    std::string path;    // 1 to kConfirmPathBytesMax bytes
};
// `busy`: not looked up, because the peer asks for too much; it may ask again later.
enum class ConfirmAnswer : std::uint8_t { no = 0, yes = 1, busy = 2 };
struct Confirmed {
    std::uint64_t nonce = 0;
    ConfirmAnswer answer = ConfirmAnswer::no;
};

}  // namespace swarmfs::protocol
