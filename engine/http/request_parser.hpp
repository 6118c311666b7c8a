#pragma once
// One request from bytes: Beast's grammar, and the checks that keep a request from meaning two
// things to two programs. Inside the room only. Rules on top of Beast's:
//   1. Exactly one Host (HTTP/1.0: at most one).
//   2. At most one Content-Length, digits only, and never beside Transfer-Encoding.
//   3. Transfer-Encoding is "chunked", once, in HTTP/1.1, or the request is refused.
//   4. Trailers are dropped: a field after the body cannot become one of the header.
//   5. Everything is bounded: kHeaderBytesMax for request line and header together, kFieldsMax
//      fields, and the body as its route allows.

#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/http/message.hpp"
#include "engine/http/target.hpp"

namespace swarmfs::http {

// What proxies and browsers stay below.
inline constexpr std::size_t kHeaderBytesMax = 16 * 1024;
inline constexpr std::size_t kFieldsMax = 64;

// Why a request is not served.
struct Refusal {
    unsigned status = 400;
    const char* code = "bad_request";
    std::string detail;
    std::string allow = {};  // of a 405: the methods that would do
};

// Room for one request, used again for the next one of the connection.
struct RequestRoom {
    std::string text;  // target, names and values, one behind the other
    struct Span {
        std::size_t begin = 0;
        std::size_t size = 0;
    };
    Span target;
    std::vector<std::pair<Span, Span>> fields;
    std::string decoded_path;
    std::string body;
    Request request;  // its views point into the rest

    void clear();
};

class RequestParser final : public boost::beast::http::basic_parser<true> {
public:
    using ErrorCode = boost::beast::error_code;

    // Requires: `room` is cleared and outlives the parser.
    explicit RequestParser(RequestRoom& room);

    // Call once is_header_done(): fills room.request but for its body.
    // Returns: false when the request is to be refused.
    bool finish_header();
    // From then on.
    void set_body_max(std::size_t bytes) { body_max_ = bytes; }
    bool expects_continue() const { return expects_continue_; }
    // Header bytes consumed so far; unconsumed ones come on top.
    std::size_t header_bytes() const { return room_.text.size(); }
    // What to answer after `error`.
    Refusal refusal_for(const ErrorCode& error) const;

private:
    void on_request_impl(boost::beast::http::verb verb, boost::beast::string_view name,
                         boost::beast::string_view target, int version, ErrorCode& ec) override;
    void on_response_impl(int, boost::beast::string_view, int, ErrorCode&) override {}
    void on_field_impl(boost::beast::http::field field, boost::beast::string_view name,
                       boost::beast::string_view value, ErrorCode& ec) override;
    void on_header_impl(ErrorCode& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode& ec) override;
    std::size_t on_body_impl(boost::beast::string_view body, ErrorCode& ec) override;
    void on_chunk_header_impl(std::uint64_t size, boost::beast::string_view,
                              ErrorCode& ec) override;
    std::size_t on_chunk_body_impl(std::uint64_t remain, boost::beast::string_view body,
                                   ErrorCode& ec) override;
    void on_finish_impl(ErrorCode&) override {}

    void check_field(boost::beast::http::field field, boost::beast::string_view value,
                     ErrorCode& ec);
    RequestRoom::Span keep(boost::beast::string_view text);
    void refuse(ErrorCode& ec, unsigned status, const char* code, const char* detail);

    RequestRoom& room_;
    std::size_t body_max_ = 0;
    bool header_done_ = false;
    bool http_1_0_ = false;
    bool expects_continue_ = false;
    bool has_length_ = false;
    bool has_encoding_ = false;
    unsigned hosts_ = 0;
    std::optional<Refusal> refusal_;
};

}  // namespace swarmfs::http
