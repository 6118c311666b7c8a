#pragma once
// When Beast's parser may be called. Inside the room only.

#include <boost/beast/http/basic_parser.hpp>

namespace swarmfs::http {

// Beast 1.81 asserts that a last chunk it looks at again has 5 bytes ("0\r\n\r\n"); a client that
// sends "0\r\n" and then one byte would end the program. No chunked body ends in fewer, so waiting
// for them costs nothing.
inline constexpr std::size_t kLastChunkBytesMin = 5;

// Returns: whether `parser` can be given `bytes` unconsumed bytes.
template <bool kIsRequest>
bool may_parse(const boost::beast::http::basic_parser<kIsRequest>& parser, std::size_t bytes) {
    return bytes >= (parser.is_header_done() && parser.chunked() ? kLastChunkBytesMin : 1);
}

}  // namespace swarmfs::http
