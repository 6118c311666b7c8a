// fuzz: uses core protocol
// JSON between members and trackers: what one end accepts, it says again in the same words.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/core/assert.hpp"
#include "engine/protocol/problem.hpp"
#include "engine/protocol/tracker_contents.hpp"
#include "engine/protocol/tracker_messages.hpp"

using namespace swarmfs::protocol;

namespace {

template <class Message, class Decode>
void says_it_again(const swarmfs::Result<Message>& decoded, Decode decode) {
    if (decoded.ok()) {
        const std::string text = encode(*decoded);
        const auto again = decode(text);
        SWARM_ASSERT(again.ok());
        SWARM_ASSERT(encode(*again) == text);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto registration = decode_registration(text);
    says_it_again(registration, decode_registration);
    if (registration.ok()) {
        SWARM_ASSERT(registration->addresses.size() <= kPeerAddressesMax);
        (void)statement_of(*registration);
    }
    says_it_again(decode_registered(text), decode_registered);
    says_it_again(decode_leaving(text), decode_leaving);
    says_it_again(decode_heartbeat(text), decode_heartbeat);
    says_it_again(decode_heartbeat_answer(text), decode_heartbeat_answer);
    says_it_again(decode_peers(text), decode_peers);
    says_it_again(decode_changes_request(text), decode_changes_request);
    says_it_again(decode_changes_answer(text), decode_changes_answer);
    if (const auto announce = decode_announce(text); announce.ok()) {
        SWARM_ASSERT(announce->contents.size() <= kAnnounceContentsMax);
        for (const AnnouncedContent& content : announce->contents) {
            SWARM_ASSERT(content.content.size > 0 && !content.name.empty());
            SWARM_ASSERT(content.chunk_hashes.empty() ||
                         content.chunk_hashes.size() == swarmfs::chunk_count(content.content.size));
        }
        const auto again = decode_announce(encode(announce->contents));
        SWARM_ASSERT(again.ok() && again->contents.size() == announce->contents.size());
    }
    (void)decode_problem(500, text);
    return 0;
}
