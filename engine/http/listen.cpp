#include "engine/http/listen.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <charconv>

namespace swarmfs::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

Error bad_listen(const std::string& text) {
    return caller_error(Code::configuration, "cannot listen on \"" + text +
                                                 "\": expected ADDRESS:PORT with a numeric "
                                                 "address, such as [::]:8080 or 127.0.0.1:8080");
}

Error listen_error(const tcp::endpoint& endpoint, const boost::system::error_code& failed) {
    const std::string where = "cannot listen on " + text_of(endpoint) + ": ";
    if (failed == asio::error::address_in_use) {
        const std::string port = std::to_string(endpoint.port());
        return caller_error(Code::busy, where +
                                            "the port is in use by another program; `ss -ltnp "
                                            "'sport = :" +
                                            port +
                                            "'` names it: end that one, or choose another "
                                            "ADDRESS:PORT with --listen");
    }
    if (failed == asio::error::access_denied) {
        return caller_error(Code::permission, where +
                                                  "ports below 1024 are for root; choose "
                                                  "another with --listen");
    }
    if (failed == boost::system::errc::address_not_available) {
        return caller_error(Code::configuration,
                            where +
                                "this machine does not have that address; `ip address` lists "
                                "those it has, and [::] is all of them");
    }
    return caller_error(Code::io, where + failed.message());
}

}  // namespace

Result<tcp::endpoint> parse_listen(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) {
        return bad_listen(text);
    }
    std::string host = text.substr(0, colon);
    if (host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        return bad_listen(text);
    }
    boost::system::error_code failed;
    const asio::ip::address address = asio::ip::make_address(host, failed);
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, bad_number] = std::from_chars(text.data() + colon + 1, end, port);
    if (failed || bad_number != std::errc() || stopped != end) {
        return bad_listen(text);
    }
    return tcp::endpoint(address, port);
}

Result<tcp::acceptor> open_acceptor(asio::io_context& context, tcp::endpoint endpoint) {
    boost::system::error_code failed;
    tcp::acceptor acceptor(context);
    acceptor.open(endpoint.protocol(), failed);
    if (failed == asio::error::address_family_not_supported &&
        endpoint.address().is_unspecified()) {
        endpoint = tcp::endpoint(asio::ip::address_v4::any(), endpoint.port());
        acceptor.open(endpoint.protocol(), failed);
    }
    if (!failed) {
        acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
    }
    if (!failed && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
        acceptor.set_option(asio::ip::v6_only(false), failed);
    }
    if (!failed) {
        acceptor.bind(endpoint, failed);
    }
    if (!failed) {
        acceptor.listen(asio::socket_base::max_listen_connections, failed);
    }
    if (failed) {
        return listen_error(endpoint, failed);
    }
    return acceptor;
}

std::string text_of(const tcp::endpoint& endpoint) {
    const std::string host = endpoint.address().to_string();
    const std::string port = ":" + std::to_string(endpoint.port());
    return endpoint.address().is_v6() ? "[" + host + "]" + port : host + port;
}

std::string address_text(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

}  // namespace swarmfs::http
