#include "engine/node/tree_cursor.hpp"

#include "engine/catalog/path_rules.hpp"

namespace swarmfs::node {

void TreeCursor::restart() {
    begin_at(store::kRootInode, "");
}

void TreeCursor::begin_at(store::Inode directory, const std::string& path) {
    open_.clear();
    open_.push_back({directory, path, ""});
}

std::vector<TreeCursor::File> TreeCursor::next(const store::NamespaceReader& names,
                                               std::size_t rows) {
    std::vector<File> files;
    while (!open_.empty() && rows > 0) {
        auto page = names.list(open_.back().directory, open_.back().after, rows);
        if (page.empty()) {
            open_.pop_back();
            continue;
        }
        for (store::InodeRecord& record : page) {
            --rows;
            open_.back().after = record.name;
            std::string path = catalog::join_path(open_.back().path, record.name);
            if (record.kind == store::InodeKind::directory) {
                open_.push_back({record.inode, std::move(path), ""});
                break;  // what is in it first
            }
            if (record.kind == store::InodeKind::file && record.content.size > 0) {
                files.push_back({std::move(path), std::move(record)});
            }
        }
    }
    return files;
}

}  // namespace swarmfs::node
