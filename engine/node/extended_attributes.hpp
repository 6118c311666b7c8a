#pragma once
// The extended attributes of a volume's files and directories, as user.* of xattr(7). Names stand
// without "user.".
//
// Rules every implementation keeps:
//   1. What a program sets travels with the file: through renames and new versions, to the other
//      members. It is one change of the catalog, like a new mode.
//   2. Names that begin with kOwnPrefix are the file system's own: they are answered and not
//      listed, and most of them cannot be set.
//   3. Only asking for an attribute may take time, and then it answers through a callback; the
//      network is never waited for.
// Thread: any.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::node {

inline constexpr std::string_view kOwnPrefix = "swarmfs.";

enum class AttributeRule : std::uint8_t { set, create, replace };

// Nothing: there is no such attribute. The bytes are the callee's.
using AttributeDone = std::function<void(Result<std::optional<Bytes>>)>;

class ExtendedAttributes {
public:
    virtual ~ExtendedAttributes() = default;

    // Calls `done` exactly once, perhaps before it returns, on any thread.
    // Returns: a ticket for Volume::cancel_read; 0 when it has been answered, or soon is.
    // Errors: not_found (the inode), try_again (it needs bytes that are not here), busy (the file
    // is being written), cancelled, io, and where what came cannot be read: protocol, unsupported.
    virtual std::uint64_t get(std::uint64_t inode, std::string_view name, AttributeDone done) = 0;
    // Errors: as get.
    virtual Result<std::vector<std::string>> names(std::uint64_t inode) = 0;
    // Returns: false when there is none to replace.
    // Errors: not_found (the inode), exists (`create`), read_only, permission (it is not for
    // setting), invalid, too_large (the value), no_space (all of them, or the disk), unsupported.
    virtual Result<bool> set(std::uint64_t inode, std::string_view name, ByteSpan value,
                             AttributeRule rule) = 0;
    // Returns: false when there is none. Errors: as set.
    virtual Result<bool> remove(std::uint64_t inode, std::string_view name) = 0;
};

}  // namespace swarmfs::node
