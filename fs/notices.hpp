#pragma once
// What must be told to the kernel, and who takes it; and what it is given unasked.

#include <string>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/node/volume.hpp"

namespace swarmfs::fs {

enum class NoticeKind : std::uint8_t {
    entry,       // the name `name` in directory `inode` means something else, or nothing
    listing,     // the directory `inode` has other names in it
    attributes,  // mode, size, times or stored bytes of `inode`; never its pages
};

struct Notice {
    NoticeKind kind = NoticeKind::attributes;
    node::Inode inode = 0;
    std::string name;
};

class NoticeSink {
public:
    virtual ~NoticeSink() = default;
    // Told in the given order. Must be quick. Thread: any, with locks held.
    virtual void post(std::vector<Notice> notices) = 0;
};

class KernelPages {
public:
    virtual ~KernelPages() = default;
    // Puts a whole file into the kernel's cache. Returns: whether it took it.
    // Requires: nobody has the file open whose open() was answered: a page that is being read is
    // locked until that is answered, and what was written must not be overtaken. Thread: any.
    virtual bool put(node::Inode inode, ByteSpan bytes) = 0;
};

}  // namespace swarmfs::fs
