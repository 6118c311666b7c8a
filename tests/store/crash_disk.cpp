#include "tests/store/crash_disk.hpp"

#include <algorithm>

namespace swarmfs::test {

void CrashDisk::lose_power(Dice& dice) {
    for (const auto& [path, inode] : names_) {
        const auto durable = durable_names_.find(path);
        if ((durable == durable_names_.end() || durable->second != inode) &&
            dice.below(2) == 0) {  // written back by itself: a rename is one step
            std::erase_if(durable_names_, [&](const auto& n) { return n.second == inode; });
            durable_names_[path] = inode;
        }
        SWARM_ASSERT(under_.remove(path).ok());
    }
    names_.clear();
    for (const auto& [path, inode] : durable_names_) {
        const Bytes bytes = after_crash(*images_.at(inode), dice);
        std::filesystem::create_hard_link(shadow_of(inode), path);
        auto file = under_.open(path, store::Open::write);
        SWARM_ASSERT(file.ok() && (*file)->truncate(0).ok() && (*file)->write_at(0, bytes).ok());
    }
    durable_names_.clear();
    images_.clear();
    for (const auto& entry : std::filesystem::directory_iterator(shadow_.path())) {
        std::filesystem::remove(entry.path());
    }
    stopped_ = false;
    ++boots_;
}

Bytes CrashDisk::after_crash(const Image& image, Dice& dice) {
    const Bytes current = image.current();
    Bytes bytes = image.synced;
    if (current.size() > bytes.size() && dice.below(2) == 0) {
        bytes.resize(current.size());
    }
    for (std::size_t at = 0; at < bytes.size(); at += kSectorBytes) {
        const std::size_t end = std::min({at + kSectorBytes, bytes.size(), current.size()});
        if (at < end && dice.below(2) == 0) {
            std::copy(current.begin() + static_cast<std::ptrdiff_t>(at),
                      current.begin() + static_cast<std::ptrdiff_t>(end),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }
    return bytes;
}

Result<std::unique_ptr<store::File>> CrashDisk::open(const store::Path& path, store::Open how) {
    SWARM_CHECK(alive());
    const bool there = under_.status(path).ok();
    SWARM_TRY(auto file, under_.open(path, how));
    SWARM_TRY(const auto status, file->status());
    auto& image = images_[status.inode];
    if (!image) {
        image = std::make_shared<Image>();
        SWARM_TRY(image->file, under_.open(path, store::Open::read));
        std::filesystem::create_hard_link(path, shadow_of(status.inode));
        if (there) {  // from before this disk was watched
            image->synced = image->current();
            durable_names_[path] = status.inode;
        }
    }
    names_[path] = status.inode;
    return std::unique_ptr<store::File>(std::make_unique<CrashFile>(*this, std::move(file), image));
}

}  // namespace swarmfs::test
