#include "fs/fuse_ops.hpp"

#include "fs/fuse_api.hpp"
#include "fs/fuse_session.hpp"

namespace swarmfs::fs {
namespace {

void op_init(void* user_data, fuse_conn_info* connection) {
    static_cast<FuseSession*>(user_data)->negotiate(*connection);
}

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops ops{};
    ops.init = op_init;
    add_name_operations(ops);
    add_file_operations(ops);
    add_directory_operations(ops);
    add_attribute_operations(ops);
    return ops;
}

}  // namespace

const fuse_lowlevel_ops& fuse_operations() {
    static const fuse_lowlevel_ops operations = make_operations();
    return operations;
}

}  // namespace swarmfs::fs
