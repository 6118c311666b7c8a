#include "engine/transport/tcp_link.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace swarmfs::transport {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// As many as Asio hands to one writev.
constexpr std::size_t kBuffersAtOnce = 64;
// Chosen by us: from here on it matters how far apart the packets leave.
constexpr std::size_t kMuch = 4096;

// What is still to be written of a caller's buffers.
class Remaining {
public:
    explicit Remaining(std::span<const ByteSpan> buffers) : buffers_(buffers) { skip_empty(); }

    bool empty() const { return buffers_.empty(); }

    // Fills `views` from the front. Returns: how many.
    std::size_t view(std::span<asio::const_buffer> views) const {
        const std::size_t count = std::min(views.size(), buffers_.size());
        for (std::size_t i = 0; i < count; ++i) {
            const ByteSpan bytes = buffers_[i].subspan(i == 0 ? offset_ : 0);
            views[i] = asio::const_buffer(bytes.data(), bytes.size());
        }
        return count;
    }

    void consume(std::size_t bytes) {
        while (bytes > 0) {
            const std::size_t taken = std::min(bytes, buffers_.front().size() - offset_);
            bytes -= taken;
            offset_ += taken;
            skip_empty();
        }
    }

private:
    void skip_empty() {
        while (!buffers_.empty() && offset_ == buffers_.front().size()) {
            buffers_ = buffers_.subspan(1);
            offset_ = 0;
        }
    }

    std::span<const ByteSpan> buffers_;
    std::size_t offset_ = 0;  // within the first
};

std::size_t size_of(std::span<const ByteSpan> buffers) {
    std::size_t size = 0;
    for (const ByteSpan& buffer : buffers) {
        size += buffer.size();
    }
    return size;
}

// The views that Asio sees, without an allocation.
struct Views {
    using value_type = asio::const_buffer;
    using const_iterator = const asio::const_buffer*;
    const asio::const_buffer* first;
    std::size_t count;
    const_iterator begin() const { return first; }
    const_iterator end() const { return first + count; }
};

}  // namespace

Error socket_error(const error_code& code, const std::string& what) {
    const std::string text = what + ": " + code.message();
    if (code == asio::error::operation_aborted || code == asio::error::bad_descriptor) {
        return network_error(Code::cancelled, what + ": closed here");
    }
    if (code == asio::error::timed_out) {
        return network_error(Code::timed_out, text);
    }
    if (code == asio::error::no_descriptors || code == asio::error::no_buffer_space ||
        code == asio::error::no_memory) {
        return network_error(Code::try_again, text);
    }
    return network_error(Code::unavailable, text);
}

Address address_of(const asio::ip::tcp::endpoint& endpoint) {
    const asio::ip::address ip = endpoint.address();
    if (ip.is_v6() && ip.to_v6().is_v4_mapped()) {
        const auto v4 = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
        return {v4.to_string(), endpoint.port()};
    }
    return {ip.to_string(), endpoint.port()};
}

TcpLink::TcpLink(asio::ip::tcp::socket socket, Address remote)
    : socket_(std::move(socket)),
      remote_(std::move(remote)),
      pacing_(fit_to_path(socket_.native_handle())) {}

async::Task<Result<std::size_t>> TcpLink::read_some(MutableByteSpan into) {
    if (ended_) {
        co_return std::size_t{0};  // Asio 1.81 would wait for ever for what follows the end
    }
    const auto [error, length] = co_await socket_.async_read_some(
        asio::buffer(into.data(), into.size()), asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) {
        ended_ = true;
        co_return std::size_t{0};
    }
    if (error) {
        co_await async::leave_if_cancelled();
        co_return socket_error(error, "reading from " + to_text(remote_));
    }
    pass_.note_heard();
    co_return length;
}

async::Task<Result<>> TcpLink::write(std::span<const ByteSpan> buffers) {
    if (pacing_ == Pacing::bbr && size_of(buffers) >= kMuch) {
        hasten(socket_.native_handle());
    }
    Remaining remaining(buffers);
    std::array<asio::const_buffer, kBuffersAtOnce> views;
    while (!remaining.empty()) {
        const Views some{views.data(), remaining.view(views)};
        const auto [error, length] =
            co_await socket_.async_write_some(some, asio::as_tuple(asio::use_awaitable));
        if (error) {
            co_await async::leave_if_cancelled();
            co_return socket_error(error, "writing to " + to_text(remote_));
        }
        remaining.consume(length);
    }
    co_return done();
}

void TcpLink::shut_down() {
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void TcpLink::close() {
    ended_ = false;
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace swarmfs::transport
