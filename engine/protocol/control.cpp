#include "engine/protocol/control.hpp"

#include <array>

namespace swarmfs::protocol {
namespace {

using nlohmann::json;

std::string line_of(const json& object) {
    return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

// The JSON reader recurses, so depth is bounded before it is let loose on bytes from outside.
constexpr int kDepthMax = 32;

Result<json> parse_object(std::string_view line) {
    if (line.size() > kControlLineBytesMax) {
        return caller_error(Code::too_large, "a control message is longer than 4 MiB");
    }
    const json::parser_callback_t shallow = [](int depth, json::parse_event_t, json&) {
        return depth <= kDepthMax;
    };
    json object = json::parse(line, shallow, false);
    if (object.is_discarded() || !object.is_object()) {
        return caller_error(Code::invalid, "a control message is not a JSON object");
    }
    const auto id = object.find("id");
    if (id == object.end() || !id->is_number_unsigned()) {
        return caller_error(Code::invalid, "a control message has no id");
    }
    return object;
}

template <class Enum, std::size_t N>
std::optional<Enum> enum_from_name(const std::array<Enum, N>& all, const std::string& name) {
    for (const Enum value : all) {
        if (name == name_of(value)) {
            return value;
        }
    }
    return std::nullopt;
}

constexpr std::array kAllCodes = {
    Code::invalid,      Code::not_found, Code::exists,        Code::not_directory,
    Code::is_directory, Code::not_empty, Code::name_too_long, Code::too_large,
    Code::permission,   Code::read_only, Code::unsupported,   Code::no_space,
    Code::io,           Code::corrupt,   Code::unavailable,   Code::timed_out,
    Code::cancelled,    Code::busy,      Code::try_again,     Code::configuration,
    Code::protocol};
constexpr std::array kAllWhose = {Whose::peer, Whose::network, Whose::disk, Whose::caller};

std::string text_field(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Error error_from(const json& object) {
    Error error;
    error.code = enum_from_name(kAllCodes, text_field(object, "code")).value_or(Code::io);
    error.whose = enum_from_name(kAllWhose, text_field(object, "whose")).value_or(Whose::caller);
    error.message = text_field(object, "message");
    return error;
}

}  // namespace

std::string encode(const ControlRequest& request) {
    return line_of({{"id", request.id}, {"method", request.method}, {"params", request.params}});
}

std::string encode(const ControlReply& reply) {
    json object = {{"id", reply.id}};
    if (reply.progress) {
        object["progress"] = *reply.progress;
    } else if (reply.error) {
        object["error"] = {{"code", name_of(reply.error->code)},
                           {"whose", name_of(reply.error->whose)},
                           {"message", reply.error->message}};
    } else {
        object["result"] = reply.result;
    }
    return line_of(object);
}

Result<ControlRequest> decode_request(std::string_view line) {
    SWARM_TRY(json object, parse_object(line));
    ControlRequest request;
    request.id = object["id"].get<std::uint64_t>();
    request.method = text_field(object, "method");
    if (request.method.empty()) {
        return caller_error(Code::invalid, "a control request names no method");
    }
    if (const auto params = object.find("params"); params != object.end()) {
        if (!params->is_object()) {
            return caller_error(Code::invalid, "the params of a control request are not an object");
        }
        request.params = std::move(*params);
    }
    return request;
}

Result<ControlReply> decode_reply(std::string_view line) {
    SWARM_TRY(json object, parse_object(line));
    ControlReply reply;
    reply.id = object["id"].get<std::uint64_t>();
    if (const auto progress = object.find("progress"); progress != object.end()) {
        reply.progress = std::move(*progress);
    } else if (const auto error = object.find("error"); error != object.end()) {
        reply.error = error_from(*error);
    } else if (const auto result = object.find("result"); result != object.end()) {
        reply.result = std::move(*result);
    } else {
        return caller_error(Code::invalid, "a control reply carries neither result nor error");
    }
    return reply;
}

}  // namespace swarmfs::protocol
