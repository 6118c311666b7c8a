#include "tracker/peer_choice.hpp"

#include <algorithm>
#include <unordered_set>

namespace swarmfs::tracker {
namespace {

// Positions to look at: all of few, a random sample of many (Floyd's algorithm).
std::vector<std::size_t> positions(std::size_t total, Dice& dice) {
    std::vector<std::size_t> chosen;
    if (total <= kSampleMax) {
        for (std::size_t i = 0; i < total; ++i) {
            chosen.push_back(i);
        }
        return chosen;
    }
    std::unordered_set<std::size_t> seen;
    for (std::size_t i = total - kSampleMax; i < total; ++i) {
        const std::size_t drawn = dice.below(i + 1);
        chosen.push_back(seen.insert(drawn).second ? drawn : i);
        seen.insert(chosen.back());
    }
    return chosen;
}

}  // namespace

unsigned rank_of(const PeerTable& table, PeerSlot slot, TimePoint now) {
    return (table.online(slot, now) ? 0U : kFirstOfflineRank) + (table.at(slot).proven ? 0U : 1U);
}

std::vector<PeerSlot> choose_peers(const PeerTable& table, std::size_t total,
                                   const std::function<PeerSlot(std::size_t)>& at, PeerSlot but,
                                   std::size_t count, TimePoint now, Dice& dice) {
    std::vector<std::vector<PeerSlot>> ranks(4);
    for (const std::size_t position : positions(total, dice)) {
        const PeerSlot slot = at(position);
        if (slot != but) {
            ranks[rank_of(table, slot, now)].push_back(slot);
        }
    }
    std::vector<PeerSlot> chosen;
    for (std::vector<PeerSlot>& rank : ranks) {
        // The first steps of a Fisher-Yates shuffle.
        for (std::size_t i = 0; i < rank.size() && chosen.size() < count; ++i) {
            std::swap(rank[i], rank[i + dice.below(rank.size() - i)]);
            chosen.push_back(rank[i]);
        }
    }
    return chosen;
}

std::string address_for(const Peer& peer, std::string_view asker) {
    const bool local = is_loopback(asker);
    for (const std::string& address : peer.addresses) {
        if (local || !is_loopback(address)) {
            return address;
        }
    }
    return {};
}

std::string with_port(std::string_view address, std::uint16_t port) {
    std::string text(address);
    if (text.find(':') != std::string::npos) {
        text = "[" + text + "]";
    }
    return text + ":" + std::to_string(port);
}

bool is_loopback(std::string_view address) {
    return address.starts_with("127.") || address == "::1" || address.starts_with("[::1]");
}

}  // namespace swarmfs::tracker
