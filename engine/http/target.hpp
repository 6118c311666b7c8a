#pragma once
// What a client may ask for: the request target (RFC 9112 section 3.2), checked before any route or
// handler sees it. Rules:
//   1. Only the origin form: "/path?query". Absolute, authority and asterisk forms are for proxies,
//      and serving them is how requests get smuggled past one.
//   2. Only the characters RFC 3986 allows; no fragment; at most kTargetBytesMax bytes.
//   3. The path is decoded once. What comes out is UTF-8 without control characters, backslashes,
//      encoded slashes, and without empty, "." and ".." parts: a path names exactly one thing.
// Pure; any thread.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/result.hpp"

namespace swarmfs::http {

// Chosen by us: a version vector of about 120 authors fits a query, and headers keep their room.
inline constexpr std::size_t kTargetBytesMax = 8 * 1024;
inline constexpr std::size_t kQueryValuesMax = 16;

struct Target {
    std::string_view path;   // into `raw`, or into `decoded` when something was encoded
    std::string_view query;  // into `raw`
};

// Uses `decoded` as room for a path that has to be decoded.
// Valid until: `raw` or `decoded` change.
// Errors: invalid, too_large.
Result<Target> parse_target(std::string_view raw, std::string& decoded);

// "a=1&b=x%20y" as names and values, decoded. A "+" is a plus.
class QueryValues {
public:
    // Errors: invalid for a broken escape, bytes that are not UTF-8, a name given twice, or more
    // than kQueryValuesMax.
    static Result<QueryValues> parse(std::string_view query);

    // Returns: null when it is not there.   Valid until: this object dies.
    const std::string* find(std::string_view name) const;
    // The number under `name`, or `fallback` when it is absent.
    // Errors: invalid when it is not a number from `min` to `max`.
    Result<std::uint64_t> number(std::string_view name, std::uint64_t fallback, std::uint64_t min,
                                 std::uint64_t max) const;
    const std::vector<std::pair<std::string, std::string>>& all() const { return values_; }

private:
    std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace swarmfs::http
