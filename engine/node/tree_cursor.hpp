#pragma once
// A walk over all files of a tree in small steps, over a tree that changes meanwhile: what comes or
// goes behind its back is seen the next time. Thread: one.

#include <string>
#include <vector>

#include "engine/node/tree.hpp"

namespace swarmfs::node {

class TreeCursor {
public:
    struct File {
        std::string path;
        store::InodeRecord record;
    };

    // Begins at the root.
    void restart();
    // Begins at a directory, whose path is given.
    void begin_at(store::Inode directory, const std::string& path);
    bool at_end() const { return open_.empty(); }
    // Looks at up to `rows` names. Returns: those that are files of more than no bytes.
    std::vector<File> next(const store::NamespaceReader& names, std::size_t rows);

private:
    struct Open {
        store::Inode directory = 0;
        std::string path;
        std::string after;
    };
    std::vector<Open> open_;  // from the root down
};

}  // namespace swarmfs::node
