#include "engine/http/answer_parser.hpp"

#include <boost/beast/http/error.hpp>

namespace swarmfs::http {

namespace beast = boost::beast;

AnswerParser::AnswerParser(Answer& answer, std::size_t body_bytes_max, bool to_head)
    : answer_(answer), body_bytes_max_(body_bytes_max) {
    header_limit(kAnswerHeaderBytesMax);
    body_limit(body_bytes_max);
    skip(to_head);
    eager(true);
}

void AnswerParser::on_field_impl(beast::http::field, beast::string_view name,
                                 beast::string_view value, ErrorCode& ec) {
    if (header_done_) {
        return;  // a trailer
    }
    header_bytes_ += name.size() + value.size();
    if (header_bytes_ > kAnswerHeaderBytesMax || answer_.headers.size() == kAnswerFieldsMax) {
        ec = beast::http::error::header_limit;
        return;
    }
    answer_.headers.emplace_back(std::string(name.data(), name.size()),
                                 std::string(value.data(), value.size()));
}

std::size_t AnswerParser::on_body_impl(beast::string_view body, ErrorCode& ec) {
    if (body.size() > body_bytes_max_ - answer_.body.size()) {
        ec = beast::http::error::body_limit;
        return 0;
    }
    answer_.body.append(body.data(), body.size());
    return body.size();
}

}  // namespace swarmfs::http
