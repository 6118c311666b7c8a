#pragma once
// What both ends ask of their sockets. Inside the room only.

#include <netinet/tcp.h>

#include <boost/asio/ip/tcp.hpp>

namespace swarmfs::http {

// What the kernel takes beyond what is on its way. Little, so that a writer sees what the other end
// really takes (pace.hpp), and who takes nothing costs little memory; enough to fill a fast line.
inline constexpr int kUnsentBytesMax = 64 * 1024;

// A socket that does not have an option works without it.
inline void prepare(boost::asio::ip::tcp::socket& socket) {
    using UnsentMax = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
    boost::system::error_code ignored;
    socket.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
    socket.set_option(UnsentMax(kUnsentBytesMax), ignored);
}

}  // namespace swarmfs::http
