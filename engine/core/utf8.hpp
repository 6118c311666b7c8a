#pragma once
// UTF-8 (RFC 3629): shortest forms only, no surrogates, nothing above U+10FFFF.

#include <string_view>

#include "engine/core/bytes.hpp"

namespace swarmfs {

struct DecodedCharacter {
    char32_t character = 0;
    std::size_t length = 1;  // bytes taken; 1 where they are not valid
    bool valid = false;
};

// Requires: !text.empty().
DecodedCharacter decode_utf8(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace swarmfs
