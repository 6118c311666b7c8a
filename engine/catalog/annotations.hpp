#pragma once
// What people and programs have said about a file or a directory beside its contents: tags, and
// extended attributes (the user.* ones of xattr(7)). They stand in the entry, so that they travel
// with the name, through renames and new versions, to every member.
//
//   extension "xattrs" = version:u8(1) count:u8 { name:text16 value:bytes16 }*   ascending by name
//   annotations        = tags xattrs            a row of a file that has no entry yet: as below
//     tags             = count:u8 { text16 }*   as in an entry
//     xattrs           = bytes16                the extension's value; empty for none
//
// Rules:
//   1. Names stand without "user.": what arrives cannot name anything of another namespace, such
//      as security.*, on the machine of who receives it.
//   2. An entry with attributes up to kAttributesBytesMax has room for the longest path, the most
//      tags and the longest base: renaming and rewriting never fail because of them.
//   3. The encoding is canonical, and none are no extension: equal meaning is equal bytes.
//   4. What cannot be read, since a later version wrote it, is kept as it came and not changed.
// Pure; any thread.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/catalog/entry.hpp"

namespace swarmfs::catalog {

// Fixed by the format.
inline constexpr std::uint8_t kAttributesVersion = 1;
inline constexpr std::string_view kAttributesKey = "xattrs";

// Chosen by us.
inline constexpr std::size_t kAttributesMax = 64;
inline constexpr std::size_t kAttributeNameBytesMax = 250;    // Linux allows 255 with "user."
inline constexpr std::size_t kAttributeValueBytesMax = 4096;  // as ext4 without large inodes
inline constexpr std::size_t kAttributesBytesMax = 6 * 1024;  // of the encoding: rule 2

using Attributes = std::map<std::string, Bytes>;

struct Annotations {
    std::vector<std::string> tags;  // ascending, no twins
    Attributes attributes;

    bool empty() const { return tags.empty() && attributes.empty(); }
    bool operator==(const Annotations&) const = default;
};

// Errors: invalid (a name), too_large (a value), no_space (too many, or too much in all); all the
// caller's.
Result<> check_attributes(const Attributes& attributes);

// Errors: unsupported (of a later version), protocol; both the peer's.
Result<Attributes> decode_attributes(ByteSpan bytes);
// Requires: they passed check_attributes, and there are some.
Bytes encode_attributes(const Attributes& attributes);

// Of an entry. Errors: as decode_attributes.
Result<Annotations> annotations_of(const Entry& entry);
// Errors: those of check_attributes; an entry with other tags than it may have is refused when it
// is encoded.
Result<> annotate(Entry& entry, const Annotations& annotations);

// For the row. Requires: as encode_attributes.
Bytes encode_annotations(const Annotations& annotations);
// Errors: as decode_attributes.
Result<Annotations> decode_annotations(ByteSpan bytes);

// "blue,red": as people write tags and see them. Blanks around a tag do not count, nor do twins.
// Errors: invalid (not UTF-8, a tag that is too long, a control character), no_space (too many).
Result<std::vector<std::string>> parse_tags(std::string_view text);
std::string to_text(const std::vector<std::string>& tags);

}  // namespace swarmfs::catalog
