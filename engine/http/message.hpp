#pragma once
// A request and its answer, as the rest of swarmfs sees HTTP. No word of Beast here.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swarmfs::http {

// The methods a route may have. Others are answered with 501 before a handler sees them.
enum class Method : std::uint8_t { get, head, post, put, delete_ };

// "GET", "HEAD", "POST", "PUT", "DELETE".
const char* name_of(Method method);

using HeaderField = std::pair<std::string, std::string>;

// Header names compare without regard to case.
bool same_header_name(std::string_view left, std::string_view right);

// A request as the server received and checked it (target.hpp, request_parser.hpp).
// Valid until: the handler returns. A handler that answers later copies what it keeps.
struct Request {
    Method method = Method::get;
    std::string_view path;                     // decoded: "/api/files/ab12"
    std::string_view query;                    // as sent, without its "?"; see target.hpp
    std::vector<std::string_view> parameters;  // what stood for the {…} of the route, in order
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    std::string_view body;
    std::string_view host;            // what caps count by: the address, or its /64 (IPv6)
    std::string_view remote_address;  // "192.0.2.7" or "2001:db8::7"; IPv4 in IPv6 is shown as IPv4

    // Returns: the value of the first header of that name.
    std::optional<std::string_view> header(std::string_view name) const;
};

struct Response {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<HeaderField> headers;  // besides Content-Type, Content-Length, Date, Connection

    static Response json(std::string body, unsigned status = 200) {
        return {status, "application/json", std::move(body), {}};
    }
    static Response text(std::string body, unsigned status = 200) {
        return {status, "text/plain; charset=utf-8", std::move(body), {}};
    }
    static Response empty(unsigned status = 204) { return {status, "", "", {}}; }
};

// What a server answered to Client::request.
struct Answer {
    unsigned status = 0;
    std::vector<HeaderField> headers;
    std::string body;

    std::optional<std::string_view> header(std::string_view name) const;
    bool success() const { return status >= 200 && status < 300; }
};

}  // namespace swarmfs::http
