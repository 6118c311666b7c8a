#include "engine/transport/address.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <optional>

#include "engine/core/log.hpp"
#include "engine/protocol/peer_messages.hpp"

namespace swarmfs::transport {

namespace ip = boost::asio::ip;

namespace {

constexpr std::size_t kNameBytesMax = 253;  // RFC 1035
constexpr std::size_t kLabelBytesMax = 63;

Error not_an_address(std::string_view text, const char* why) {
    return caller_error(Code::invalid,
                        "\"" + printable(text.substr(0, protocol::kAddressBytesMax)) +
                            "\" is not an address: " + why + "; write host:port or [ipv6]:port");
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
}

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= kLabelBytesMax &&
           std::all_of(label.begin(), label.end(), is_name_character) && label.front() != '-' &&
           label.back() != '-';
}

bool is_name(std::string_view name) {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    if (name.empty() || name.size() > kNameBytesMax) {
        return false;
    }
    while (true) {
        const std::size_t dot = name.find('.');
        const std::string_view label = name.substr(0, dot);
        if (!is_label(label)) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return !is_digit(label.front());  // rule 2
        }
        name.remove_prefix(dot + 1);
    }
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool padded = text.size() > 1 && text.front() == '0';
    if (error != std::errc() || end != text.data() + text.size() || padded) {
        return std::nullopt;
    }
    return port;
}

std::optional<ip::address> parse_ip(const std::string& host) {
    boost::system::error_code error;
    const ip::address address = ip::make_address(host, error);
    if (error) {
        return std::nullopt;
    }
    return address;
}

// The text of an IP address, IPv4 inside IPv6 as IPv4.
std::string canonical(const ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return ip::make_address_v4(ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

std::optional<ip::address_v4> v4_at(const ip::address_v6::bytes_type& bytes, std::size_t at) {
    return ip::address_v4({bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]});
}

// Rule 8. Returns: nothing for an IPv6 address that is only that.
std::optional<ip::address_v4> hidden_v4(const ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    const auto zero_until = [&](std::size_t end, std::size_t begin = 0) {
        return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                           bytes.begin() + static_cast<std::ptrdiff_t>(end),
                           [](std::uint8_t b) { return b == 0; });
    };
    if (zero_until(10) && bytes[10] == 0xFF && bytes[11] == 0xFF) {
        return v4_at(bytes, 12);  // ::ffff:a.b.c.d, mapped
    }
    if (zero_until(12) && !address.is_unspecified() && !address.is_loopback()) {
        return v4_at(bytes, 12);  // ::a.b.c.d, compatible (RFC 4291)
    }
    if (bytes[0] == 0x20 && bytes[1] == 0x02) {
        return v4_at(bytes, 2);  // 2002:a.b.c.d::, 6to4 (RFC 3056)
    }
    if (bytes[0] == 0x00 && bytes[1] == 0x64 && bytes[2] == 0xFF && bytes[3] == 0x9B &&
        zero_until(12, 4)) {
        return v4_at(bytes, 12);  // 64:ff9b::a.b.c.d, NAT64 (RFC 6052)
    }
    return std::nullopt;
}

enum class Reach { nowhere, loopback, link, network };

Reach reach_of(const ip::address_v4& address) {
    const std::uint32_t number = address.to_uint();
    const std::uint32_t first = number >> 24;
    if (first == 0 || first >= 224) {  // "this network", multicast, reserved, broadcast
        return Reach::nowhere;
    }
    if (first == 127) {
        return Reach::loopback;
    }
    return number >> 16 == 0xA9FE ? Reach::link : Reach::network;  // 169.254/16
}

Reach reach_of(const ip::address& address) {
    if (address.is_v4()) {
        return reach_of(address.to_v4());
    }
    const ip::address_v6 v6 = address.to_v6();
    if (const auto hidden = hidden_v4(v6)) {
        return reach_of(*hidden);
    }
    if (v6.is_unspecified() || v6.is_multicast()) {
        return Reach::nowhere;
    }
    if (v6.is_loopback()) {
        return Reach::loopback;
    }
    return v6.is_link_local() ? Reach::link : Reach::network;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (text.size() > kNameBytesMax + 6) {
        return not_an_address(text, "it is too long");
    }
    if (text.find('\0') != std::string_view::npos) {
        return not_an_address(text, "it has a zero byte");  // libraries would stop reading there
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return not_an_address(text, "it has no port");
    }
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) {
        return not_an_address(text, "the port is not a number from 0 to 65535");
    }
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        const auto address = parse_ip(std::string(host));
        if (!address || !address->is_v6()) {
            return not_an_address(text, "what is in brackets is not an IPv6 address");
        }
        if (address->to_v6().scope_id() != 0 && !address->to_v6().is_link_local()) {
            return not_an_address(text, "only a link-local address has a zone");
        }
        return Address{canonical(*address), *port};
    }
    if (host.find(':') != std::string_view::npos) {
        return not_an_address(text, "an IPv6 address needs brackets");
    }
    if (const auto address = parse_ip(std::string(host))) {
        return Address{canonical(*address), *port};
    }
    if (!is_name(host)) {
        return not_an_address(text, "the host is neither a name nor an IP address");
    }
    Address named{std::string(host), *port};
    std::transform(named.host.begin(), named.host.end(), named.host.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return named;
}

std::string to_text(const Address& address) {
    const bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_ip(const Address& address) {
    return parse_ip(address.host).has_value();
}

bool is_loopback(const Address& address) {
    const auto parsed = parse_ip(address.host);
    return parsed && reach_of(*parsed) == Reach::loopback;
}

bool may_dial(const Address& address, AddressSource source, TellerPlace teller) {
    if (address.port == 0) {
        return false;
    }
    if (source == AddressSource::configured) {
        return true;
    }
    const auto parsed = parse_ip(address.host);
    if (!parsed || address.port <= kServicePortMax) {
        return false;
    }
    switch (reach_of(*parsed)) {
        case Reach::nowhere: return false;
        case Reach::loopback:
            return source == AddressSource::lan || teller == TellerPlace::on_loopback;
        case Reach::link: return source == AddressSource::lan;
        case Reach::network: return true;
    }
    return false;
}

std::string host_key(const Address& address) {
    const auto parsed = parse_ip(address.host);
    if (!parsed || parsed->is_v4()) {
        return address.host;
    }
    auto bytes = parsed->to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace swarmfs::transport
