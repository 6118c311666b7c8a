#include "engine/http/message.hpp"

#include <algorithm>

namespace swarmfs::http {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <class Fields>
std::optional<std::string_view> find_field(const Fields& fields, std::string_view name) {
    for (const auto& field : fields) {
        if (same_header_name(field.first, name)) {
            return field.second;
        }
    }
    return std::nullopt;
}

}  // namespace

const char* name_of(Method method) {
    switch (method) {
        case Method::get: return "GET";
        case Method::head: return "HEAD";
        case Method::post: return "POST";
        case Method::put: return "PUT";
        case Method::delete_: return "DELETE";
    }
    return "GET";
}

bool same_header_name(std::string_view left, std::string_view right) {
    return left.size() == right.size() &&
           std::equal(left.begin(), left.end(), right.begin(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

std::optional<std::string_view> Request::header(std::string_view name) const {
    return find_field(headers, name);
}

std::optional<std::string_view> Answer::header(std::string_view name) const {
    return find_field(headers, name);
}

}  // namespace swarmfs::http
