#include "engine/http/stream.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "engine/async/deadline.hpp"
#include "engine/async/event.hpp"
#include "engine/http/socket_options.hpp"

namespace swarmfs::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// More addresses than a sane name has; the rest would only eat the deadline.
constexpr std::size_t kAddressesMax = 8;

// Nobody closes a stream under its own feet, so an aborted wait is the order to leave.
void leave_if_cancelled(const error_code& failed) {
    if (failed == asio::error::operation_aborted) {
        async::throw_cancellation();
    }
}

template <class Socket>
class StreamOver final : public Stream {
public:
    template <class... Arguments>
    explicit StreamOver(Arguments&&... arguments) : socket(std::forward<Arguments>(arguments)...) {}

    async::Task<std::size_t> read_some(asio::mutable_buffer into, error_code* failed) override {
        const std::size_t size = co_await socket.async_read_some(
            into, asio::redirect_error(asio::use_awaitable, *failed));
        leave_if_cancelled(*failed);
        co_return size;
    }
    async::Task<std::size_t> write_some(asio::const_buffer bytes, error_code* failed) override {
        const std::size_t size = co_await socket.async_write_some(
            bytes, asio::redirect_error(asio::use_awaitable, *failed));
        leave_if_cancelled(*failed);
        co_return size;
    }

    Socket socket;
};
using PlainStream = StreamOver<tcp::socket>;
using TlsStream = StreamOver<asio::ssl::stream<tcp::socket>>;

// A name lookup cannot be called off: it blocks in the C library, on a thread of Asio's. So it has
// a life of its own, and whoever asked waits beside it.
struct Lookup {
    explicit Lookup(const async::Executor& executor) : resolver(executor) {}
    tcp::resolver resolver;
    error_code failed;
    std::vector<tcp::endpoint> endpoints;
    async::Event done;
};

Error unreachable(const Url& url, const std::string& why) {
    return network_error(Code::unavailable, url.origin() + " cannot be reached: " + why);
}

async::Task<Result<std::vector<tcp::endpoint>>> resolve(Url url) {
    error_code not_numeric;
    const asio::ip::address address = asio::ip::make_address(url.host, not_numeric);
    if (!not_numeric) {
        co_return std::vector<tcp::endpoint>{tcp::endpoint(address, url.port)};
    }
    const async::Executor executor = co_await asio::this_coro::executor;
    auto lookup = std::make_shared<Lookup>(executor);
    lookup->resolver.async_resolve(
        url.host, std::to_string(url.port), tcp::resolver::numeric_service,
        [lookup](const error_code& failed, const tcp::resolver::results_type& results) {
            lookup->failed = failed;
            for (const auto& result : results) {
                if (lookup->endpoints.size() < kAddressesMax) {
                    lookup->endpoints.push_back(result.endpoint());
                }
            }
            lookup->done.set();
        });
    (void)co_await lookup->done.wait();
    if (lookup->failed || lookup->endpoints.empty()) {
        co_return unreachable(url, "its name is not known (" + lookup->failed.message() + ")");
    }
    co_return std::move(lookup->endpoints);
}

async::Task<> connect(tcp::socket* socket, tcp::endpoint endpoint, error_code* failed) {
    co_await socket->async_connect(endpoint, asio::redirect_error(asio::use_awaitable, *failed));
    leave_if_cancelled(*failed);
}

bool is_loopback(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
    }
    return address.is_loopback();
}

async::Task<Result<tcp::socket>> connect_any(Url url, Duration attempt_max) {
    const async::Executor executor = co_await asio::this_coro::executor;
    Result<std::vector<tcp::endpoint>> endpoints = co_await resolve(url);
    if (!endpoints.ok()) {
        co_return endpoints.error();
    }
    error_code failed;
    for (std::size_t i = 0; i < endpoints->size(); ++i) {
        tcp::socket socket(executor);
        failed = asio::error::timed_out;
        if (i + 1 < endpoints->size()) {
            (void)co_await async::run_within(attempt_max,
                                             connect(&socket, (*endpoints)[i], &failed));
        } else {
            co_await connect(&socket, (*endpoints)[i], &failed);
        }
        if (!failed) {
            prepare(socket);
            co_return std::move(socket);
        }
    }
    co_return unreachable(url, failed.message());
}

}  // namespace

async::Task<Result<std::unique_ptr<Stream>>> open_stream(Url url, asio::ssl::context* tls,
                                                         Duration attempt_max) {
    Result<tcp::socket> socket = co_await connect_any(url, attempt_max);
    if (!socket.ok()) {
        co_return socket.error();
    }
    error_code failed;
    const bool loopback = is_loopback(socket->remote_endpoint(failed).address());
    if (!url.secure) {
        auto plain = std::make_unique<PlainStream>(std::move(*socket));
        plain->loopback = loopback;
        co_return std::unique_ptr<Stream>(std::move(plain));
    }
    auto secure = std::make_unique<TlsStream>(std::move(*socket), *tls);
    secure->loopback = loopback;
    secure->socket.set_verify_mode(asio::ssl::verify_peer, failed);
    secure->socket.set_verify_callback(asio::ssl::host_name_verification(url.host), failed);
    // Addresses are not sent as server names (RFC 6066, section 3).
    error_code not_numeric;
    (void)asio::ip::make_address(url.host, not_numeric);
    if (not_numeric &&
        SSL_set_tlsext_host_name(secure->socket.native_handle(), url.host.c_str()) != 1) {
        co_return unreachable(url, "its name cannot be asked for under TLS");
    }
    co_await secure->socket.async_handshake(asio::ssl::stream_base::client,
                                            asio::redirect_error(asio::use_awaitable, failed));
    leave_if_cancelled(failed);
    if (failed) {
        co_return unreachable(url, "no trusted TLS connection (" + failed.message() + ")");
    }
    co_return std::unique_ptr<Stream>(std::move(secure));
}

}  // namespace swarmfs::http
