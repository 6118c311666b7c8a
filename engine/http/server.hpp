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
//      first among those of its own address; one whose answer is being made is never pushed out. So
//      a flood of half-open connections cannot keep an honest client out. Who does not take an
//      answer that is ready keeps us waiting, too.
//   4. Nothing is read ahead of what is answered: a client that does not read its answers is not
//      read either.
//   5. Bodies and answers above a few KiB share budgets (memory_budget.hpp) that one address cannot
//      use up. Beyond them a request is refused with 503.
//   6. Bodies and answers end when they stand still or fall below 8 KiB a second (pace.hpp), so a
//      slow line has the time it needs.
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
    // The budgets of rule 5: of bodies above 64 KiB, as far as they were received, and of answers
    // above 16 KiB that were not taken yet. One address has 28 MiB of each: three of the largest
    // bodies, or twenty pages of a catalog.
    std::size_t body_bytes_max = 256 * 1024 * 1024;
    std::size_t answer_bytes_max = 256 * 1024 * 1024;
    Duration idle_timeout = std::chrono::seconds(75);        // between requests
    Duration request_timeout = std::chrono::seconds(20);     // for a header; patience with a body
    Duration answer_timeout = std::chrono::seconds(60);      // of a deferred handler: 503 then
    Duration write_timeout = std::chrono::seconds(30);       // patience with who takes an answer
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
    std::uint64_t body_bytes = 0;   // taken of the budgets of rule 5
    std::uint64_t answer_bytes = 0;
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
