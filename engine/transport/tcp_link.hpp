#pragma once
// Links over TCP. Inside the room only: others see Link.

#include <boost/asio/ip/tcp.hpp>

#include "engine/transport/admission.hpp"
#include "engine/transport/link.hpp"
#include "engine/transport/socket_options.hpp"

namespace swarmfs::transport {

// A failure of a socket as an error of ours; `what` says what was being done.
Error socket_error(const boost::system::error_code& code, const std::string& what);

Address address_of(const boost::asio::ip::tcp::endpoint& endpoint);

class TcpLink final : public Link {
public:
    // Takes a connected socket and fits it to its path.
    TcpLink(boost::asio::ip::tcp::socket socket, Address remote);

    async::Task<Result<std::size_t>> read_some(MutableByteSpan into) override;
    async::Task<Result<>> write(std::span<const ByteSpan> buffers) override;
    void shut_down() override;
    void close() override;
    LinkKind kind() const override { return LinkKind::direct; }
    const Address& remote() const override { return remote_; }
    async::Executor executor() override { return socket_.get_executor(); }

    void note_proven() override { pass_.leave(); }

    // Counts this link as half-open until note_proven() or its end.
    void hold(Admission::Pass pass) { pass_ = std::move(pass); }

private:
    boost::asio::ip::tcp::socket socket_;
    Address remote_;
    Admission::Pass pass_;
    const Pacing pacing_;
    bool ended_ = false;  // the other end's stream
};

}  // namespace swarmfs::transport
