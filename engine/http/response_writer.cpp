#include "engine/http/response_writer.hpp"

#include <array>
#include <boost/beast/http/status.hpp>
#include <charconv>

namespace swarmfs::http {
namespace {

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    for (const char c : value) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            return;
        }
    }
    out.append(name);
    out.append(": ");
    out.append(value);
    out.append("\r\n");
}

// Answers that have no body have no length either (RFC 9110, section 8.6).
bool may_have_body(unsigned status) {
    return status >= 200 && status != 204 && status != 304;
}

}  // namespace

void write_response(const Response& response, const ResponseFraming& framing, std::string& out) {
    const auto reason =
        boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(response.status));
    out.append("HTTP/1.1 ");
    append_number(out, response.status);
    out.push_back(' ');
    out.append(reason.data(), reason.size());
    out.append("\r\nDate: ");
    out.append(framing.date);
    out.append("\r\n");
    if (!response.content_type.empty()) {
        append_field(out, "Content-Type", response.content_type);
    }
    for (const auto& [name, value] : response.headers) {
        append_field(out, name, value);
    }
    if (framing.close) {
        out.append("Connection: close\r\n");
    }
    if (may_have_body(response.status)) {
        out.append("Content-Length: ");
        append_number(out, response.body.size());
        out.append("\r\n");
    }
    out.append("\r\n");
    if (!framing.head && may_have_body(response.status)) {
        out.append(response.body);
    }
}

}  // namespace swarmfs::http
