#pragma once
// What the command line and the node say to each other over `<home>/control.sock` (mode 0600).
//
//   message  = one JSON object on one line, at most kControlLineBytesMax bytes
//   request  = {"id":N, "method":"status", "params":{...}}
//   progress = {"id":N, "progress":{...}}                      any number, before the reply
//   reply    = {"id":N, "result":{...}}
//            | {"id":N, "error":{"code":"not_found", "whose":"caller", "message":"..."}}
//
// A connection carries one request at a time; hanging up abandons it. Methods and their JSON are
// listed in docs/control.md. Pure; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/core/result.hpp"

namespace swarmfs::protocol {

inline constexpr std::size_t kControlLineBytesMax = 4 * 1024 * 1024;  // a page of 1,000 long names
inline constexpr const char* kControlSocketName = "control.sock";

struct ControlRequest {
    std::uint64_t id = 0;
    std::string method;
    nlohmann::json params = nlohmann::json::object();
};

struct ControlReply {
    std::uint64_t id = 0;
    std::optional<nlohmann::json> progress;  // set: an intermediate report
    std::optional<Error> error;              // set: the call failed
    nlohmann::json result = nlohmann::json::object();
};

// One line, with its newline. Bytes that are not UTF-8 become U+FFFD.
std::string encode(const ControlRequest& request);
std::string encode(const ControlReply& reply);

// Errors: invalid, for what is not JSON, not an object, or lacks a field.
Result<ControlRequest> decode_request(std::string_view line);
Result<ControlReply> decode_reply(std::string_view line);

}  // namespace swarmfs::protocol
