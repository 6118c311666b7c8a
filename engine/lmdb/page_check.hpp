#pragma once
// LMDB maps its file and follows page numbers without asking: a truncated file is a SIGBUS, a
// damaged page an abort() or a wild read. So the tree is walked here, by pread, before LMDB may
// have it. Found: a wrong magic, version or page size, a page number that leads outside the file or
// to a page that says it is another, a page whose fields leave it or overlap, keys out of order, a
// tree deeper or larger than it says or of a kind that is not ours, two ways that lead to one page;
// and what only the first write would follow: headers in each other's place, a list of free pages
// that is too long for its place, out of order, or names a page that is in use or none. Not found:
// a changed byte inside any other value; what lies in values has checksums or signatures of its own.
//
// Layout read: LMDB data format 1 (lmdb 0.9), 64 bit, the host's byte order.

#include <filesystem>

#include "engine/core/result.hpp"

namespace swarmfs::lmdb {

// Above this length only metas, branch pages and the lists of free pages are read (about 1 % of the
// file), so that opening stays a matter of a second on a cold disk.
inline constexpr std::uint64_t kLeafCheckBytesMax = std::uint64_t{256} << 20;

// An absent or empty file is fine: LMDB makes a new one of it.
// Errors: corrupt with a message that names the file and the place; io.
Result<> check_pages(const std::filesystem::path& file);

}  // namespace swarmfs::lmdb
