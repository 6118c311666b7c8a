#pragma once
// Opening the port a server listens on. Inside the room only.

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::http {

// "192.0.2.7:80", "[2001:db8::7]:80", "[::]:8080".
// Errors: configuration.
Result<boost::asio::ip::tcp::endpoint> parse_listen(const std::string& text);

// Where IPv6 is switched off, "[::]" falls back to "0.0.0.0".
// Errors: busy, permission, configuration (no such address here), io.
Result<boost::asio::ip::tcp::acceptor> open_acceptor(boost::asio::io_context& context,
                                                     boost::asio::ip::tcp::endpoint endpoint);

std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint);
// Without port and brackets; IPv4 carried in IPv6 as IPv4.
std::string address_text(const boost::asio::ip::address& address);

}  // namespace swarmfs::http
