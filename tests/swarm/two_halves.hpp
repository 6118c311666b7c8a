#pragma once
// The two halves of a session driven by hand: what a frame means to each, and what a record holds.

#include <doctest/doctest.h>

#include "engine/protocol/peer_frames.hpp"
#include "engine/swarm/fetch_side.hpp"
#include "engine/swarm/serve_side.hpp"

namespace swarmfs::test {

// Frames that are meant for the other half, or for the session itself, are passed over.
inline Result<> hear(swarm::ServeSide& serve, const protocol::Frame& frame, Bytes& out) {
    if (const auto* open = std::get_if<protocol::Open>(&frame)) {
        return serve.on_open(*open, out);
    }
    if (const auto* request = std::get_if<protocol::Request>(&frame)) {
        return serve.on_request(*request, out);
    }
    const auto* cancel = std::get_if<protocol::Cancel>(&frame);
    return cancel != nullptr ? serve.on_cancel(*cancel) : done();
}

inline Result<> hear(swarm::FetchSide& fetch, const protocol::Frame& frame) {
    if (const auto* proof = std::get_if<protocol::Proof>(&frame)) {
        return fetch.on_proof(*proof);
    }
    if (const auto* leaf = std::get_if<protocol::Leaf>(&frame)) {
        return fetch.on_leaf(*leaf);
    }
    if (const auto* refuse = std::get_if<protocol::Refuse>(&frame)) {
        return fetch.on_refuse(*refuse);
    }
    const auto* holding = std::get_if<protocol::Holding>(&frame);
    return holding != nullptr ? fetch.on_holding(*holding) : done();
}

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
