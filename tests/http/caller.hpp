#pragma once
// Http::Client for tests that ask one thing after the other.

#include <boost/asio/io_context.hpp>
#include <string>
#include <utility>

#include "engine/async/block_on.hpp"
#include "engine/core/clock.hpp"
#include "engine/http/client.hpp"

namespace swarmfs::test {

class Caller {
public:
    explicit Caller(http::ClientOptions options = {})
        : client(context.get_executor(), clock, std::move(options)) {}

    Result<http::Answer> send(http::Method method, const std::string& url, const std::string& body,
                              std::vector<http::HeaderField> headers = {},
                              Duration limit = std::chrono::seconds(20)) {
        return async::run_here(context,
                               client.request(method, url, std::move(headers), body, limit));
    }
    Result<http::Answer> get(const std::string& url, Duration limit = std::chrono::seconds(20)) {
        return send(http::Method::get, url, "", {}, limit);
    }

    const SystemClock clock;
    boost::asio::io_context context;
    http::Client client;
};

}  // namespace swarmfs::test
