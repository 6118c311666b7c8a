#include "engine/node/pin_keeper.hpp"

#include <algorithm>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "engine/core/log.hpp"
#include "engine/node/named_contents.hpp"

namespace swarmfs::node {
namespace {

constexpr auto kTickEvery = std::chrono::milliseconds(100);
constexpr std::size_t kRowsEachTick = 1024;
constexpr std::size_t kFilesEachTick = 256;
// Changes that follow one another are looked at together.
constexpr auto kNewsAfter = std::chrono::milliseconds(300);
// A round over a large tree takes its time, and another one as long again.
constexpr int kRestAfterRound = 5;

}  // namespace

void PinKeeper::start() {
    listener_ = parts_.tree.add_listener([this](const std::vector<store::NameChange>& changes) {
        if (parts_.pins.any(parts_.id) && concerns_names(changes)) {
            look();
        }
    });
    round_at_ = parts_.clock.now();
    wake(kTickEvery);
}

void PinKeeper::stop() {
    if (std::exchange(stopped_, true)) {
        return;
    }
    parts_.tree.remove_listener(listener_);
    timer_.stop();
    for (const auto& [number, fill] : fills_) {
        parts_.swarm.cancel_fill(fill.id);
    }
    fills_.clear();
    held_.clear();
    seen_.clear();
}

void PinKeeper::look() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(news_, true)) {
            return;
        }
    }
    boost::asio::post(parts_.engine, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->wake(kNewsAfter);
        }
    });
}

PinReport PinKeeper::report() const {
    const std::lock_guard lock(mutex_);
    return counted_;
}

// ---- one step ----

void PinKeeper::wake(Duration after) {
    timer_.wake(after, weak_from_this(), &PinKeeper::tick);
}

void PinKeeper::tick() {
    const TimePoint now = parts_.clock.now();
    end_stalled();
    bool news = false;
    {
        const std::lock_guard lock(mutex_);
        news = news_;
    }
    if (!in_round_ && (news || now >= round_at_)) {
        begin_round();
    }
    if (in_round_) {
        go_on();
    }
    if (in_round_ || !fills_.empty()) {
        wake(kTickEvery);
    }
    if (parts_.pins.any(parts_.id)) {
        wake(std::max<Duration>(round_at_ - now, kTickEvery));
    }
}

void PinKeeper::begin_round() {
    {
        const std::lock_guard lock(mutex_);
        news_ = false;
    }
    in_round_ = true;
    began_at_ = parts_.clock.now();
    counting_ = {};
    found_.clear();
    seen_.clear();
    cursor_.restart();
}

void PinKeeper::go_on() {
    if (!parts_.pins.any(parts_.id)) {
        end_round();
        return;
    }
    const TreeView view = parts_.tree.view();
    if (found_.empty() && !cursor_.at_end()) {
        for (TreeCursor::File& file : cursor_.next(view.names, kRowsEachTick)) {
            if (parts_.pins.covering(parts_.id, file.path)) {
                found_.push_back(std::move(file));
            }
        }
    }
    for (std::size_t i = 0; i < kFilesEachTick && !found_.empty(); ++i) {
        if (fills_.size() >= kFillsMax) {
            return;  // until one has ended, or does not move
        }
        const TreeCursor::File file = std::move(found_.front());
        found_.pop_front();
        take(file);
    }
    if (found_.empty() && cursor_.at_end()) {
        end_round();
    }
}

void PinKeeper::end_round() {
    held_ = std::move(seen_);
    seen_.clear();
    in_round_ = false;
    const TimePoint now = parts_.clock.now();
    round_at_ = now + (counting_.missing_bytes > 0 ? kAgainEvery : kRoundEvery);
    round_at_ = std::max(round_at_, now + kRestAfterRound * (now - began_at_));
    const std::lock_guard lock(mutex_);
    counted_ = counting_;
}

// ---- one file ----

void PinKeeper::take(const TreeCursor::File& file) {
    const ContentId& content = file.record.content;
    ++counting_.files;
    counting_.bytes += content.size;
    if (seen_.contains(content)) {
        return;  // the same bytes under another name
    }
    seen_.emplace(content, parts_.contents.hold(content));
    const auto stored = parts_.contents.open(content);
    if (!stored.ok() || (*stored)->complete()) {
        return;
    }
    const std::uint64_t missing = content.size - (*stored)->stored_bytes();
    counting_.missing_bytes += missing;
    const bool runs = std::any_of(fills_.begin(), fills_.end(),
                                  [&](const auto& one) { return one.second.content == content; });
    if (runs) {
        return;
    }
    swarm::FillRequest request;
    request.content = content;
    if (file.record.dot) {
        request.likely = file.record.dot->author.node;
    }
    const std::uint64_t number = next_fill_++;
    fills_[number] = {content, 0, missing, parts_.clock.now()};
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

void PinKeeper::moved(std::uint64_t number, const swarm::FillProgress& progress) {
    const auto found = fills_.find(number);
    if (found == fills_.end()) {
        return;
    }
    Fill& fill = found->second;
    const std::uint64_t left = progress.total_bytes - progress.stored_bytes;
    if (left < fill.left_bytes) {
        fill.moved_at = parts_.clock.now();
    }
    fill.left_bytes = left;
    if (!progress.complete && !progress.error) {
        return;
    }
    fills_.erase(found);
    if (progress.error) {  // the next round tries again: a disk that is full may have room then
        log_warning("node", "what is pinned cannot be kept here: " + progress.error->message);
    } else if (fills_.empty() && !in_round_) {
        look();  // counts what is here now
    }
    wake(kTickEvery);
}

void PinKeeper::end_stalled() {
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
