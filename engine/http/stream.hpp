#pragma once
// A connection of the client, in the clear or under TLS. Inside the room only.

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <memory>

#include "engine/async/task.hpp"
#include "engine/core/clock.hpp"
#include "engine/core/result.hpp"
#include "engine/http/url.hpp"

namespace swarmfs::http {

class Stream {
public:
    virtual ~Stream() = default;
    // Returns: the bytes read; 0 with `failed` set to eof at an orderly end.
    virtual async::Task<std::size_t> read_some(boost::asio::mutable_buffer into,
                                               boost::system::error_code* failed) = 0;
    // Returns: the bytes written, at least one unless it failed.
    virtual async::Task<std::size_t> write_some(boost::asio::const_buffer bytes,
                                                boost::system::error_code* failed) = 0;
    // The server's end of the connection is on this machine.
    bool loopback = false;
};

// Errors: unavailable, with what went wrong last when several addresses were tried.
async::Task<Result<std::unique_ptr<Stream>>> open_stream(Url url, boost::asio::ssl::context* tls,
                                                         Duration attempt_max);

}  // namespace swarmfs::http
