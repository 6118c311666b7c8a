#pragma once
// ChunkPicker's rules as a definition: which picks are legal, by looking at everything. Its twin in
// tests and in picker_fuzz.

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "engine/swarm/chunk_picker.hpp"

namespace swarmfs::test {

class NaivePicker {
public:
    NaivePicker(std::uint64_t chunks, swarm::FillOrder order)
        : order_(order), taken_(chunks), availability_(chunks) {}

    void gained(std::uint64_t chunk) { ++availability_[chunk]; }
    void lost(std::uint64_t chunk) { --availability_[chunk]; }
    void take(std::uint64_t chunk) {
        taken_[chunk] = true;
        returned_.erase(chunk);
    }
    void put_back(std::uint64_t chunk, swarm::ChunkPicker::Begun begun) {
        if (taken_[chunk]) {
            taken_[chunk] = false;
            if (begun == swarm::ChunkPicker::Begun::yes) {
                returned_.insert(chunk);
            }
        }
    }
    void note_stored() { ++stored_; }
    void set_order(swarm::FillOrder order) { order_ = order; }
    std::uint64_t wanted() const {
        return static_cast<std::uint64_t>(std::count(taken_.begin(), taken_.end(), false));
    }

    // Whether the rules allow this pick of a peer that holds `held` and suggests `suggested`.
    bool legal(const std::optional<ChunkIndex>& pick, const swarm::Holdings& held,
               const std::optional<ChunkIndex>& suggested = std::nullopt) const {
        std::vector<std::uint64_t> eligible;
        for (std::uint64_t chunk = 0; chunk < taken_.size(); ++chunk) {
            if (!taken_[chunk] && held.has(ChunkIndex(chunk))) {
                eligible.push_back(chunk);
            }
        }
        if (eligible.empty() || !pick) {
            return eligible.empty() && !pick;
        }
        if (std::find(eligible.begin(), eligible.end(), pick->value) == eligible.end()) {
            return false;
        }
        for (const std::uint64_t chunk : returned_) {
            if (held.has(ChunkIndex(chunk))) {
                return pick->value == chunk;
            }
        }
        if (order_ == swarm::FillOrder::sequential) {
            return pick->value == eligible.front();
        }
        if (suggested && availability_[suggested->value] == 0 &&
            std::find(eligible.begin(), eligible.end(), suggested->value) != eligible.end()) {
            return pick == suggested;
        }
        const auto rarity = [this](std::uint64_t a, std::uint64_t b) {
            return availability_[a] < availability_[b];
        };
        return stored_ < 4 ||
               availability_[pick->value] ==
                   availability_[*std::min_element(eligible.begin(), eligible.end(), rarity)];
    }

private:
    swarm::FillOrder order_;
    std::vector<bool> taken_;
    std::vector<int> availability_;
    std::set<std::uint64_t> returned_;
    int stored_ = 0;
};

}  // namespace swarmfs::test
