#include "engine/store/content_needs.hpp"

#include "engine/catalog/replica_reader.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/namespace_rows.hpp"
#include "engine/store/staged_file.hpp"

namespace swarmfs::store {
namespace {

// Tables of a swarm stand below the key space and the first eight bytes of its key.
constexpr std::size_t kSwarmPrefixBytes = 1 + 8;

bool is_in(ByteSpan key, KeySpace space) {
    return !key.empty() && key.front() == static_cast<std::uint8_t>(space);
}

Error unreadable(const char* what) {
    return disk_error(Code::corrupt, std::string("a row of ") + what +
                                         " cannot be read, so nothing that it may need is removed");
}

// Visits the prefixes of the swarms that have rows in `space`.
void for_each_swarm(const KeyValueReader& rows, KeySpace space,
                    const std::function<void(const Bytes& prefix)>& visit) {
    const Bytes all{static_cast<std::uint8_t>(space)};
    for (Bytes from = all; !from.empty();) {
        Bytes prefix;
        rows.scan(all, from, [&](ByteSpan key, ByteSpan) {
            prefix = to_bytes(key.first(std::min(key.size(), kSwarmPrefixBytes)));
            return false;
        });
        if (prefix.size() == kSwarmPrefixBytes) {
            visit(prefix);
        }
        from = prefix;
        while (!from.empty() && from.back() == 0xff) {
            from.pop_back();
        }
        if (!from.empty()) {
            ++from.back();
        }
        if (from.size() <= all.size()) {
            return;  // nothing was found, or nothing can follow
        }
    }
}

}  // namespace

bool visit_needed_by_row(ByteSpan key, ByteSpan value, const VisitContent& visit) {
    const auto need = [&](const ContentId& id) {
        if (id.size > 0) {
            visit(id);
        }
    };
    if (is_in(key, KeySpace::staging)) {
        const auto row = decode_staging_row(value);
        if (row) {
            need(row->base);
            need(row->opened.content);
        }
        return row.has_value();
    }
    static const Bytes table = inode_key(0);
    const bool of_inode = is_in(key, KeySpace::namespace_) &&
                          key.size() == kSwarmPrefixBytes + table.size() &&
                          key[kSwarmPrefixBytes] == table.front();
    if (!of_inode) {
        return true;
    }
    const auto record = decode_record(kRootInode, value);
    if (record && record->kind == InodeKind::file) {
        need(record->content);
    }
    return record.has_value();
}

Result<> visit_needed_by_names(const KeyValueReader& rows, const VisitContent& visit) {
    bool readable = true;
    for_each_swarm(rows, KeySpace::namespace_, [&](Bytes prefix) {
        prefix.push_back(inode_key(0).front());
        rows.scan(prefix, prefix, [&](ByteSpan key, ByteSpan value) {
            readable = readable && visit_needed_by_row(key, value, visit);
            return readable;
        });
    });
    if (rows.failed()) {
        return disk_error(Code::io, "the names could not be read");
    }
    return readable ? done() : Result<>(unreadable("names"));
}

Result<> visit_needed_by_staging(const KeyValueReader& rows, const VisitContent& visit) {
    bool readable = true;
    rows.scan(staging_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        readable = visit_needed_by_row(key, value, visit);
        return readable;
    });
    if (rows.failed()) {
        return disk_error(Code::io, "the files being written could not be read");
    }
    return readable ? done() : Result<>(unreadable("a file being written"));
}

Result<> visit_needed_by_history(const KeyValueReader& rows, const VisitContent& visit) {
    bool readable = true;
    for_each_swarm(rows, KeySpace::catalog, [&](const Bytes& prefix) {
        const PrefixedReader of_swarm(rows, prefix);
        readable = readable && catalog::ReplicaReader(of_swarm).for_each_content(visit);
    });
    if (rows.failed()) {
        return disk_error(Code::io, "the catalogs could not be read");
    }
    return readable ? done() : Result<>(unreadable("a catalog"));
}

}  // namespace swarmfs::store
