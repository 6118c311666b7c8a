#include "engine/node/tree_walk.hpp"

namespace swarmfs::node {

bool walk_below(const store::NamespaceReader& names, store::Inode directory,
                const std::function<bool(const store::InodeRecord&)>& visit) {
    constexpr std::size_t kPage = 1000;
    std::string after;
    for (;;) {
        const auto page = names.list(directory, after, kPage);
        for (const store::InodeRecord& record : page) {
            if (!visit(record)) {
                return false;
            }
            if (record.kind == store::InodeKind::directory &&
                !walk_below(names, record.inode, visit)) {
                return false;
            }
        }
        if (page.size() < kPage) {
            return true;
        }
        after = page.back().name;
    }
}

}  // namespace swarmfs::node
