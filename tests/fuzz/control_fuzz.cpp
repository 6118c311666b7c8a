// fuzz: uses protocol
// Arbitrary bytes as a line on the control socket: decoded or refused, never a crash.
#include "engine/core/bytes.hpp"
#include "engine/protocol/control.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    const std::string_view line = as_text({data, size});
    (void)protocol::decode_request(line).ok();
    (void)protocol::decode_reply(line).ok();
    return 0;
}
