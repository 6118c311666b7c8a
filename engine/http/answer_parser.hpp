#pragma once
// One answer from bytes: Beast's grammar and bounds. Inside the room only.

#include <boost/beast/http/basic_parser.hpp>

#include "engine/http/message.hpp"

namespace swarmfs::http {

// Servers bound what they take; what they send is bounded here.
inline constexpr std::size_t kAnswerHeaderBytesMax = 32 * 1024;
inline constexpr std::size_t kAnswerFieldsMax = 128;

class AnswerParser final : public boost::beast::http::basic_parser<false> {
public:
    using ErrorCode = boost::beast::error_code;

    // `to_head`: the answer to HEAD has no body, whatever its length says.
    AnswerParser(Answer& answer, std::size_t body_bytes_max, bool to_head);

private:
    void on_request_impl(boost::beast::http::verb, boost::beast::string_view,
                         boost::beast::string_view, int, ErrorCode&) override {}
    void on_response_impl(int status, boost::beast::string_view, int, ErrorCode&) override {
        answer_.status = static_cast<unsigned>(status);
    }
    void on_field_impl(boost::beast::http::field, boost::beast::string_view name,
                       boost::beast::string_view value, ErrorCode& ec) override;
    void on_header_impl(ErrorCode&) override { header_done_ = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
    std::size_t on_body_impl(boost::beast::string_view body, ErrorCode& ec) override;
    void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, ErrorCode&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body,
                                   ErrorCode& ec) override {
        return on_body_impl(body, ec);
    }
    void on_finish_impl(ErrorCode&) override {}

    Answer& answer_;
    const std::size_t body_bytes_max_;
    std::size_t header_bytes_ = 0;
    bool header_done_ = false;
};

}  // namespace swarmfs::http
