#include "engine/core/log.hpp"

#include "engine/core/utf8.hpp"

namespace swarmfs {
namespace {

LogSink& installed_sink() {
    static LogSink sink;
    return sink;
}

bool is_harmless(char32_t c) {
    const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
    const bool bidirectional =
        (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F;
    return !control && !bidirectional;
}

void append_escaped(std::string& out, std::string_view bytes) {
    for (const char byte : bytes) {
        out += "\\x";
        out += to_hex(as_bytes(std::string_view(&byte, 1)));
    }
}

}  // namespace

void set_log_sink(LogSink sink) {
    installed_sink() = std::move(sink);
}

void log(LogLevel level, std::string_view room, std::string_view message) {
    if (const LogSink& sink = installed_sink()) {
        sink(level, room, message);
    }
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const DecodedCharacter next = decode_utf8(text);
        const std::string_view bytes = text.substr(0, next.length);
        if (next.valid && is_harmless(next.character)) {
            out += bytes;
        } else {
            append_escaped(out, bytes);
        }
        text.remove_prefix(next.length);
    }
    return out;
}

}  // namespace swarmfs
