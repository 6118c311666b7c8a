#include "engine/protocol/json_fields.hpp"

#include <unordered_set>

namespace swarmfs::protocol {

using nlohmann::json;

namespace {

const json kNothing = json::object();

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool read_hex(std::string_view text, MutableByteSpan out) {
    if (text.size() != out.size() * 2) {
        return false;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = hex_digit(text[2 * i]);
        const int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return true;
}

bool json_within(std::string_view text, int depth_max) {
    int depth = 0;
    std::size_t values = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == ',') {
            ++values;
        } else if (c == '{' || c == '[') {
            ++values;
            ++depth;
        } else if (c == '}' || c == ']') {
            --depth;
        }
        if (depth > depth_max || values > kJsonValuesMax) {
            return false;
        }
    }
    return true;
}

JsonFields::JsonFields(std::string_view text, std::size_t bytes_max, int depth_max)
    : object_(&kNothing) {
    if (text.size() > bytes_max) {
        fail("the JSON is larger than " + std::to_string(bytes_max) + " bytes");
        return;
    }
    if (!json_within(text, depth_max)) {
        fail("the JSON is nested too deeply or has too many values");
        return;
    }
    std::unordered_set<std::string> names;
    bool twice = false;
    const json::parser_callback_t note_names = [&](int depth, json::parse_event_t event,
                                                   json& value) {
        twice = twice || (event == json::parse_event_t::key && depth == 1 &&
                          !names.insert(value.get_ref<const std::string&>()).second);
        return true;
    };
    parsed_ = json::parse(text, note_names, false);
    if (twice) {
        fail("a field is said twice");
        return;
    }
    if (!parsed_.is_object()) {
        fail("a JSON object was expected");
        return;
    }
    object_ = &parsed_;
}

JsonFields::JsonFields(const json& object) : object_(&object) {
    if (!object.is_object()) {
        object_ = &kNothing;
        fail("a JSON object was expected inside a list");
    }
}

void JsonFields::fail(const std::string& why) {
    if (!failure_) {
        failure_ = caller_error(Code::invalid, why);
    }
}

const json* JsonFields::find(const char* name) {
    const auto found = object_->find(name);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonFields::text(const char* name, std::size_t bytes_max) {
    const json* value = find(name);
    if (value == nullptr || !value->is_string()) {
        fail(std::string("\"") + name + "\" must be a string");
        return {};
    }
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > bytes_max) {
        fail(std::string("\"") + name + "\" is longer than " + std::to_string(bytes_max) +
             " bytes");
        return {};
    }
    return text;
}

std::uint64_t JsonFields::number(const char* name, std::uint64_t max) {
    const json* value = find(name);
    if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() > max) {
        fail(std::string("\"") + name + "\" must be a whole number from 0 to " +
             std::to_string(max));
        return 0;
    }
    return value->get<std::uint64_t>();
}

bool JsonFields::boolean(const char* name, bool fallback) {
    const json* value = find(name);
    if (value == nullptr) {
        return fallback;
    }
    if (!value->is_boolean()) {
        fail(std::string("\"") + name + "\" must be true or false");
        return fallback;
    }
    return value->get<bool>();
}

Bytes JsonFields::base64url(const char* name, std::size_t bytes_max, bool required) {
    if (!required && find(name) == nullptr) {
        return {};
    }
    const std::string encoded = text(name, bytes_max / 3 * 4 + 4);
    auto decoded = from_base64url(encoded);
    if (!decoded || decoded->size() > bytes_max) {
        fail(std::string("\"") + name + "\" must be base64url without padding");
        return {};
    }
    return std::move(*decoded);
}

const json* JsonFields::array(const char* name, std::size_t count_max, bool required) {
    const json* value = find(name);
    if (value == nullptr && !required) {
        return nullptr;
    }
    if (value == nullptr || !value->is_array() || value->size() > count_max) {
        fail(std::string("\"") + name + "\" must be a list of at most " +
             std::to_string(count_max));
        return nullptr;
    }
    return value;
}

void JsonFields::hex(const char* name, MutableByteSpan out) {
    const json* value = find(name);
    if (value == nullptr || !value->is_string() ||
        !read_hex(value->get_ref<const std::string&>(), out)) {
        fail(std::string("\"") + name + "\" must be " + std::to_string(out.size() * 2) +
             " lower-case hexadecimal digits");
    }
}

}  // namespace swarmfs::protocol
