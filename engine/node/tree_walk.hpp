#pragma once
// Every inode below a directory, parents before children, siblings in the order of their names.
// Pages through directories, so that none has to fit in memory. Thread: as the reader's.

#include <functional>

#include "engine/store/namespace.hpp"

namespace swarmfs::node {

// `visit` returns false to end the walk. Returns: whether it came to its end.
bool walk_below(const store::NamespaceReader& names, store::Inode directory,
                const std::function<bool(const store::InodeRecord&)>& visit);

}  // namespace swarmfs::node
