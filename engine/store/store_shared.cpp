#include "engine/store/store_shared.hpp"

#include <utility>

#include "engine/core/log.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {
namespace {

// Lines of repair kept for the report; the log has them all.
constexpr std::size_t kRepairsMax = 1000;

Result<FileStatus> not_pending() {
    return disk_error(Code::not_found, "there is no file to move");
}

}  // namespace

Path StoreShared::folder_of(const ContentId& id) const {
    return content_folder() / id.root.hex().substr(0, 2);
}
Path StoreShared::data_path(const ContentId& id) const {
    return folder_of(id) / (file_stem(id) + ".data");
}
Path StoreShared::tree_path(const ContentId& id) const {
    return folder_of(id) / (file_stem(id) + ".tree");
}
Path StoreShared::incoming_path(const char* suffix) {
    return incoming_folder() / (std::to_string(take_number()) + suffix);
}

Result<> StoreShared::finish_pending(const ContentId& id) {
    const auto row = database_.reader().get(pending_key(id));
    if (!row) {
        return done();
    }
    const auto pending = decode_pending(*row);
    if (!pending) {
        return is_other_version(*row)
                   ? other_version_error("the note of where the files of " + file_stem(id) + " are")
                   : done();
    }
    SWARM_CHECK(disk_.make_folder(folder_of(id)));
    const Path tree = home_ / pending->tree;
    if (!pending->tree.empty() && disk_.status(tree)) {  // else it was moved before
        SWARM_CHECK(disk_.rename(tree, tree_path(id)));
    }
    const Path data = home_ / pending->data;
    const auto status = pending->data.empty() ? not_pending() : disk_.status(data);
    if (status && status->inode == pending->data_inode) {
        SWARM_CHECK(disk_.rename(data, data_path(id)));
    }
    const std::lock_guard lock(mutex_);
    placed_.push_back(id);
    return done();
}

void StoreShared::add_changed(std::shared_ptr<StoredContent> content) {
    {
        const std::lock_guard lock(mutex_);
        changed_.push_back(std::move(content));
    }
    wake_.notify_all();
}

void StoreShared::add_unsaved(std::uint64_t bytes) {
    {
        const std::lock_guard lock(mutex_);
        unsaved_bytes_ += bytes;
        if (unsaved_bytes_ < kUnsavedBytesMax) {
            return;
        }
    }
    wake_.notify_all();
}

std::vector<std::shared_ptr<StoredContent>> StoreShared::take_changed() {
    const std::lock_guard lock(mutex_);
    unsaved_bytes_ = 0;
    return std::exchange(changed_, {});
}

std::vector<ContentId> StoreShared::take_placed() {
    const std::lock_guard lock(mutex_);
    return std::exchange(placed_, {});
}

StoreShared::Wake StoreShared::wait_for_changes(std::chrono::milliseconds age,
                                                std::chrono::milliseconds idle) {
    std::unique_lock lock(mutex_);
    const auto woken = [this] { return stopping_ || !changed_.empty(); };
    if (idle.count() == 0) {
        wake_.wait(lock, woken);
    } else if (!wake_.wait_for(lock, idle, woken)) {
        return Wake::idle;
    }
    wake_.wait_for(lock, age, [this] { return stopping_ || unsaved_bytes_ >= kUnsavedBytesMax; });
    return stopping_ ? Wake::stop : Wake::changes;
}

void StoreShared::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
}

void StoreShared::note_repair(std::string line) {
    log_warning("store", line);
    const std::lock_guard lock(mutex_);
    if (repairs_.size() < kRepairsMax) {
        repairs_.push_back(std::move(line));
    }
}

std::vector<std::string> StoreShared::repairs() const {
    const std::lock_guard lock(mutex_);
    return repairs_;
}

}  // namespace swarmfs::store
