#pragma once
// An HTTP parser fed as a connection would: all at once, or a few bytes at a time.

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <string_view>

#include "engine/http/parser_floor.hpp"

namespace swarmfs::fuzzing {

enum class End { refused, whole, cut };  // cut: more of it could have followed

// `look(failed)` is called after each turn of the parser and returns false to refuse. `consumed`
// counts what the parser took.
template <class Parser, class Look>
End feed(Parser& parser, std::string_view text, std::size_t step, std::size_t& consumed,
         const Look& look) {
    using boost::beast::http::error;
    for (std::size_t available = 0;;) {
        typename Parser::ErrorCode failed = error::need_more;
        if (http::may_parse(parser, available - consumed)) {
            consumed += parser.put(
                boost::asio::buffer(text.data() + consumed, available - consumed), failed);
        }
        if (!look(failed) || (failed && failed != error::need_more)) {
            return End::refused;
        }
        if (parser.is_done()) {
            return End::whole;
        }
        if (!failed && consumed < available) {
            continue;
        }
        if (available == text.size()) {
            return End::cut;
        }
        available = std::min(text.size(), available + step);
    }
}

}  // namespace swarmfs::fuzzing
