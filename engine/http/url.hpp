#pragma once
// Where a client connects: http and https URLs, taken apart by Boost.URL. Pure; any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/result.hpp"

namespace swarmfs::http {

struct Url {
    bool secure = false;     // https
    std::string host;        // a name, or an address without brackets
    std::uint16_t port = 0;  // 80 and 443 filled in
    std::string target;      // path and query as they are sent; at least "/"

    // "https://example.org:8443": what a connection can be kept for.
    std::string origin() const;
    // As the Host header says it: brackets around IPv6, the scheme's own port left out.
    std::string authority() const;
};

// Errors: invalid for what is not an absolute http or https URL, has a user name, an empty host, a
// port of 0, or is longer than target.hpp allows.
Result<Url> parse_url(std::string_view text);

}  // namespace swarmfs::http
