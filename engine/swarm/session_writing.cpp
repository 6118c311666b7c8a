// Session: what it sends, and when.

#include <algorithm>
#include <cstring>

#include "engine/swarm/session.hpp"

namespace swarmfs::swarm {

namespace {

// Chosen by us.
constexpr std::size_t kCatalogBytesAtOnce = 64 * 1024;
constexpr std::size_t kBatchMin = 32 * 1024;
constexpr Duration kBatchLong = std::chrono::milliseconds(10);
constexpr Duration kBatchShort = std::chrono::milliseconds(2);

}  // namespace

async::Task<> Session::write() {
    while (true) {
        build();
        if (records_.empty()) {
            if (!small_.empty() && !goodbye_) {
                continue;  // what could not be served was refused
            }
            if (goodbye_) {
                (void)co_await link_->write_close();
                while (true) {
                    (void)co_await to_write_.wait();  // until the reader or the watchdog ends
                }
            }
            records_.release();
            (void)co_await to_write_.wait(leaves_again_at_);
            continue;
        }
        const std::uint64_t before = link_->bytes_written();
        const TimePoint start = parts_.clock.now();
        auto written = co_await link_->write_records(records_);
        if (!written.ok()) {
            end(std::move(written).error());
            co_return;
        }
        adapt(link_->bytes_written() - before, parts_.clock.now() - start);
        leaf_bytes_sent_.store(serve_.leaf_bytes_produced());
    }
}

void Session::build() {
    build_small();
    if (goodbye_) {
        return;
    }
    build_catalog();
    if (state_ == State::running && !records_.full()) {
        build_leaves();
    }
}

// Rule 8.
void Session::build_leaves() {
    leaves_again_at_ = TimePoint::max();
    if (!up_.limited() || !serve_.has_leaves()) {
        serve_.produce(records_, batch_bytes_, small_);
        return;
    }
    const TimePoint now = parts_.clock.now();
    const auto urgency = serve_.next_urgency() == protocol::Urgency::urgent
                             ? Throttle::Class::urgent
                             : Throttle::Class::rest;
    const auto answer =
        up_.ask(std::min<std::uint64_t>(batch_bytes_, serve_.leaf_bytes_waiting()), urgency, now);
    if (answer.allowed == 0) {
        leaves_again_at_ = answer.again_at;
        return;
    }
    up_.settle(answer.allowed, serve_.produce(records_, answer.allowed, small_), now);
}

// Frames stand one after another; each goes into a record as a whole.
void Session::build_small() {
    std::size_t at = 0;
    while (at < small_.size() && !records_.full()) {
        const std::size_t body = std::size_t{small_[at + 1]} << 8 | small_[at + 2];
        const std::size_t size = protocol::kFrameHeaderBytes + body;
        const MutableByteSpan room = records_.extend(size);
        std::memcpy(room.data(), small_.data() + at, size);
        at += size;
    }
    small_.erase(small_.begin(), small_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Session::build_catalog() {
    std::size_t built = 0;
    while (!catalog_.empty() && built < kCatalogBytesAtOnce && !records_.full()) {
        const Bytes& frame = catalog_.front();
        const MutableByteSpan room = records_.extend(frame.size());
        std::memcpy(room.data(), frame.data(), frame.size());
        built += frame.size();
        catalog_.pop_front();
    }
    if (built > 0) {
        events_.push_back(CatalogSent{built});
        tell_all();
    }
}

// Rule 2: halves the batch where a write takes long, doubles it where it does not.
void Session::adapt(std::size_t bytes, Duration took) {
    if (took > kBatchLong) {
        batch_bytes_ = std::max(kBatchMin, batch_bytes_ / 2);
    } else if (took < kBatchShort && bytes >= batch_bytes_ / 2) {
        batch_bytes_ = std::min(transport::RecordBuilder::kFullBytes, batch_bytes_ * 2);
    }
}

}  // namespace swarmfs::swarm
