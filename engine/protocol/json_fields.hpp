#pragma once
// Reading JSON from outside, field by field, with bounds. Inside the room only.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::protocol {

// JSON that is only written here: always valid UTF-8, no line breaks.
std::string dump(const nlohmann::json& value);

// Decodes hexadecimal of exactly out.size() bytes.
bool read_hex(std::string_view text, MutableByteSpan out);

// The fields of one object. The first that is missing, of another type or beyond its bound is
// remembered; whoever reads asks once, at the end.
class JsonFields {
public:
    // Nesting deeper than `depth_max`, more values than any message has, a field that is said twice,
    // or bytes that are no JSON, fail at once.
    JsonFields(std::string_view text, std::size_t bytes_max, int depth_max = 4);
    // An object inside another message.
    explicit JsonFields(const nlohmann::json& object);

    std::string text(const char* name, std::size_t bytes_max);
    std::uint64_t number(const char* name, std::uint64_t max);
    bool boolean(const char* name, bool fallback);
    Bytes base64url(const char* name, std::size_t bytes_max, bool required = true);
    // An array of at most `count_max`; null when it is absent and not required.
    const nlohmann::json* array(const char* name, std::size_t count_max, bool required = true);
    void hex(const char* name, MutableByteSpan out);
    template <class Fixed>
    Fixed fixed(const char* name) {
        Fixed value;
        hex(name, value.bytes);
        return value;
    }
    bool has(const char* name) const { return object_->contains(name); }

    void fail(const std::string& why);
    bool failed() const { return failure_.has_value(); }
    // What went wrong first. Requires: failed().
    const Error& error() const { return *failure_; }
    // The same, blamed on the other end of a request we made.
    Error answer_error() const { return peer_error(failure_->message); }

private:
    const nlohmann::json* find(const char* name);

    nlohmann::json parsed_;
    const nlohmann::json* object_;
    std::optional<Error> failure_;
};

// Four times the values of the longest list there is. A value takes up to 100 bytes when it is
// parsed, and may be two bytes of text.
inline constexpr std::size_t kJsonValuesMax = 64 * 1024;

// Whether brackets outside of strings nest at most `depth_max` deep, and there are at most
// kJsonValuesMax values. Cheaper than parsing.
bool json_within(std::string_view text, int depth_max);

}  // namespace swarmfs::protocol
