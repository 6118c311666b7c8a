#include "engine/http/request_parser.hpp"

#include <boost/beast/http/error.hpp>

namespace swarmfs::http {

namespace beast = boost::beast;
using beast::http::field;
using beast::http::verb;

namespace {

std::optional<Method> method_of(verb verb) {
    switch (verb) {
        case verb::get: return Method::get;
        case verb::head: return Method::head;
        case verb::post: return Method::post;
        case verb::put: return Method::put;
        case verb::delete_: return Method::delete_;
        default: return std::nullopt;
    }
}

std::string_view as_view(const std::string& text, const RequestRoom::Span& span) {
    return std::string_view(text).substr(span.begin, span.size);
}

bool only_digits(beast::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == beast::string_view::npos;
}

}  // namespace

void RequestRoom::clear() {
    text.clear();
    fields.clear();
    decoded_path.clear();
    body.clear();
    request.headers.clear();
    request.parameters.clear();
    request.body = {};
}

RequestParser::RequestParser(RequestRoom& room) : room_(room) {
    header_limit(kHeaderBytesMax);
    body_limit(boost::none);  // the route decides, once it is known: set_body_max
    eager(false);             // stop behind the header
}

void RequestParser::refuse(ErrorCode& ec, unsigned status, const char* code, const char* detail) {
    refusal_ = Refusal{status, code, detail, {}};
    ec = beast::http::error::bad_field;
}

RequestRoom::Span RequestParser::keep(beast::string_view text) {
    const RequestRoom::Span span{room_.text.size(), text.size()};
    room_.text.append(text.data(), text.size());
    return span;
}

void RequestParser::on_request_impl(verb verb, beast::string_view, beast::string_view target,
                                    int version, ErrorCode& ec) {
    const std::optional<Method> method = method_of(verb);
    if (!method) {
        refuse(ec, 501, "method_unknown", "this method is not served here");
        return;
    }
    if (target.size() > kTargetBytesMax) {
        refuse(ec, 414, "target_too_long", "the request target is longer than 8 KiB");
        return;
    }
    http_1_0_ = version < 11;
    room_.request.method = *method;
    room_.target = keep(target);
}

void RequestParser::on_field_impl(field field, beast::string_view name, beast::string_view value,
                                  ErrorCode& ec) {
    if (header_done_) {
        return;  // rule 4
    }
    if (room_.fields.size() == kFieldsMax ||
        room_.text.size() + name.size() + value.size() > kHeaderBytesMax) {
        refuse(ec, 431, "header_too_large", "the header is larger than 16 KiB or 64 fields");
        return;
    }
    check_field(field, value, ec);
    if (!ec) {
        const RequestRoom::Span name_span = keep(name);
        room_.fields.emplace_back(name_span, keep(value));
    }
}

void RequestParser::check_field(field field, beast::string_view value, ErrorCode& ec) {
    switch (field) {
        case field::host: ++hosts_; return;
        case field::content_length:
            if (has_length_ || has_encoding_ || !only_digits(value)) {
                refuse(ec, 400, "bad_framing", "the length of the body is said in two ways");
            }
            has_length_ = true;
            return;
        case field::transfer_encoding:
            if (has_length_ || has_encoding_ || http_1_0_ || !beast::iequals(value, "chunked")) {
                refuse(ec, 400, "bad_framing", "only Transfer-Encoding: chunked, alone, is served");
            }
            has_encoding_ = true;
            return;
        case field::expect:
            if (!beast::iequals(value, "100-continue")) {
                refuse(ec, 417, "expectation_failed", "only Expect: 100-continue is understood");
            }
            expects_continue_ = !http_1_0_;
            return;
        default: return;
    }
}

void RequestParser::on_header_impl(ErrorCode& ec) {
    header_done_ = true;
    if (hosts_ > 1 || (hosts_ == 0 && !http_1_0_)) {
        refuse(ec, 400, "bad_host", "a request names exactly one Host");
    }
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) {}

std::size_t RequestParser::on_body_impl(beast::string_view body, ErrorCode& ec) {
    if (body.size() > body_max_ - room_.body.size()) {
        ec = beast::http::error::body_limit;
        return 0;
    }
    room_.body.append(body.data(), body.size());
    return body.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t size, beast::string_view, ErrorCode& ec) {
    if (size > body_max_ - room_.body.size()) {
        ec = beast::http::error::body_limit;
    }
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                              ErrorCode& ec) {
    return on_body_impl(body, ec);
}

bool RequestParser::finish_header() {
    Result<Target> target =
        http::parse_target(as_view(room_.text, room_.target), room_.decoded_path);
    if (!target.ok()) {
        refusal_ = Refusal{400, "bad_target", target.error().message, {}};
        return false;
    }
    Request& request = room_.request;
    request.path = target->path;
    request.query = target->query;
    for (const auto& [name, value] : room_.fields) {
        request.headers.emplace_back(as_view(room_.text, name), as_view(room_.text, value));
    }
    return true;
}

Refusal RequestParser::refusal_for(const ErrorCode& error) const {
    if (refusal_) {
        return *refusal_;
    }
    if (error == beast::http::error::body_limit) {
        return {413,
                "body_too_large",
                "the body is larger than the " + std::to_string(body_max_) + " bytes served here",
                {}};
    }
    if (error == beast::http::error::header_limit) {
        return {431, "header_too_large", "the header is larger than 16 KiB", {}};
    }
    if (error == beast::http::error::bad_version) {
        return {505, "version_not_supported", "only HTTP/1.0 and HTTP/1.1 are served", {}};
    }
    return {400, "bad_request", "this is not an HTTP request: " + error.message(), {}};
}

}  // namespace swarmfs::http
