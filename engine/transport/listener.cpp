#include "engine/transport/listener.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "engine/async/block_on.hpp"
#include "engine/async/deadline.hpp"
#include "engine/async/task_group.hpp"
#include "engine/core/log.hpp"
#include "engine/transport/socket_options.hpp"
#include "engine/transport/tcp_link.hpp"

namespace swarmfs::transport {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// Long enough not to spin, short enough that nobody's dial runs out meanwhile.
constexpr Duration kPauseWhenShort = std::chrono::milliseconds(100);

}  // namespace

struct Listener::State : std::enable_shared_from_this<Listener::State> {
    State(async::IoThreads& io, const ListenOptions& options, OnLink act)
        : threads(io),
          acceptor(io.context(0)),
          group(io.executor(0)),
          admission(options.half_open_max, options.half_open_per_host_max),
          on_link(std::move(act)) {}

    static async::Task<> accept_for_ever(State* state);
    void hand_over(tcp::socket socket);
    void deliver(std::unique_ptr<Link> link);

    async::IoThreads& threads;
    tcp::acceptor acceptor;
    async::TaskGroup group;
    Admission admission;
    Address address;

    std::shared_mutex delivery;  // shared by calls of on_link; exclusive to close
    bool closed = false;         // guarded by it
    const OnLink on_link;
};

namespace {

Error listen_error(const error_code& code, const Address& address) {
    const std::string where = to_text(address);
    const std::string port = std::to_string(address.port);
    if (code == asio::error::address_in_use) {
        return caller_error(Code::busy, "cannot listen on " + where + ": port " + port +
                                            " is in use by another program; stop it, or choose "
                                            "another with --port N (0 for any free one)");
    }
    if (code == asio::error::access_denied) {
        return caller_error(Code::permission, "cannot listen on " + where +
                                                  ": ports below 1024 need privileges; choose "
                                                  "another with --port N");
    }
    if (code == boost::system::errc::address_not_available) {
        return caller_error(Code::configuration, "cannot listen on " + where +
                                                     ": this machine has no such address; "
                                                     "[::]:" +
                                                     port + " listens on all of them");
    }
    return caller_error(Code::io, "cannot listen on " + where + ": " + code.message());
}

Result<tcp::endpoint> endpoint_to_listen_on(const Address& address) {
    error_code error;
    const auto ip = asio::ip::make_address(address.host, error);
    if (!error) {
        return tcp::endpoint(ip, address.port);
    }
    asio::io_context context;
    tcp::resolver resolver(context);
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
    if (error || found.empty()) {
        return caller_error(Code::configuration,
                            "cannot listen on " + to_text(address) + ": no such host");
    }
    return found.begin()->endpoint();
}

error_code open_acceptor(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
        acceptor.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) {
        // Connections of a former run in their last minutes do not hold the port.
        acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    }
    if (!error) {
        prepare_socket(acceptor.native_handle());
        acceptor.bind(endpoint, error);
    }
    if (!error) {
        acceptor.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
        error_code ignored;
        acceptor.close(ignored);
    }
    return error;
}

bool is_shortage(const error_code& code) {
    return code == asio::error::no_descriptors || code == asio::error::no_memory ||
           code == asio::error::no_buffer_space ||
           code == boost::system::errc::too_many_files_open_in_system;
}

}  // namespace

async::Task<> Listener::State::accept_for_ever(State* state) {
    bool short_of = false;
    while (true) {
        const std::size_t lane = state->threads.next();
        auto [error, socket] = co_await state->acceptor.async_accept(
            state->threads.context(lane), asio::as_tuple(asio::use_awaitable));
        if (!error) {
            short_of = false;
            state->hand_over(std::move(socket));
        } else if (is_shortage(error)) {
            if (!std::exchange(short_of, true)) {
                log_warning("transport", "cannot accept peers for now: " + error.message());
            }
            co_await async::delay(kPauseWhenShort);
        } else {
            co_await async::leave_if_cancelled();
        }
    }
}

void Listener::State::hand_over(tcp::socket socket) {
    error_code gone;
    const tcp::endpoint remote = socket.remote_endpoint(gone);
    if (gone) {
        return;
    }
    const async::Executor executor = socket.get_executor();
    auto link = std::make_unique<TcpLink>(std::move(socket), address_of(remote));
    TcpLink* const raw = link.get();
    // The ticket says, on the link's thread, whether the link is alive and still half-open.
    link->hold(
        admission.enter(host_key(link->remote()), [executor, raw](Admission::Pass::Ticket ticket) {
            asio::post(executor, [raw, ticket = std::move(ticket)] {
                if (ticket.still_inside()) {
                    raw->close();
                }
            });
        }));
    asio::post(executor, [state = shared_from_this(), link = std::move(link)]() mutable {
        state->deliver(std::move(link));
    });
}

void Listener::State::deliver(std::unique_ptr<Link> link) {
    const std::shared_lock lock(delivery);
    if (!closed) {
        on_link(std::move(link));
    }
}

namespace {

async::Task<> close_acceptor(tcp::acceptor* acceptor) {
    error_code ignored;
    acceptor->close(ignored);
    co_return;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(async::IoThreads& threads, ListenOptions options,
                                                 OnLink on_link) {
    auto parsed = parse_address(options.listen);
    if (!parsed.ok()) {
        return caller_error(Code::configuration, parsed.error().message);
    }
    SWARM_TRY(tcp::endpoint endpoint, endpoint_to_listen_on(*parsed));
    auto state = std::make_shared<State>(threads, options, std::move(on_link));
    error_code error = open_acceptor(state->acceptor, endpoint);
    const bool any_v6 = endpoint.address().is_v6() && endpoint.address().is_unspecified();
    if (any_v6 && (error == asio::error::address_family_not_supported ||
                   error == boost::system::errc::address_not_available)) {
        endpoint = tcp::endpoint(asio::ip::address_v4::any(), endpoint.port());
        error = open_acceptor(state->acceptor, endpoint);
    }
    if (error) {
        return listen_error(error, *parsed);
    }
    const tcp::endpoint bound = state->acceptor.local_endpoint(error);
    if (error) {
        return listen_error(error, *parsed);
    }
    state->address = address_of(bound);
    asio::post(state->group.executor(),
               [state] { state->group.spawn(State::accept_for_ever(state.get())); });
    return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}

Listener::~Listener() {
    close();
}

const Address& Listener::address() const {
    return state_->address;
}

void Listener::close() {
    {
        const std::unique_lock lock(state_->delivery);
        if (std::exchange(state_->closed, true)) {
            return;
        }
    }
    state_->group.stop_and_wait();
    async::block_on(state_->group.executor(), close_acceptor(&state_->acceptor));
}

std::size_t Listener::half_open() const {
    return state_->admission.size();
}

std::uint64_t Listener::pushed_out() const {
    return state_->admission.pushed_out();
}

}  // namespace swarmfs::transport
