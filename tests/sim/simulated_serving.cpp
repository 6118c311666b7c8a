// SimulatedSwarm: requests, and what is sent for them.

#include "tests/sim/simulated_swarm.hpp"

namespace swarmfs::sim {

namespace {

constexpr std::uint64_t kFrameBytes = 64;  // what a small frame weighs on a link
constexpr auto kAnnounceAfter = std::chrono::milliseconds(20);  // as SwarmShell does
// Leaves of a request that go out together, so that fast links do not cost an event a leaf.
constexpr double kRunSeconds = 0.005;

// With their frames.
std::uint64_t bytes_of(const ContentId& id, const protocol::LeafRange& leaves) {
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i < leaves.count; ++i) {
        bytes += kFrameBytes + leaf_bytes(id.size, first_leaf(leaves.chunk) + (leaves.first + i));
    }
    return bytes;
}

}  // namespace

void SimulatedSwarm::request(Member& from, const swarm::AskLeaves& ask) {
    HalfSession& half = from.sessions.at(ask.peer);
    protocol::Request request;
    request.handle = half.handles.at(ask.content);
    request.range = ask.range;
    request.urgency = ask.urgency;
    send(from, half, [this, request](Member& there, HalfSession& back) {
        if (!there.mute) {
            asked(there, back, request);
        }
    });
}

// As ServeSide::on_request().
void SimulatedSwarm::asked(Member& member, HalfSession& half, protocol::Request request) {
    const auto opened = half.opened.find(request.handle);
    if (opened == half.opened.end()) {
        return;
    }
    const std::uint64_t size = opened->second.size;
    const auto disk = member.disks.find(opened->second);
    const LeafMask wanted = swarm::mask_of(request.range);
    if (!member.liar && (disk == member.disks.end() ||
                         (disk->second->leaf_mask(request.range.chunk) & wanted) != wanted)) {
        refuse(member, half, request, protocol::RefuseReason::not_held);
        return;
    }
    const bool fill = request.urgency == protocol::Urgency::fill;
    protocol::Request rest = request;
    if (fill) {
        const std::uint64_t weight = swarm::UploadQueue::weight(request.range, size);
        request.range = swarm::UploadQueue::first_of(request.range, size,
                                                     member.share.admit(half.share, weight, now_));
    }
    rest.range.first = static_cast<std::uint8_t>(rest.range.first + request.range.count);
    rest.range.count = static_cast<std::uint8_t>(rest.range.count - request.range.count);
    if (request.range.count > 0 && !half.uploads.push(request, size)) {
        refuse(member, half, request, protocol::RefuseReason::busy);
    }
    if (rest.range.count > 0) {
        refuse(member, half, rest, protocol::RefuseReason::full);
        half.full_for = request.handle;
    }
    if (fill && request.range.count > 0) {
        suggest(member, half, request.handle, opened->second);
    }
    now_waits(member, half);
    serve(member);
}

void SimulatedSwarm::refuse(Member& member, HalfSession& half, const protocol::Request& request,
                            protocol::RefuseReason reason) {
    send(member, half, [this, request, reason](Member& here, HalfSession& forth) {
        const auto content = forth.contents.find(request.handle);
        if (content == forth.contents.end()) {
            return;
        }
        const ContentNumber number = content->second;
        const PeerNumber peer = forth.number;
        act(here, [&](swarm::SwarmCore& core) {
            core.refused(peer, number, request.range, reason, now_);
        });
    });
}

void SimulatedSwarm::suggest(Member& there, HalfSession& back, protocol::Handle handle,
                             const ContentId& id) {
    const auto disk = there.disks.find(id);
    if (disk == there.disks.end() || !disk->second->complete()) {
        return;
    }
    const ChunkIndex chunk = there.suggestions.next(id);
    send(there, back, [this, handle, chunk](Member& here, HalfSession& forth) {
        if (const auto content = forth.contents.find(handle); content != forth.contents.end()) {
            const ContentNumber of = content->second;
            const PeerNumber peer = forth.number;
            act(here, [&](swarm::SwarmCore& core) { core.suggested(peer, of, chunk); });
        }
    });
}

void SimulatedSwarm::now_waits(Member& member, HalfSession& half) {
    member.share.waits(half.share, half.uploads.waiting_bytes(), now_);
    tell_ready(member);
}

void SimulatedSwarm::tell_ready(Member& member) {
    for (const auto key : member.share.ready(now_)) {
        HalfSession* const half = half_of(member, member.sharing.at(key));
        if (half->opened.contains(half->full_for)) {
            suggest(member, *half, half->full_for, half->opened.at(half->full_for));
        }
        send(member, *half, [this](Member& here, HalfSession& forth) {
            const PeerNumber peer = forth.number;
            act(here, [&](swarm::SwarmCore& core) { core.ready(peer); });
        });
    }
}

// A member's upstream carries one leaf at a time, of its sessions in turn.
void SimulatedSwarm::serve(Member& member) {
    if (member.sending || !member.online) {
        return;
    }
    for (std::size_t i = 0; i < member.sessions.size(); ++i) {
        auto next =
            member.sessions.upper_bound(PeerNumber{static_cast<std::uint32_t>(member.turn)});
        if (next == member.sessions.end()) {
            next = member.sessions.begin();
        }
        member.turn = static_cast<std::uint64_t>(next->first);
        HalfSession& half = next->second;
        const std::uint64_t before = half.uploads.waiting_bytes();
        const auto leaf =
            half.uploads.next(static_cast<std::uint64_t>(member.upload_rate * kRunSeconds));
        if (!leaf) {
            continue;
        }
        member.share.sent(half.share, before - half.uploads.waiting_bytes(), now_);
        tell_ready(member);
        const auto opened = half.opened.find(leaf->handle);
        SWARM_ASSERT(opened != half.opened.end());
        const std::uint64_t bytes = bytes_of(opened->second, leaf->leaves);
        const auto takes = std::chrono::duration_cast<Duration>(
            std::chrono::duration<double>(static_cast<double>(bytes) / member.upload_rate));
        member.sending = true;
        at(takes, [this, &member, session = half.session, leaf = *leaf] {
            member.sending = false;
            if (HalfSession* still = half_of(member, session)) {
                const bool lie = member.liar;
                send(member, *still, [this, leaf, lie](Member& there, HalfSession& back) {
                    deliver(there, back, leaf, lie);
                });
            }
            serve(member);
        });
        return;
    }
}

void SimulatedSwarm::deliver(Member& there, HalfSession& back, const swarm::UploadQueue::Next& leaf,
                             bool lie) {
    const auto content = back.contents.find(leaf.handle);
    const PeerNumber peer = back.number;
    if (lie && content != back.contents.end()) {
        act(there, [&](swarm::SwarmCore& core) { core.peer_lied(peer, "a wrong leaf", now_); });
        return;
    }
    if (there.download_rate <= 0) {
        arrive(there, back.session, leaf);
        return;
    }
    // What comes from many at once waits for its turn on the member's own line.
    const std::uint64_t bytes =
        leaf.leaves.count * (kFrameBytes + kLeafBytes);  // all but the last are full
    const std::chrono::duration<double> takes(static_cast<double>(bytes) / there.download_rate);
    there.download_free =
        std::max(there.download_free, now_) + std::chrono::duration_cast<Duration>(takes);
    at(there.download_free - now_,
       [this, &there, session = back.session, leaf] { arrive(there, session, leaf); });
}

void SimulatedSwarm::arrive(Member& there, std::uint64_t session,
                            const swarm::UploadQueue::Next& leaf) {
    HalfSession* const back = half_of(there, session);
    if (back == nullptr) {
        return;
    }
    const auto content = back->contents.find(leaf.handle);
    if (content == back->contents.end()) {
        return;  // closed meanwhile
    }
    const PeerNumber peer = back->number;
    const ContentNumber number = content->second;
    there.leaves_received += leaf.leaves.count;
    const LeafMask bit = swarm::mask_of(leaf.leaves);
    Disk& disk = *back->disks.at(leaf.handle);
    disk.put(leaf.leaves.chunk, bit);
    const std::uint64_t bytes = bytes_of(disk.id(), leaf.leaves) - leaf.leaves.count * kFrameBytes;
    act(there, [&](swarm::SwarmCore& core) {
        core.leaves_stored(peer, number, leaf.leaves.chunk, bit, bytes, now_);
    });
}

void SimulatedSwarm::announce(Member& member, const swarm::ChunksWhole& whole) {
    if (member.newly_whole.empty()) {
        at(kAnnounceAfter, [this, &member] { announce_now(member); });
    }
    auto& chunks = member.newly_whole[whole.id];
    chunks.insert(chunks.end(), whole.chunks.begin(), whole.chunks.end());
}

void SimulatedSwarm::announce_all(Member& member, const ContentId& id) {
    if (member.mute) {
        return;
    }
    for (auto& [number, half] : member.sessions) {
        for (const auto& [handle, opened] : half.opened) {
            if (opened != id) {
                continue;
            }
            send(member, half, [this, handle = handle](Member& there, HalfSession& back) {
                const auto content = back.contents.find(handle);
                if (content == back.contents.end()) {
                    return;
                }
                act(there, [&, of = content->second](swarm::SwarmCore& core) {
                    core.holding(back.number, of, protocol::HoldingKind::all, ChunkIndex(0), {},
                                 now_);
                });
            });
        }
    }
}

void SimulatedSwarm::announce_now(Member& member) {
    const auto all = std::exchange(member.newly_whole, {});
    if (member.mute) {
        return;
    }
    for (auto& [number, half] : member.sessions) {
        for (const auto& [handle, id] : half.opened) {
            const auto whole = all.find(id);
            if (whole == all.end()) {
                continue;
            }
            send(member, half,
                 [this, handle = handle, chunks = whole->second](Member& there, HalfSession& back) {
                     const auto content = back.contents.find(handle);
                     if (content == back.contents.end()) {
                         return;
                     }
                     const ContentNumber of = content->second;
                     const PeerNumber peer = back.number;
                     act(there, [&](swarm::SwarmCore& core) { core.have(peer, of, chunks, now_); });
                 });
        }
    }
}

}  // namespace swarmfs::sim
