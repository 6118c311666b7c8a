// fuzz: uses transport
//
// Addresses arrive from trackers, members, files and people. One that is accepted prints in one
// form only, which means the same address; and no word but the operator's leads to a name, a
// service's port or port 0.

#include "engine/core/bytes.hpp"
#include "engine/transport/address.hpp"
#include "tests/fuzz/must.hpp"

using swarmfs::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    using namespace swarmfs::transport;
    const auto address = parse_address(swarmfs::as_text({data, length}));
    if (!address.ok()) {
        return 0;
    }
    const std::string text = to_text(*address);
    const auto again = parse_address(text);
    must(again.ok() && *again == *address && to_text(*again) == text);
    must(!host_key(*address).empty());
    for (const auto source : {AddressSource::tracker, AddressSource::peer_exchange,
                              AddressSource::lan, AddressSource::dht}) {
        for (const auto teller : {TellerPlace::elsewhere, TellerPlace::on_loopback}) {
            if (may_dial(*address, source, teller)) {
                must(is_ip(*address) && address->port > kServicePortMax);
                must(!is_loopback(*address) || source == AddressSource::lan ||
                     teller == TellerPlace::on_loopback);
            }
        }
    }
    return 0;
}
