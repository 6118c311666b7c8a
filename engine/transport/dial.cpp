#include "engine/transport/dial.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "engine/async/deadline.hpp"
#include "engine/transport/socket_options.hpp"
#include "engine/transport/tcp_link.hpp"

namespace swarmfs::transport {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

using Dialled = Result<std::unique_ptr<Link>>;

// A name that stands for more addresses than this is no peer's.
constexpr std::size_t kEndpointsMax = 8;

async::Task<Dialled> connect(tcp::endpoint endpoint, std::string what) {
    const async::Executor executor = co_await asio::this_coro::executor;
    tcp::socket socket(executor);
    error_code error;
    socket.open(endpoint.protocol(), error);
    if (error) {
        co_return socket_error(error, what);
    }
    prepare_socket(socket.native_handle());
    const auto [failure] =
        co_await socket.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    if (failure) {
        co_await async::leave_if_cancelled();
        co_return socket_error(failure, what);
    }
    // A dial of a free port of this host can meet itself (RFC 793, simultaneous open).
    if (socket.local_endpoint(error) == endpoint) {
        co_return network_error(Code::unavailable, what + ": nobody listens there");
    }
    std::unique_ptr<Link> link = std::make_unique<TcpLink>(std::move(socket), address_of(endpoint));
    co_return std::move(link);
}

async::Task<Result<std::vector<tcp::endpoint>>> resolve(Address address) {
    std::vector<tcp::endpoint> endpoints;
    error_code error;
    const auto ip = asio::ip::make_address(address.host, error);
    if (!error) {
        endpoints.emplace_back(ip, address.port);
        co_return endpoints;
    }
    const async::Executor executor = co_await asio::this_coro::executor;
    tcp::resolver resolver(executor);
    const auto [failure, found] = co_await resolver.async_resolve(
        address.host, std::to_string(address.port), asio::as_tuple(asio::use_awaitable));
    if (failure) {
        co_await async::leave_if_cancelled();
        co_return network_error(Code::unavailable,
                                "looking up " + address.host + ": " + failure.message());
    }
    for (const auto& entry : found) {
        if (endpoints.size() < kEndpointsMax) {
            endpoints.push_back(entry.endpoint());
        }
    }
    co_return endpoints;
}

async::Task<Dialled> dial_each(Address address, Duration limit) {
    const std::string what = "dialling " + to_text(address);
    Result<std::vector<tcp::endpoint>> endpoints = co_await resolve(address);
    if (!endpoints.ok()) {
        co_return endpoints.error();
    }
    Error last = network_error(Code::unavailable, what + ": the name stands for no address");
    const auto share = limit / static_cast<int>(std::max<std::size_t>(1, endpoints->size()));
    for (const tcp::endpoint& endpoint : *endpoints) {
        Dialled dialled = co_await async::with_deadline(share, what, connect(endpoint, what));
        if (dialled.ok()) {
            co_return std::move(dialled);
        }
        last = dialled.error();
    }
    co_return last;
}

}  // namespace

async::Task<Dialled> dial(Address address, Duration limit) {
    const Duration bounded = std::min(limit, kDialLimitMax);
    const std::string what = "dialling " + to_text(address);
    Dialled dialled =
        co_await async::with_deadline(bounded, what, dial_each(std::move(address), bounded));
    co_return std::move(dialled);
}

}  // namespace swarmfs::transport
