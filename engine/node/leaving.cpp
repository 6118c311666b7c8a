#include "engine/node/leaving.hpp"

#include <unordered_set>

#include "engine/node/share_manifest.hpp"
#include "engine/node/tree_walk.hpp"
#include "engine/store/staged_file.hpp"

namespace swarmfs::node {
namespace {

using Contents = std::unordered_set<ContentId>;

Contents named_by(Member& member) {
    Contents contents;
    const TreeView view = member.tree().view();
    walk_below(view.names, store::kRootInode, [&](const store::InodeRecord& record) {
        if (record.kind == store::InodeKind::file && record.content.size > 0) {
            contents.insert(record.content);
        }
        return true;
    });
    return contents;
}

Result<> remove_contents(Member& left, const std::vector<std::shared_ptr<Member>>& staying) {
    Contents going = named_by(left);
    for (const auto& member : staying) {
        for (const ContentId& kept : named_by(*member)) {
            going.erase(kept);
        }
    }
    for (const ContentId& id : going) {
        SWARM_CHECK(left.contents().remove(id));
    }
    return done();
}

// A staged file without its row is swept away at the next start.
Result<> forget_staged(Member& left) {
    store::Changes rows;
    const SwarmId swarm = left.membership().swarm;
    left.database().reader().scan(store::staging_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        const auto row = store::decode_staging_row(value);
        if (row && row->swarm == swarm) {
            rows[to_bytes(key)] = std::nullopt;
        }
        return true;
    });
    return rows.empty() ? done()
                        : left.database().commit(std::move(rows), store::Durability::process_crash);
}

}  // namespace

Result<> erase_left(Member& left, const std::vector<std::shared_ptr<Member>>& staying) {
    SWARM_CHECK(remove_contents(left, staying));
    SWARM_CHECK(forget_staged(left));
    SWARM_CHECK(left.database().erase_below(manifest_prefix(left.membership().swarm)));
    return left.tree().erase_all();
}

}  // namespace swarmfs::node
