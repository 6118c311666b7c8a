#include "engine/node/keep_wishes.hpp"

#include "engine/node/keeping.hpp"

namespace swarmfs::node {

KeepWishes::Pinned KeepWishes::pinned(const std::string& path) const {
    const auto by = pins_.covering(member_.id(), path);
    return !by ? Pinned::no : *by == path ? Pinned::itself : Pinned::above;
}

Result<> KeepWishes::pin(const std::string& path) {
    return Keeping(member_, cache_, pins_).pin(path);
}

Result<> KeepWishes::unpin(const std::string& path) {
    return Keeping(member_, cache_, pins_).unpin(path);
}

Result<> KeepWishes::prefetch(const store::InodeRecord& record) {
    return prefetcher_->ask(record.inode);
}

Result<> KeepWishes::evict(const store::InodeRecord& record, const std::string& path) {
    if (record.kind == store::InodeKind::directory) {
        jobs_.post(Lane::small, [this, path] {
            if (const auto contents = Keeping(member_, cache_, pins_).stored_below(path)) {
                cache_.evict_soon(*contents);
            }
        });
        return done();
    }
    if (record.kind != store::InodeKind::file || record.content.size == 0) {
        return done();
    }
    SWARM_TRY(const auto content, member_.contents().open(record.content));
    if (auto why = Keeping(member_, cache_, pins_).why_kept(path, *content)) {
        return *std::move(why);
    }
    cache_.evict_soon({record.content});
    return done();
}

}  // namespace swarmfs::node
