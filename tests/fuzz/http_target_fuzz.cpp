// fuzz: uses core http
// Request targets, queries and URLs from strangers: what is accepted names exactly one thing.

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/core/assert.hpp"
#include "engine/core/utf8.hpp"
#include "engine/http/target.hpp"
#include "engine/http/url.hpp"

using namespace swarmfs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::string room;
    if (const auto target = http::parse_target(text, room); target.ok()) {
        SWARM_ASSERT(!target->path.empty() && target->path.front() == '/');
        SWARM_ASSERT(is_utf8(target->path));
        SWARM_ASSERT(target->path.find('\0') == std::string_view::npos);
        SWARM_ASSERT((std::string(target->path) + "/").find("/../") == std::string::npos);
        SWARM_ASSERT(target->path.find("//") == std::string_view::npos);
        (void)http::QueryValues::parse(target->query);
    }
    if (const auto values = http::QueryValues::parse(text); values.ok()) {
        SWARM_ASSERT(values->all().size() <= http::kQueryValuesMax);
    }
    if (const auto url = http::parse_url(text); url.ok()) {
        SWARM_ASSERT(!url->host.empty() && url->port != 0 && url->target.front() == '/');
        for (const char c : url->target + url->host) {
            SWARM_ASSERT(static_cast<unsigned char>(c) > 0x20 && c != 0x7F);
        }
        const auto again = http::parse_url(url->origin() + url->target);
        SWARM_ASSERT(again.ok() && again->origin() == url->origin());
    }
    return 0;
}
