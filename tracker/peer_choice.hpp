#pragma once
// Which peers of many are named to whoever asks. Rules:
//   1. Online before offline; among them, those that proved membership before those that did not.
//   2. Within a rank, a random subset: everyone gets their share of newcomers, and nobody can place
//      himself first.
//   3. Of very many, a random sample is looked at, so that the cost does not grow with fame.
// Pure; the dice are an argument.

#include <functional>
#include <string>
#include <vector>

#include "engine/core/dice.hpp"
#include "tracker/peer_table.hpp"

namespace swarmfs::tracker {

// A sample this large finds the online peers of any swarm that has a few percent of them.
inline constexpr std::size_t kSampleMax = 4096;

// Rule 1: the smaller goes first; below kFirstOfflineRank are those that are online.
unsigned rank_of(const PeerTable& table, PeerSlot slot, TimePoint now);
inline constexpr unsigned kFirstOfflineRank = 2;

// Returns: up to `count` of slots `at(0)` … `at(total - 1)`, without `but` (kNoPeer: nobody is left
// out). Requires: the slots are different.
std::vector<PeerSlot> choose_peers(const PeerTable& table, std::size_t total,
                                   const std::function<PeerSlot(std::size_t)>& at, PeerSlot but,
                                   std::size_t count, TimePoint now, Dice& dice);

// The address most likely to work for someone who comes from `asker`: loopback addresses only for
// those on loopback. Returns: "" when there is none.
std::string address_for(const Peer& peer, std::string_view asker);

// "192.0.2.7:80" or "[2001:db8::7]:80".
std::string with_port(std::string_view address, std::uint16_t port);

// Whether an address, with or without brackets and port, is this machine's own.
bool is_loopback(std::string_view address);

}  // namespace swarmfs::tracker
