#pragma once
// The two halves of a session driven by hand: what a frame means to each (hear.hpp), and what a
// record holds.

#include <doctest/doctest.h>

#include "engine/transport/secure_link.hpp"
#include "tests/swarm/hear.hpp"

namespace swarmfs::test {

// What the records would carry, sealed with a key of zeros and opened again.
inline Bytes plaintext_of(transport::RecordBuilder& records) {
    channel::SendCipher send{crypto::Secret32{}};
    channel::ReceiveCipher receive{crypto::Secret32{}};
    const ByteSpan sealed = records.seal(send);
    Bytes stream(sealed.begin(), sealed.end());
    Bytes plain;
    for (std::size_t at = 0; at < stream.size();) {
        const std::size_t length = std::size_t{stream[at]} << 8 | stream[at + 1];
        const auto opened = receive.open({stream.data() + at + 2, length});
        REQUIRE(opened.ok());
        plain.insert(plain.end(), opened->begin(), opened->end());
        at += 2 + length;
    }
    return plain;
}

}  // namespace swarmfs::test
