#pragma once
// UploadShare's rules, followed word by word over plain lists. Its twin in upload_share_fuzz.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/swarm/upload_share.hpp"

namespace swarmfs::test {

class NaiveUploadShare {
public:
    // Sessions are numbered as they come.
    void join(TimePoint now) { sessions_.emplace_back().since = now; }
    bool gone(std::size_t number) const { return sessions_[number].gone; }
    void leave(std::size_t number, TimePoint now) {
        waits(number, 0, now);
        sessions_[number].gone = true;
        std::erase(line_, number);
        std::erase_if(told_, [&](const Told& one) { return one.number == number; });
    }

    std::uint64_t admit(std::size_t number, std::uint64_t bytes, TimePoint now) {
        pass(now);
        look_for_stalled(now);
        const auto told = std::find_if(told_.begin(), told_.end(),
                                       [&](const Told& one) { return one.number == number; });
        const bool was_told = std::exchange(sessions_[number].told, false);
        if (told != told_.end()) {
            told_.erase(told);
        }
        if (sessions_[number].stalled) {
            return 0;
        }
        const bool others_before = !line_.empty() && line_.front() != number;
        std::uint64_t taken = 0;
        if (!others_before && alone(number)) {
            taken = bytes;
        } else if (was_told || (!others_before && waiting() + kept(now) < most())) {
            taken = most() < kChunkBytes ? std::min(bytes, most()) : bytes;
        }
        const auto stands = std::find(line_.begin(), line_.end(), number);
        if (taken < bytes && stands == line_.end()) {
            line_.push_back(number);
        } else if (taken == bytes && stands != line_.end()) {
            line_.erase(stands);
        }
        return taken;
    }
    void waits(std::size_t number, std::uint64_t bytes, TimePoint now) {
        pass(now);
        set(number, bytes, now);
    }
    void sent(std::size_t number, std::uint64_t bytes, TimePoint now) {
        pass(now);
        all_sent_ += bytes;
        lately_ += static_cast<double>(bytes);
        sessions_[number].stalled = false;
        sessions_[number].since = now;
        set(number, sessions_[number].waiting - bytes, now);
    }
    std::vector<std::size_t> ready(TimePoint now) {
        std::vector<std::size_t> may;
        while (!line_.empty() && waiting() + kept(now) < most()) {
            may.push_back(line_.front());
            told_.push_back({now, line_.front()});
            sessions_[line_.front()].told = true;
            line_.erase(line_.begin());
        }
        return may;
    }

    std::uint64_t waiting() const {
        std::uint64_t sum = 0;
        for (const Session& one : sessions_) {
            sum += one.stalled ? 0 : one.waiting;
        }
        return sum;
    }
    std::uint64_t most() const {
        using Share = swarm::UploadShare;
        if (lately_seconds_ < Share::kMeasuredAfterSeconds) {
            return kChunkBytes + all_sent_;
        }
        return std::max(Share::kQueueMin, static_cast<std::uint64_t>(lately_ / lately_seconds_ *
                                                                     Share::kQueueSeconds));
    }

private:
    struct Session {
        bool gone = false;
        bool stalled = false;
        bool told = false;
        std::uint64_t waiting = 0;
        TimePoint since{};  // sent last, or began to wait
    };
    struct Told {
        TimePoint at;
        std::size_t number;
    };

    // Nobody else has anything waiting that counts.
    bool alone(std::size_t number) const {
        for (std::size_t i = 0; i < sessions_.size(); ++i) {
            if (i != number && !sessions_[i].stalled && sessions_[i].waiting > 0) {
                return false;
            }
        }
        return true;
    }
    std::uint64_t kept(TimePoint now) {
        std::erase_if(
            told_, [&](const Told& one) { return now - one.at >= swarm::UploadShare::kKeptFor; });
        return told_.size() * std::min(most(), kChunkBytes);
    }
    void set(std::size_t number, std::uint64_t bytes, TimePoint now) {
        Session& session = sessions_[number];
        if (session.waiting == 0 && bytes > 0) {
            session.since = now;
        }
        const bool had = session.waiting > 0 && !session.stalled;
        session.waiting = bytes;
        if (bytes == 0) {
            session.stalled = false;
        }
        if (had && waiting() == 0) {
            told_.clear();
        }
    }
    // A rate of the last second: what is older counts ever less, and idle time does not count.
    void pass(TimePoint now) {
        if (waiting() > 0) {
            const double seconds = std::chrono::duration<double>(now - passed_at_).count();
            lately_ *= std::exp(-seconds);
            lately_seconds_ = lately_seconds_ * std::exp(-seconds) + seconds;
        }
        passed_at_ = now;
    }
    void look_for_stalled(TimePoint now) {
        if (now - looked_at_ < swarm::UploadShare::kStalledAfter / 4) {
            return;
        }
        looked_at_ = now;
        for (Session& one : sessions_) {
            if (one.waiting > 0 && now - one.since >= swarm::UploadShare::kStalledAfter) {
                one.stalled = true;
            }
        }
    }

    std::vector<Session> sessions_;
    std::vector<std::size_t> line_;
    std::vector<Told> told_;
    std::uint64_t all_sent_ = 0;
    double lately_ = 0;
    double lately_seconds_ = 0;
    TimePoint passed_at_{};
    TimePoint looked_at_{};
};

}  // namespace swarmfs::test
