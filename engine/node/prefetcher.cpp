#include "engine/node/prefetcher.hpp"

#include <algorithm>
#include <limits>

#include <boost/asio/post.hpp>

#include "engine/core/log.hpp"

namespace swarmfs::node {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(100);
constexpr std::size_t kRowsEachLook = 1024;
constexpr std::size_t kFilesEachLook = 256;

}  // namespace

Result<> Prefetcher::ask(store::Inode inode) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kWaitingMax) {
            return caller_error(Code::busy, std::to_string(kWaitingMax) +
                                                " files or directories wait to be fetched; ask for "
                                                "more when some are here");
        }
        waiting_.push_back(inode);
    }
    boost::asio::post(parts_.engine, [weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && !self->stopped_) {
            self->tick();
        }
    });
    return done();
}

void Prefetcher::stop() {
    stopped_ = true;
    timer_.stop();
    for (const auto& [number, fill] : fills_) {
        parts_.swarm.cancel_fill(fill.id);
    }
    fills_.clear();
}

void Prefetcher::tick() {
    end_stalled();
    bool more = true;
    for (std::size_t files = 0; more && files < kFilesEachLook && fills_.size() < kFillsMax;) {
        if (const auto file = next_file()) {
            take(*file);
            ++files;
        } else if (!cursor_.at_end()) {
            break;  // names without files: go on with them later
        } else {
            more = begin_next();
        }
    }
    if (more || !fills_.empty()) {
        timer_.wake(kLookEvery, weak_from_this(), &Prefetcher::tick);
    }
}

// Returns: whether somebody waits.
bool Prefetcher::begin_next() {
    store::Inode inode = 0;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
            return false;
        }
        inode = waiting_.front();
        waiting_.pop_front();
    }
    const auto& most = parts_.limits.max_bytes;
    budget_ = most ? *most - std::min(*most, margin_of(*most))
                   : std::numeric_limits<std::uint64_t>::max();
    const TreeView view = parts_.tree.view();
    const auto record = view.names.find(inode);
    const auto path = record.ok() ? view.names.path_of(*record) : record.error();
    if (!path.ok()) {
        return true;  // it was removed meanwhile
    }
    if (record->kind == store::InodeKind::directory) {
        cursor_.begin_at(inode, *path);
    } else if (record->kind == store::InodeKind::file && record->content.size > 0) {
        found_.push_back({*path, *record});
    }
    return true;
}

std::optional<TreeCursor::File> Prefetcher::next_file() {
    if (found_.empty() && !cursor_.at_end()) {
        const TreeView view = parts_.tree.view();
        for (TreeCursor::File& file : cursor_.next(view.names, kRowsEachLook)) {
            found_.push_back(std::move(file));
        }
    }
    if (found_.empty()) {
        return std::nullopt;
    }
    TreeCursor::File file = std::move(found_.front());
    found_.pop_front();
    return file;
}

std::uint64_t Prefetcher::room_left() const {
    const Room room = parts_.room();
    const std::uint64_t floor = parts_.limits.min_free.of(room.total_bytes);
    const std::uint64_t free = room.total_bytes == 0
                                   ? budget_  // it cannot be told
                                   : room.free_bytes - std::min(room.free_bytes, floor);
    return std::min(budget_, free);
}

void Prefetcher::take(const TreeCursor::File& file) {
    swarm::FillRequest request;
    request.content = file.record.content;
    request.order = swarm::FillOrder::sequential;
    if (file.record.dot) {
        request.likely = file.record.dot->author.node;
    }
    const auto stored = parts_.contents.open(request.content);
    if (!stored.ok() || (*stored)->complete()) {
        return;
    }
    const std::uint64_t missing = request.content.size - (*stored)->stored_bytes();
    const std::uint64_t room = room_left();
    if (missing <= room) {
        budget_ -= missing;
        fetch(request, missing);
        return;
    }
    log_info("node", "the cache has no room for more than the beginning of \"" + file.path +
                         "\", which is fetched ahead, and for nothing after it");
    found_.clear();
    cursor_ = TreeCursor();
    const std::uint64_t chunks = room / kChunkBytes;
    if (chunks > 0) {
        request.chunks = swarm::ChunkRange{ChunkIndex(), chunks};
        fetch(request, chunks * kChunkBytes);
    }
}

void Prefetcher::fetch(const swarm::FillRequest& request, std::uint64_t bytes) {
    const std::uint64_t number = next_fill_++;
    fills_[number] = {0, bytes, parts_.clock.now()};
    const swarm::FillId id = parts_.swarm.fill(
        request, [weak = weak_from_this(), number](const swarm::FillProgress& progress) {
            const auto self = weak.lock();
            if (self && !self->stopped_) {
                self->moved(number, progress);
            }
        });
    if (const auto fill = fills_.find(number); fill != fills_.end()) {
        fill->second.id = id;
    }
}

void Prefetcher::moved(std::uint64_t number, const swarm::FillProgress& progress) {
    const auto found = fills_.find(number);
    if (found == fills_.end()) {
        return;
    }
    const std::uint64_t left = progress.total_bytes - progress.stored_bytes;
    if (left != found->second.left_bytes) {
        found->second = {found->second.id, left, parts_.clock.now()};
    }
    if (progress.complete || progress.error) {
        fills_.erase(found);
        timer_.wake(kLookEvery, weak_from_this(), &Prefetcher::tick);
    }
}

void Prefetcher::end_stalled() {
    const TimePoint now = parts_.clock.now();
    std::erase_if(fills_, [&](const auto& fill) {
        const bool stalled = now - fill.second.moved_at >= kStallMax;
        if (stalled) {
            parts_.swarm.cancel_fill(fill.second.id);
        }
        return stalled;
    });
}

}  // namespace swarmfs::node
