#include "engine/node/named_contents.hpp"

#include <algorithm>

#include "engine/node/tree_cursor.hpp"

namespace swarmfs::node {
namespace {

constexpr std::size_t kRowsAtOnce = 256;

}  // namespace

bool concerns_names(const std::vector<store::NameChange>& changes) {
    return std::any_of(changes.begin(), changes.end(),
                       [](const auto& change) { return !change.name.empty(); });
}

NamedContents named_contents(const Tree& tree, const Policy& policy, const Pins& pins,
                             const SwarmId& swarm,
                             const std::function<bool(const ContentId&)>& wanted,
                             const std::function<bool()>& stopping) {
    NamedContents named;
    TreeCursor cursor;
    cursor.restart();
    while (!cursor.at_end() && !stopping()) {
        const TreeView view = tree.view();
        for (const TreeCursor::File& file : cursor.next(view.names, kRowsAtOnce)) {
            if (!wanted(file.record.content)) {
                continue;
            }
            NamedContent& one = named[file.record.content];
            one.inodes.insert(file.record.inode);
            one.replicas = std::max(one.replicas, policy.of(file.path).replicas);
            one.pinned = one.pinned || pins.covering(swarm, file.path).has_value();
            if (file.record.dot) {
                one.authors.insert(file.record.dot->author.node);
            }
        }
    }
    return named;
}

}  // namespace swarmfs::node
