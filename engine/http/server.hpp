#pragma once
// An HTTP/1.1 server: keep-alive, pipelining, bounds on everything, a graceful end.
//
// Rules:
//   1. Handlers run on the server's threads, each connection on one of them. Requests of one
//      connection are answered in order; a deferred one holds back those behind it.
//   2. A request is refused before its handler when it is malformed, ambiguous (request_parser.hpp,
//      target.hpp), larger than its route allows, or too slow. After a refusal the connection ends,
//      unless the request was well framed (404, 405).
//   3. A new connection beyond a cap takes the place of the one that has kept us waiting longest,
//      first among those of its own address; one that is being answered is never pushed out. So a
//      flood of half-open connections cannot keep an honest client out.
//   4. Nothing is read ahead of what is answered: a client that does not read its answers is not
//      read either.
// IPv6 addresses count by /64, since that is what one host has.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/core/clock.hpp"
#include "engine/core/result.hpp"
#include "engine/http/routes.hpp"

namespace swarmfs::http {

struct ServerOptions {
    std::string listen = "[::]:8080";  // ADDRESS:PORT; [::] takes IPv4 as well; port 0: any free
    std::size_t threads = 2;
    std::size_t connections_max = 8192;
    std::size_t connections_per_address_max = 512;
    // Of all bodies above 64 KiB that are being received; beyond it they are refused with 503.
    std::size_t body_bytes_total_max = 256 * 1024 * 1024;
    Duration idle_timeout = std::chrono::seconds(75);        // between requests
    Duration request_timeout = std::chrono::seconds(20);     // from its first byte to its last
    Duration answer_timeout = std::chrono::seconds(60);      // of a deferred handler: 503 then
    Duration write_timeout = std::chrono::seconds(30);       // without the client taking all of it
    Duration sweep_period = std::chrono::milliseconds(250);  // how exact those are
    // Makes the body of a refusal; absent: a line of text. Called on any of the threads.
    std::function<Response(unsigned status, const std::string& code, const std::string& detail)>
        refusal;
};

struct ServerCounts {
    std::uint64_t connections = 0;  // open now
    std::uint64_t accepted = 0;     // since the start
    std::uint64_t pushed_out = 0;   // rule 3
    std::uint64_t requests = 0;     // answered, refusals included
};

class Server {
public:
    // Listens and serves from now on. Requires: `clock` outlives the server.
    // Errors: configuration (no such address), busy (the port is in use), permission, io.
    static Result<std::unique_ptr<Server>> start(Routes routes, ServerOptions options,
                                                 const Clock& clock);
    // Ends at once what drain() has not.
    virtual ~Server() = default;

    virtual std::uint16_t port() const = 0;
    // "[::]:8080", with the port that was found.
    virtual std::string listening_on() const = 0;
    virtual ServerCounts counts() const = 0;

    // Accepts no more, lets requests under way be answered for at most `patience`, and closes the
    // rest. Returns once no connection is left. Thread: any but the server's; once.
    virtual void drain(Duration patience) = 0;
};

}  // namespace swarmfs::http
