#include "engine/store/content_needs.hpp"

#include "engine/catalog/replica_reader.hpp"
#include "engine/store/content_rows.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/namespace_rows.hpp"
#include "engine/store/namespace_sums.hpp"
#include "engine/store/staged_file.hpp"

namespace swarmfs::store {
namespace {

Error unreadable(const char* what) {
    return disk_error(Code::corrupt, std::string("a row of ") + what +
                                         " cannot be read, so nothing that it may need is removed");
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
    if (is_in(key, KeySpace::contents)) {
        if (const auto layers = layers_of_key(key)) {
            need(layers->base);
        }
        return true;
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

Result<> visit_needed_by_layers(const KeyValueReader& rows, const VisitContent& visit) {
    rows.scan(overs_prefix(), {},
              [&](ByteSpan key, ByteSpan value) { return visit_needed_by_row(key, value, visit); });
    return rows.failed() ? Result<>(disk_error(Code::io, "the list of contents could not be read"))
                         : done();
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

bool is_needed_but_by_history(const KeyValueReader& rows, const ContentId& id) {
    bool needed = !contents_over(rows, id).empty();
    for_each_swarm(rows, KeySpace::namespace_, [&](const Bytes& prefix) {
        const PrefixedReader of_swarm(rows, prefix);
        const auto sums = of_swarm.get(sums_key());
        needed = needed || !sums || !decode_sums(*sums) || of_swarm.get(shown_key(id)).has_value();
    });
    const auto written = visit_needed_by_staging(
        rows, [&](const ContentId& base) { needed = needed || base == id; });
    return needed || !written.ok() || rows.failed();
}

}  // namespace swarmfs::store
