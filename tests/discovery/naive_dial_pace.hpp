#pragma once
// DialPace's rules, one counter each.

#include <cstdint>

#include "engine/discovery/dial_pace.hpp"

namespace swarmfs::test {

class NaiveDialPace {
public:
    NaiveDialPace(std::size_t wanted, TimePoint now) : wanted_(wanted), exchanged_at_(now) {}

    void hurry() { hurried_ = discovery::DialPace::kMoreAtOnce; }
    // `due`: when the next exchange is said to be.
    std::size_t room(TimePoint now, std::size_t links, TimePoint due) const {
        std::size_t room = hurried_;
        for (std::size_t link = links; link < wanted_; ++link) {
            ++room;
        }
        return now >= due ? room + 1 : room;
    }
    // One after the other: first those that are wanted anyway, then those that somebody waits for.
    void dialled(std::size_t count, TimePoint now, std::size_t links, TimePoint due) {
        for (; count > 0; --count, ++links) {
            if (links >= wanted_ && hurried_ > 0) {
                --hurried_;
            }
        }
        exchanged_at_ = now >= due ? now : exchanged_at_;
    }
    // Whether an exchange may be due then: a minute after the last one, a quarter more or less.
    bool may_be_due(TimePoint due) const {
        const Duration wait = due - exchanged_at_;
        return wait >= std::chrono::seconds(45) && wait <= std::chrono::seconds(75);
    }

private:
    std::size_t wanted_;
    std::size_t hurried_ = 0;
    TimePoint exchanged_at_;
};

}  // namespace swarmfs::test
