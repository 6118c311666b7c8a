// bench_fuse DIRECTORY BYTES: a file system of one file, `file`, whose bytes lie in memory.
//
// The least that answering a read through FUSE costs: one thread, no lookup of anything, each reply
// one copy from memory that is in the caches. It is taken away with umount.

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr fuse_ino_t kFile = 2;
constexpr double kForeverSeconds = 3600;
constexpr unsigned kReadBytesMax = 1 << 20;  // a mount of swarmfs asks the kernel for as much

off_t file_bytes = 0;
// Held in the caches, as what has just come over a link is.
const std::vector<char> content(kReadBytesMax, 1);

struct stat attributes_of(fuse_ino_t inode) {
    struct stat attributes {};
    attributes.st_ino = inode;
    attributes.st_mode = inode == kFile ? S_IFREG | 0444 : S_IFDIR | 0555;
    attributes.st_nlink = 1;
    attributes.st_size = inode == kFile ? file_bytes : 0;
    return attributes;
}

void init(void*, fuse_conn_info* connection) {
    connection->max_readahead = kReadBytesMax;
}

void lookup(fuse_req_t request, fuse_ino_t, const char* name) {
    if (std::strcmp(name, "file") != 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    fuse_entry_param entry{};
    entry.ino = kFile;
    entry.attr = attributes_of(kFile);
    entry.attr_timeout = entry.entry_timeout = kForeverSeconds;
    fuse_reply_entry(request, &entry);
}

void getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
    const struct stat attributes = attributes_of(inode);
    fuse_reply_attr(request, &attributes, kForeverSeconds);
}

void open(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    fuse_reply_open(request, file);
}

void read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info*) {
    const off_t left = std::max<off_t>(file_bytes - offset, 0);
    size = std::min({size, static_cast<std::size_t>(left), content.size()});
    fuse_reply_buf(request, content.data(), size);
}

int serve(const char* directory) {
    fuse_lowlevel_ops operations{};
    operations.init = init;
    operations.lookup = lookup;
    operations.getattr = getattr;
    operations.open = open;
    operations.read = read;
    std::string name = "bench_fuse";
    std::array<char*, 2> words{name.data(), nullptr};
    fuse_args arguments = FUSE_ARGS_INIT(1, words.data());
    fuse_session* session = fuse_session_new(&arguments, &operations, sizeof(operations), nullptr);
    if (session == nullptr || fuse_session_mount(session, directory) != 0) {
        return 1;
    }
    const int ended = fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return ended == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
    if (count != 3) {
        return 64;
    }
    file_bytes = static_cast<off_t>(std::strtoull(words[2], nullptr, 10));
    return serve(words[1]);
}
