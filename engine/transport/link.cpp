#include "engine/transport/link.hpp"

namespace swarmfs::transport {

const char* name_of(LinkKind kind) {
    switch (kind) {
        case LinkKind::direct: return "direct";
        case LinkKind::punched: return "punched";
        case LinkKind::relay: return "relay";
    }
    return "unknown";
}

async::Task<Result<bool>> read_exactly(Link& link, MutableByteSpan into) {
    std::size_t have = 0;
    while (have < into.size()) {
        const Result<std::size_t> got = co_await link.read_some(into.subspan(have));
        if (!got.ok()) {
            co_return got.error();
        }
        if (*got == 0) {
            if (have == 0) {
                co_return false;
            }
            co_return network_error(Code::unavailable, "the link ended in the middle");
        }
        have += *got;
    }
    co_return true;
}

}  // namespace swarmfs::transport
