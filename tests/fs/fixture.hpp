#pragma once
// A FileSystem in front of a FakeVolume, and all that it tells and gives the kernel.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fs/file_system.hpp"
#include "tests/support/fake_volume.hpp"

namespace swarmfs::fs {

class Collected final : public NoticeSink {
public:
    void post(std::vector<Notice> notices) override {
        for (Notice& notice : notices) {
            all.push_back(std::move(notice));
        }
    }
    bool has(NoticeKind kind, node::Inode inode, const std::string& name = "") const {
        return std::any_of(all.begin(), all.end(), [&](const Notice& notice) {
            return notice.kind == kind && notice.inode == inode && notice.name == name;
        });
    }
    std::vector<Notice> all;
};

class PutPages final : public KernelPages {
public:
    bool put(node::Inode inode, ByteSpan bytes) override {
        all.emplace_back(inode, as_text(bytes));
        return takes;
    }
    std::vector<std::pair<node::Inode, std::string>> all;
    bool takes = true;
};

struct Fixture {
    std::shared_ptr<test::FakeVolume> volume = std::make_shared<test::FakeVolume>();
    ManualClock clock;
    Collected notices;
    PutPages pages;
    std::vector<node::Change> own;
    FileSystem files{
        volume, options(), clock, notices, pages, [this](const std::vector<node::Change>& changes) {
            own.insert(own.end(), changes.begin(), changes.end());
        }};

    static FileSystemOptions options() {
        FileSystemOptions options;
        options.uid = 1000;
        options.gid = 100;
        options.umask = 022;
        return options;
    }
    node::Inode look_up(node::Inode parent, const std::string& name) {
        return files.lookup(parent, name)->status->attributes.inode;
    }
    std::string read_all(OpenHandle handle) {
        std::string bytes;
        files.read(handle, 0, 1 << 20, [&](Result<ByteSpan> got) { bytes = as_text(*got); });
        return bytes;
    }
    OpenHandle open(node::Inode inode, node::Access access) {
        OpenRequest request;
        request.access = access;
        return files.open(inode, request)->handle;
    }
};

}  // namespace swarmfs::fs
