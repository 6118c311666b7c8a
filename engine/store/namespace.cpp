#include "engine/store/namespace.hpp"

#include <algorithm>

#include "engine/core/wire.hpp"

namespace swarmfs::store {
namespace {

InodeRecord root_record() {
    InodeRecord root;
    root.inode = kRootInode;
    root.kind = InodeKind::directory;
    root.mode = 0755;
    return root;
}

std::optional<Inode> decode_inode(const std::optional<Bytes>& value) {
    if (!value) {
        return std::nullopt;
    }
    WireReader in(*value);
    const Inode inode = in.u64();
    return in.finished() ? std::optional(inode) : std::nullopt;
}

Error no_such_inode() {
    return caller_error(Code::not_found, "it is not there any more");
}

}  // namespace

std::optional<Inode> NamespaceReader::child(Inode parent, std::string_view name) const {
    return decode_inode(rows_.get(name_key(parent, name)));
}

Result<InodeRecord> NamespaceReader::find(Inode inode) const {
    if (const auto row = rows_.get(inode_key(inode))) {
        if (auto record = decode_record(inode, *row)) {
            return *std::move(record);
        }
        return disk_error(Code::corrupt, "inode " + std::to_string(inode) + " is damaged");
    }
    if (inode == kRootInode) {
        return root_record();
    }
    return no_such_inode();
}

Result<InodeRecord> NamespaceReader::lookup(Inode parent, std::string_view name) const {
    SWARM_CHECK(catalog::check_name(name));
    if (const auto inode = child(parent, name)) {
        return find(*inode);
    }
    SWARM_TRY(const InodeRecord directory, find(parent));
    if (directory.kind != InodeKind::directory) {
        return caller_error(Code::not_directory, "its parent is no directory");
    }
    return caller_error(Code::not_found, "there is no \"" + std::string(name) + "\"");
}

Result<InodeRecord> NamespaceReader::resolve(std::string_view path) const {
    SWARM_TRY(InodeRecord record, find(kRootInode));
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        SWARM_TRY(record, lookup(record.inode, path.substr(0, end)));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return record;
}

std::vector<InodeRecord> NamespaceReader::list(Inode directory, std::string_view after,
                                               std::size_t count) const {
    std::vector<InodeRecord> children;
    const Bytes prefix = names_prefix(directory);
    rows_.scan(prefix, name_key(directory, after), [&](ByteSpan key, ByteSpan value) {
        if (children.size() == count) {
            return false;
        }
        const std::string_view name = as_text(key.subspan(prefix.size()));
        const auto inode = decode_inode(to_bytes(value));
        if (inode && (after.empty() || name != after)) {
            if (auto record = find(*inode); record.ok()) {
                children.push_back(*std::move(record));
            }
        }
        return true;
    });
    return children;
}

bool NamespaceReader::has_children(Inode directory) const {
    bool any = false;
    rows_.scan(names_prefix(directory), {}, [&](ByteSpan, ByteSpan) {
        any = true;
        return false;
    });
    return any;
}

Result<std::string> NamespaceReader::path_of(const InodeRecord& record) const {
    std::string path = record.name;
    InodeRecord at = record;
    for (std::size_t depth = 0; at.inode != kRootInode && at.parent != kRootInode; ++depth) {
        if (depth > catalog::kPathDepthMax) {
            return disk_error(Code::corrupt, "the directories above it form a loop");
        }
        SWARM_TRY(at, find(at.parent));
        path = at.name + "/" + path;
    }
    return path;
}

bool NamespaceReader::shows(const ContentId& content) const {
    return rows_.get(shown_key(content)).has_value();
}

std::vector<Inode> NamespaceReader::unpublished() const {
    std::vector<Inode> inodes;
    const Bytes prefix{'u'};
    rows_.scan(prefix, {}, [&](ByteSpan key, ByteSpan) {
        WireReader in(key.subspan(prefix.size()));
        inodes.push_back(in.u64());
        return true;
    });
    return inodes;
}

}  // namespace swarmfs::store
