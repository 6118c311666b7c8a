#include "fs/notifier.hpp"

#include <utility>

#include "engine/core/log.hpp"
#include "fs/file_system.hpp"

namespace swarmfs::fs {
namespace {

using Told = KernelCache::Told;

// How soon a notice the kernel did not know yet is repeated: longer than a reply is on its way.
constexpr std::chrono::milliseconds kAgainAfter{2};

}  // namespace

void Notifier::start(FileSystem& file_system) {
    file_system_ = &file_system;
    thread_ = std::thread(&Notifier::run, this);
}

void Notifier::stop() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Notifier::post(std::vector<Notice> notices) {
    bool too_many = false;
    {
        const std::scoped_lock lock(mutex_);
        if (stopping_ || flood_) {
            return;  // the flood that is coming covers these
        }
        if (queue_.size() + notices.size() > kQueueMax) {
            flood_ = too_many = true;
            queue_.clear();
        } else {
            for (Notice& notice : notices) {
                queue_.push_back(std::move(notice));
            }
        }
    }
    wake_.notify_one();
    if (too_many) {
        log_info("fs", "many changes at once: the kernel forgets this mount's whole tree");
    }
}

void Notifier::forget_everything() {
    {
        const std::scoped_lock lock(mutex_);
        flood_ = !stopping_;
        queue_.clear();
    }
    wake_.notify_one();
}

bool Notifier::wait_until_told(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, patience, [this] { return queue_.empty() && !flood_ && !busy_; });
}

void Notifier::run() {
    std::deque<Notice> again;
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto something = [this] { return stopping_ || flood_ || !queue_.empty(); };
        if (again.empty()) {
            busy_ = false;
            told_.notify_all();
            wake_.wait(lock, something);
        } else {
            wake_.wait_for(lock, kAgainAfter, something);
        }
        if (stopping_) {
            return;
        }
        busy_ = true;
        const bool flood = std::exchange(flood_, false);
        std::deque<Notice> notices = std::exchange(queue_, {});
        lock.unlock();
        if (flood) {
            again.clear();
            tell_everything();
        }
        std::deque<Notice> late = std::exchange(again, {});
        for (std::deque<Notice>* const batch : {&late, &notices}) {
            for (Notice& notice : *batch) {
                if (!tell(notice)) {
                    again.push_back(std::move(notice));
                }
            }
        }
        lock.lock();
    }
}

bool Notifier::tell(const Notice& notice) {
    Told told = Told::done;
    switch (notice.kind) {
        case NoticeKind::entry:
            told = Told::unsupported;
            if (file_system_->is_directory(notice.inode, notice.name)) {
                told = kernel_.expire_name(notice.inode, notice.name);
            }
            if (told == Told::unsupported) {
                told = kernel_.drop_name(notice.inode, notice.name);
            }
            return true;  // an unknown name is one the kernel will ask for
        case NoticeKind::listing: told = kernel_.drop_listing(notice.inode); break;
        case NoticeKind::attributes: told = kernel_.drop_attributes(notice.inode); break;
    }
    return told != Told::unknown || notice.inode == node::kRootInode ||
           !file_system_->known().counts(notice.inode);
}

void Notifier::tell_everything() {
    const bool epoch = kernel_.drop_all_names() == Told::done;
    if (file_system_->known().assumed()) {  // which inodes it holds is not known: the whole tree
        std::vector<node::Inode> directories{node::kRootInode};
        while (!directories.empty()) {
            const node::Inode directory = directories.back();
            directories.pop_back();
            tell_listing(directory, !epoch, &directories);
        }
    } else {
        for (const node::Inode directory : file_system_->known().directories()) {
            tell_listing(directory, !epoch, nullptr);
        }
    }
    for (const node::Inode inode : file_system_->known().all()) {
        kernel_.drop_attributes(inode);
    }
}

// With `below`, drops what is kept of all inodes in the directory, and adds the directories among
// them. Names that are there now may be cached as absent, or as something else; one that is gone
// answers ESTALE from its inode, and the kernel looks it up anew.
void Notifier::tell_listing(node::Inode directory, bool names_too,
                            std::vector<node::Inode>* below) {
    constexpr std::size_t kPage = 1024;
    std::string after;
    for (std::size_t got = names_too || below != nullptr ? kPage : 0; got == kPage;) {
        const auto page = file_system_->volume()->list(directory, after, kPage);
        got = page.ok() ? page->size() : 0;
        for (std::size_t i = 0; i < got; ++i) {
            const node::DirectoryEntry& entry = (*page)[i];
            if (names_too) {
                tell({NoticeKind::entry, directory, entry.name});
            }
            if (below != nullptr) {
                kernel_.drop_attributes(entry.attributes.inode);
                if (entry.attributes.kind == node::FileKind::directory) {
                    below->push_back(entry.attributes.inode);
                }
            }
        }
        after = got == 0 ? after : page->back().name;
    }
    kernel_.drop_listing(directory);
}

}  // namespace swarmfs::fs
