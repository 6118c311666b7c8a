#pragma once
// Where a peer can be reached, as text, and whose word is enough to dial it.
//
//   address = host ":" port | "[" ipv6 "]" ":" port        port: decimal, 0 to 65535
//
// Rules for text:
//   1. A parsed address prints in one form only: IPv6 as RFC 5952 has it, IPv4 inside IPv6
//      (::ffff:a.b.c.d) as IPv4, names in lower case. So addresses can be compared.
//   2. A name whose last part is a number is refused: resolvers read "127.1" and "0x7f.1" as IPv4.
//
// Rules for dialling (a peer, tracker or DHT node may name a victim, or this host's own services):
//   3. What the operator configured is dialled, unless it has no port.
//   4. Others may name IP addresses only, never names: a name can be made to resolve to anything.
//   5. Unspecified, multicast, broadcast and reserved addresses, and port 0: never.
//   6. Loopback and link-local: only what LAN discovery itself saw; loopback also on the word of
//      someone who is on loopback: several nodes and a tracker on one machine find one another so.
//   7. Ports below 1024 belong to services and are refused.
//   8. IPv4 hidden in IPv6 (mapped, compatible, 6to4, NAT64) is judged as that IPv4.
// Private networks are allowed: members of one swarm often share one. Pure; any thread.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/result.hpp"

namespace swarmfs::transport {

struct Address {
    std::string host;  // an IP address without brackets, or a name
    std::uint16_t port = 0;

    auto operator<=>(const Address&) const = default;
};

// Fixed by others: services that only root may offer.
inline constexpr std::uint16_t kServicePortMax = 1023;

// Errors: invalid, saying what is wrong with it.
Result<Address> parse_address(std::string_view text);
std::string to_text(const Address& address);

// Whether the host is an IP address and not a name.
bool is_ip(const Address& address);
bool is_loopback(const Address& address);

enum class AddressSource { configured, tracker, peer_exchange, lan, dht };
enum class TellerPlace { elsewhere, on_loopback };

bool may_dial(const Address& address, AddressSource source,
              TellerPlace teller = TellerPlace::elsewhere);

// What counts as one host where hosts are capped: an IPv4 address, or the /64 of an IPv6 address,
// since one host has all of it.
std::string host_key(const Address& address);

}  // namespace swarmfs::transport
