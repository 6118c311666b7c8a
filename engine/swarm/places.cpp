#include "engine/swarm/places.hpp"

#include <algorithm>

namespace swarmfs::swarm {

Places::Admission Places::admit(std::span<const Seat> taken, bool dialled_by_us, TimePoint now) {
    if (taken.size() < most_) {
        return {true, std::nullopt};
    }
    if (!dialled_by_us && rotated_at_ && now - *rotated_at_ < kRotateEvery) {
        return {};
    }
    std::vector<Seat> may = idle(taken, dialled_by_us ? Whose::any : Whose::theirs, now);
    const auto gives_way = take_worst(may);
    if (gives_way && !dialled_by_us) {
        rotated_at_ = now;
    }
    return {gives_way.has_value(), gives_way};
}

std::vector<PeerNumber> Places::trim(std::span<const Seat> taken, TimePoint now) {
    std::vector<PeerNumber> leaving;
    std::vector<Seat> may = idle(taken, Whose::ours, now);
    const auto ours = static_cast<std::size_t>(std::count_if(
        taken.begin(), taken.end(), [](const Seat& seat) { return seat.dialled_by_us; }));
    while (leaving.size() + wanted_of(most_) < ours) {
        const auto one = take_worst(may);
        if (!one) {
            break;
        }
        leaving.push_back(*one);
    }
    return leaving;
}

std::vector<Seat> Places::idle(std::span<const Seat> taken, Whose whose, TimePoint now) {
    std::vector<Seat> may;
    for (const Seat& seat : taken) {
        const bool meant = whose == Whose::any || seat.dialled_by_us == (whose == Whose::ours);
        if (meant && !seat.carries && now - seat.since >= kSettled) {
            may.push_back(seat);
        }
    }
    return may;
}

// Rule 4.
std::optional<PeerNumber> Places::take_worst(std::vector<Seat>& idle) {
    if (idle.empty()) {
        return std::nullopt;
    }
    std::size_t worst = dice_.below(idle.size());
    for (std::size_t looked = 1; looked < kLooked; ++looked) {
        const std::size_t other = dice_.below(idle.size());
        worst = idle[other].score < idle[worst].score ? other : worst;
    }
    const PeerNumber peer = idle[worst].peer;
    idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(worst));
    return peer;
}

}  // namespace swarmfs::swarm
