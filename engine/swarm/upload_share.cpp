#include "engine/swarm/upload_share.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/assert.hpp"

namespace swarmfs::swarm {

namespace {

constexpr double kRateWindow = 1.0;  // seconds of sending over which a rate is forgotten

}  // namespace

UploadShare::Key UploadShare::join(TimePoint now) {
    const Key key{next_++};
    sessions_[key].sent_at = now;
    return key;
}

void UploadShare::leave(Key key, TimePoint now) {
    const auto found = sessions_.find(key);
    waits(key, 0, now);
    std::erase(line_, key);
    sessions_.erase(found);
}

std::uint64_t UploadShare::queue_bytes() const {
    if (measured_seconds_ < kMeasuredAfterSeconds) {
        return kChunkBytes + sent_;
    }
    const double rate = measured_bytes_ / measured_seconds_;
    return std::max(kQueueMin, static_cast<std::uint64_t>(rate * kQueueSeconds));
}

std::uint64_t UploadShare::admit(Key key, std::uint64_t bytes, TimePoint now) {
    measure(now);
    find_stalled(now);
    Session& session = sessions_.at(key);
    const bool told = std::exchange(session.told, false);
    if (told) {
        std::erase_if(told_, [key](const auto& one) { return one.second == key; });
    }
    if (session.stalled) {
        return 0;
    }
    const std::size_t own = session.waiting > 0 ? 1 : 0;
    std::uint64_t allowed = 0;
    const bool first = line_.empty() || line_.front() == key;  // else others came before
    if (first && with_waiting_ == own) {
        allowed = bytes;  // rule 5
    } else if (told || first) {
        const std::uint64_t most = queue_bytes();
        if (told || waiting_ + kept(now) < most) {
            allowed = most < kChunkBytes ? std::min(bytes, most) : bytes;
        }
    }
    if (allowed < bytes && !session.in_line) {
        session.in_line = true;
        line_.push_back(key);
    } else if (allowed == bytes && session.in_line) {
        session.in_line = false;
        std::erase(line_, key);
    }
    return allowed;
}

void UploadShare::waits(Key key, std::uint64_t bytes, TimePoint now) {
    measure(now);
    put(sessions_.at(key), bytes, now);
}

void UploadShare::sent(Key key, std::uint64_t bytes, TimePoint now) {
    measure(now);
    Session& session = sessions_.at(key);
    SWARM_ASSERT(bytes <= session.waiting);
    sent_ += bytes;
    measured_bytes_ += static_cast<double>(bytes);
    if (std::exchange(session.stalled, false)) {
        waiting_ += session.waiting;
        ++with_waiting_;
    }
    session.sent_at = now;
    put(session, session.waiting - bytes, now);
}

void UploadShare::put(Session& session, std::uint64_t bytes, TimePoint now) {
    if (session.waiting == 0 && bytes > 0) {
        session.sent_at = now;
        ++with_waiting_;
    }
    if (!session.stalled) {
        waiting_ += bytes;
        waiting_ -= session.waiting;
        with_waiting_ -= session.waiting > 0 && bytes == 0 ? 1U : 0U;
        if (waiting_ == 0 && session.waiting > 0) {
            told_.clear();  // rule 6
        }
    }
    session.waiting = bytes;
    session.stalled = session.stalled && bytes > 0;
}

std::vector<UploadShare::Key> UploadShare::ready(TimePoint now) {
    std::vector<Key> may;
    if (line_.empty()) {
        return may;
    }
    const std::uint64_t most = queue_bytes();
    std::uint64_t spoken_for = waiting_ + kept(now);
    while (!line_.empty() && spoken_for < most) {
        const Key key = line_.front();
        line_.pop_front();
        Session& session = sessions_.at(key);
        session.in_line = false;
        session.told = true;
        told_.emplace_back(now, key);
        spoken_for += std::min(most, kChunkBytes);
        may.push_back(key);
    }
    return may;
}

// Rule 6: what is kept for those who were told and have not come.
std::uint64_t UploadShare::kept(TimePoint now) {
    std::erase_if(told_, [&](const auto& one) {
        return now - one.first >= kKeptFor || !sessions_.contains(one.second);
    });
    return told_.size() * std::min(queue_bytes(), kChunkBytes);
}

void UploadShare::measure(TimePoint now) {
    if (waiting_ > 0) {
        const double passed = std::chrono::duration<double>(now - measured_at_).count();
        const double decay = std::exp(-passed / kRateWindow);
        measured_bytes_ *= decay;
        measured_seconds_ = measured_seconds_ * decay + passed;
    }
    measured_at_ = now;
}

// Rule 7.
void UploadShare::find_stalled(TimePoint now) {
    if (now - looked_at_ < kStalledAfter / 4) {
        return;
    }
    looked_at_ = now;
    for (auto& [key, session] : sessions_) {
        if (session.waiting > 0 && !session.stalled && now - session.sent_at >= kStalledAfter) {
            session.stalled = true;
            waiting_ -= session.waiting;
            --with_waiting_;
        }
    }
}

}  // namespace swarmfs::swarm
