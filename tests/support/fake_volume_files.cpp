// The FakeVolume's open files, its network and its disk.
#include <algorithm>
#include <chrono>

#include "tests/support/fake_volume.hpp"

namespace swarmfs::test {

using node::FileHandle;
using node::FileKind;

namespace {
constexpr std::chrono::seconds kPatience{10};
}

Result<node::Created> FakeVolume::create(Inode parent, std::string_view name, std::uint32_t mode) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("create"));
    SWARM_TRY(const NodePointer node, add(parent, name, FileKind::file, mode));
    ++node->opened;
    const FileHandle handle = next_++;
    handles_[handle] = node;
    return node::Created{attributes_of(*node), handle};
}

Result<FileHandle> FakeVolume::open(Inode inode, node::Access access) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("open"));
    if (read_only_ && access != node::Access::read) {
        return caller_error(Code::read_only, "this member may only read");
    }
    const NodePointer node = find(inode);
    if (!node) {
        return caller_error(Code::not_found, "no such inode");
    }
    if (node->attributes.kind != FileKind::file) {
        return caller_error(Code::is_directory, "not a file");
    }
    ++node->opened;
    const FileHandle handle = next_++;
    handles_[handle] = node;
    return handle;
}

bool FakeVolume::needs_confirming(Inode) const {
    const std::scoped_lock lock(mutex_);
    return hold_opens_;
}

node::ReadTicket FakeVolume::open_confirmed(Inode inode, node::Access access, Duration,
                                            node::OpenDone done) {
    auto handle = open(inode, access);
    if (!handle.ok()) {
        done(handle.error());
        return 0;
    }
    const std::scoped_lock lock(mutex_);
    const node::ReadTicket ticket = next_++;
    held_opens_[ticket] = {*handle, std::move(done)};
    changed_.notify_all();
    return ticket;
}

void FakeVolume::answer(const HeldOpen& open, const std::optional<Error>& failure) {
    if (!failure) {
        open.done(open.handle);
        return;
    }
    release(open.handle);
    open.done(*failure);
}

node::ReadTicket FakeVolume::read(FileHandle handle, std::uint64_t offset, std::size_t length,
                                  Duration, node::ReadDone done) {
    {
        const std::scoped_lock lock(mutex_);
        ++calls_["read"];
        if (hold_) {
            const node::ReadTicket ticket = next_++;
            held_[ticket] = {handle, offset, length, std::move(done)};
            changed_.notify_all();
            return ticket;
        }
    }
    answer({handle, offset, length, std::move(done)});
    return 0;
}

void FakeVolume::answer(HeldRead read) {
    std::shared_ptr<std::string> content;
    std::optional<Error> failure;
    std::function<void()> act;
    {
        const std::scoped_lock lock(mutex_);
        act = std::exchange(after_read_, {});
        const auto opened = handles_.find(read.handle);
        if (opened == handles_.end()) {
            failure = caller_error(Code::invalid, "no such handle");
        } else if (read_failure_) {
            failure = read_failure_;
        } else {
            content = opened->second->content;
        }
    }
    if (act) {
        act();
    }
    if (failure) {
        read.done(*failure);
        return;
    }
    const std::size_t begin = std::min<std::size_t>(read.offset, content->size());
    const std::size_t count = std::min(read.length, content->size() - begin);
    read.done(as_bytes(*content).subspan(begin, count));
}

void FakeVolume::cancel_read(node::ReadTicket ticket) {
    HeldRead read;
    {
        std::unique_lock lock(mutex_);
        if (auto open = held_opens_.extract(ticket)) {
            ++cancelled_;
            lock.unlock();
            answer(open.mapped(), caller_error(Code::cancelled, "the opener gave up"));
            return;
        }
        const auto held = held_.find(ticket);
        if (held == held_.end()) {
            return;
        }
        read = std::move(held->second);
        held_.erase(held);
        ++cancelled_;
    }
    read.done(caller_error(Code::cancelled, "the reader gave up"));
}

Result<std::size_t> FakeVolume::write(FileHandle handle, std::uint64_t offset, ByteSpan bytes) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("write"));
    const auto opened = handles_.find(handle);
    if (opened == handles_.end()) {
        return caller_error(Code::invalid, "no such handle");
    }
    Node& node = *opened->second;
    if (node.content.use_count() > 1) {
        node.content = std::make_shared<std::string>(*node.content);
    }
    if (node.content->size() < offset + bytes.size()) {
        node.content->resize(offset + bytes.size());
    }
    std::copy(bytes.begin(), bytes.end(),
              node.content->begin() + static_cast<std::ptrdiff_t>(offset));
    touch(node);
    return bytes.size();
}

Result<> FakeVolume::close_write(FileHandle handle) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("close_write"));
    return handles_.count(handle) != 0 ? done()
                                       : Result<>(caller_error(Code::invalid, "no such handle"));
}

Result<> FakeVolume::sync(FileHandle handle) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("sync"));
    return handles_.count(handle) != 0 ? done()
                                       : Result<>(caller_error(Code::invalid, "no such handle"));
}

void FakeVolume::release(FileHandle handle) {
    const std::scoped_lock lock(mutex_);
    ++calls_["release"];
    const auto opened = handles_.find(handle);
    SWARM_ASSERT(opened != handles_.end());
    const NodePointer node = opened->second;
    handles_.erase(opened);
    if (--node->opened == 0 && !node->named) {
        nodes_.erase(node->attributes.inode);
    }
    changed_.notify_all();
}

void FakeVolume::hold_reads(bool hold) {
    const std::scoped_lock lock(mutex_);
    hold_ = hold;
}

void FakeVolume::answer_held() {
    std::map<node::ReadTicket, HeldRead> held;
    {
        const std::scoped_lock lock(mutex_);
        held.swap(held_);
    }
    for (auto& [ticket, read] : held) {
        answer(std::move(read));
    }
}

void FakeVolume::hold_opens(bool hold) {
    const std::scoped_lock lock(mutex_);
    hold_opens_ = hold;
}

void FakeVolume::answer_opens(const std::optional<Error>& failure) {
    std::map<node::ReadTicket, HeldOpen> held;
    {
        const std::scoped_lock lock(mutex_);
        held.swap(held_opens_);
    }
    for (const auto& [ticket, open] : held) {
        answer(open, failure);
    }
}

bool FakeVolume::wait_for_held_opens(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return held_opens_.size() >= count; });
}

bool FakeVolume::wait_for_held(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return held_.size() >= count; });
}

bool FakeVolume::wait_until_no_handles() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return handles_.empty(); });
}

std::size_t FakeVolume::held() const {
    const std::scoped_lock lock(mutex_);
    return held_.size();
}

std::size_t FakeVolume::cancelled() const {
    const std::scoped_lock lock(mutex_);
    return cancelled_;
}

void FakeVolume::fail_reads(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    read_failure_ = std::move(error);
}

void FakeVolume::fail_next(const std::string& call, Error error) {
    const std::scoped_lock lock(mutex_);
    failures_.insert_or_assign(call, std::move(error));
}

void FakeVolume::after_next_lookup(std::function<void()> act) {
    const std::scoped_lock lock(mutex_);
    after_lookup_ = std::move(act);
}

void FakeVolume::after_next_read(std::function<void()> act) {
    const std::scoped_lock lock(mutex_);
    after_read_ = std::move(act);
}

void FakeVolume::set_stored(const std::string& path, std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    find_path(path)->stored = bytes;
}

std::size_t FakeVolume::open_handles() const {
    const std::scoped_lock lock(mutex_);
    return handles_.size();
}

std::size_t FakeVolume::listeners() const {
    const std::scoped_lock lock(listeners_mutex_);
    return listeners_.size();
}

std::size_t FakeVolume::calls(const std::string& call) const {
    const std::scoped_lock lock(mutex_);
    const auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
}

std::string FakeVolume::content(const std::string& path) const {
    const std::scoped_lock lock(mutex_);
    const NodePointer node = find_path(path);
    return node ? *node->content : "";
}

bool FakeVolume::exists(const std::string& path) const {
    const std::scoped_lock lock(mutex_);
    return find_path(path) != nullptr;
}

}  // namespace swarmfs::test
