#pragma once
// A response as bytes. Inside the room only. Pure; any thread.

#include <string>

#include "engine/http/message.hpp"

namespace swarmfs::http {

struct ResponseFraming {
    const std::string& date;  // of the Date header
    bool close = false;       // this is the connection's last response
    bool head = false;        // it answers HEAD: the length is said, the body left out
};

// Appends it to `out`. A header value that would break the line is left out: it came from a handler
// that repeated what a client sent.
void write_response(const Response& response, const ResponseFraming& framing, std::string& out);

}  // namespace swarmfs::http
