#include "engine/node/done_requests.hpp"

#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

Bytes mount_key(std::uint64_t mount) {
    Bytes key = store::key_of(store::KeySpace::requests);
    WireWriter(key).u64(mount);
    return key;
}

}  // namespace

void note_done(KeyValueWriter& batch, Inode made) {
    const RequestMark* const mark = Working::current();
    if (mark == nullptr) {
        return;
    }
    Bytes key = mount_key(mark->mount);
    WireWriter out_key(key);
    out_key.u16(mark->run);
    out_key.u16(mark->worker);
    Bytes value;
    WireWriter out_value(value);
    out_value.u64(mark->request);
    out_value.u64(made);
    batch.put(key, value);
}

std::optional<Inode> find_done(const KeyValueReader& rows, const RequestMark& request) {
    std::optional<Inode> made;
    rows.scan(mount_key(request.mount), {}, [&](ByteSpan, ByteSpan value) {
        WireReader in(value);
        const bool it_is = in.u64() == request.request;
        const Inode inode = in.u64();
        if (it_is && in.finished()) {
            made = inode;
        }
        return !made;
    });
    return made;
}

Result<> forget_done(store::Database& database, std::uint64_t mount) {
    return database.erase_below(mount_key(mount));
}

}  // namespace swarmfs::node
