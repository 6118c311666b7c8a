#include "engine/http/target.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "engine/core/utf8.hpp"

namespace swarmfs::http {
namespace {

// RFC 3986: unreserved, sub-delims, and what pchar and query add to them; "%" is looked at apart.
constexpr std::string_view kAllowed =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%";

constexpr std::array<bool, 256> allowed_table() {
    std::array<bool, 256> table{};
    for (const char c : kAllowed) {
        table[static_cast<unsigned char>(c)] = true;
    }
    return table;
}
constexpr std::array<bool, 256> kAllowedTable = allowed_table();

Error bad(const char* what) {
    return caller_error(Code::invalid, what);
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Appends `text` with its escapes resolved; false for a broken one.
bool decode_escapes(std::string_view text, std::string& out) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        if (text.size() - i < 3) {
            return false;
        }
        const int high = digit_of(text[i + 1]);
        const int low = digit_of(text[i + 2]);
        if (high < 0 || low < 0) {
            return false;
        }
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return true;
}

bool is_plain(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\') {
            return false;
        }
    }
    return is_utf8(text);
}

// Every part between slashes is a name; the root alone has none.
bool parts_are_names(std::string_view path) {
    if (path == "/") {
        return true;
    }
    for (std::size_t begin = 1; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view part = path.substr(begin, end - begin);
        if (part.empty() || part == "." || part == "..") {
            return false;
        }
        begin = end + 1;
    }
    return true;
}

}  // namespace

Result<Target> parse_target(std::string_view raw, std::string& decoded) {
    if (raw.empty() || raw.front() != '/') {
        return bad("the request target is not a path beginning with /");
    }
    if (raw.size() > kTargetBytesMax) {
        return caller_error(Code::too_large, "the request target is longer than 8 KiB");
    }
    bool escaped = false;
    std::size_t path_end = raw.size();
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const char c = raw[i];
        if (!kAllowedTable[static_cast<unsigned char>(c)]) {
            return bad("the request target holds a character that no URL may hold");
        }
        if (c == '?' && path_end == raw.size()) {
            path_end = i;
        }
        escaped = escaped || (c == '%' && i < path_end);
    }
    Target target;
    target.path = raw.substr(0, path_end);
    target.query = path_end < raw.size() ? raw.substr(path_end + 1) : std::string_view();
    if (escaped) {
        std::size_t slashes = 0;
        for (const char c : target.path) {
            slashes += c == '/' ? 1 : 0;
        }
        decoded.clear();
        if (!decode_escapes(target.path, decoded)) {
            return bad("the path of the request holds a broken % escape");
        }
        for (const char c : decoded) {
            slashes -= c == '/' ? 1 : 0;
        }
        if (slashes != 0) {
            return bad("the path of the request holds an encoded slash");
        }
        if (!is_plain(decoded)) {
            return bad("the path of the request is not plain UTF-8 text");
        }
        target.path = decoded;
    }
    if (!parts_are_names(target.path)) {
        return bad("the path of the request has an empty, . or .. part");
    }
    return target;
}

Result<QueryValues> QueryValues::parse(std::string_view query) {
    QueryValues result;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) {
            continue;
        }
        if (result.values_.size() == kQueryValuesMax) {
            return bad("the query has more than 16 values");
        }
        const std::size_t equals = std::min(pair.find('='), pair.size());
        std::string name;
        std::string value;
        if (!decode_escapes(pair.substr(0, equals), name) ||
            !decode_escapes(pair.substr(std::min(equals + 1, pair.size())), value) ||
            !is_utf8(name) || !is_utf8(value)) {
            return bad("the query holds a broken % escape or is not UTF-8");
        }
        if (result.find(name) != nullptr) {
            return bad("the query gives a name twice");
        }
        result.values_.emplace_back(std::move(name), std::move(value));
    }
    return result;
}

const std::string* QueryValues::find(std::string_view name) const {
    for (const auto& [key, value] : values_) {
        if (key == name) {
            return &value;
        }
    }
    return nullptr;
}

Result<std::uint64_t> QueryValues::number(std::string_view name, std::uint64_t fallback,
                                          std::uint64_t min, std::uint64_t max) const {
    const std::string* text = find(name);
    if (text == nullptr) {
        return fallback;
    }
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (failed != std::errc() || end != text->data() + text->size() || value < min || value > max) {
        return caller_error(Code::invalid, std::string(name) + " must be a number from " +
                                               std::to_string(min) + " to " + std::to_string(max));
    }
    return value;
}

}  // namespace swarmfs::http
