#pragma once
// What a frame means to each half of a session. Frames that are meant for the other half, or for the
// session itself, are passed over.

#include "engine/protocol/peer_frames.hpp"
#include "engine/swarm/fetch_side.hpp"
#include "engine/swarm/serve_side.hpp"

namespace swarmfs::test {

inline Result<> hear(swarm::ServeSide& serve, const protocol::Frame& frame, Bytes& out) {
    if (const auto* open = std::get_if<protocol::Open>(&frame)) {
        return serve.on_open(*open, out);
    }
    if (const auto* close = std::get_if<protocol::Close>(&frame)) {
        return serve.on_close(*close);
    }
    if (const auto* request = std::get_if<protocol::Request>(&frame)) {
        return serve.on_request(*request, out);
    }
    const auto* cancel = std::get_if<protocol::Cancel>(&frame);
    return cancel != nullptr ? serve.on_cancel(*cancel) : done();
}

inline Result<> hear(swarm::FetchSide& fetch, const protocol::Frame& frame) {
    if (const auto* holding = std::get_if<protocol::Holding>(&frame)) {
        return fetch.on_holding(*holding);
    }
    if (const auto* have = std::get_if<protocol::Have>(&frame)) {
        return fetch.on_have(*have);
    }
    if (const auto* proof = std::get_if<protocol::Proof>(&frame)) {
        return fetch.on_proof(*proof);
    }
    if (const auto* leaf = std::get_if<protocol::Leaf>(&frame)) {
        return fetch.on_leaf(*leaf);
    }
    if (const auto* suggest = std::get_if<protocol::Suggest>(&frame)) {
        return fetch.on_suggest(*suggest);
    }
    const auto* refuse = std::get_if<protocol::Refuse>(&frame);
    return refuse != nullptr ? fetch.on_refuse(*refuse) : done();
}

}  // namespace swarmfs::test
