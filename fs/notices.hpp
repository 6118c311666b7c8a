#pragma once
// What must be told to the kernel, and who takes it.

#include <string>
#include <vector>

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

}  // namespace swarmfs::fs
