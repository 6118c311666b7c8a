#include "tests/sim/simulated_swarm.hpp"

#include <algorithm>
#include <bit>

namespace swarmfs::sim {

using std::chrono::microseconds;

void Disk::whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const {
    std::fill(bitmap.begin(), bitmap.end(), std::uint8_t{0});
    for (std::uint64_t i = 0; i < bitmap.size() * 8 && first.value + i < masks_.size(); ++i) {
        const ChunkIndex chunk = first + i;
        if (masks_[chunk.value] == swarm::leaves_of(id_, chunk)) {
            bitmap[i / 8] |= static_cast<std::uint8_t>(0x80U >> (i % 8));
        }
    }
}
Result<> Disk::read_leaves(protocol::LeafRange, std::span<const MutableByteSpan>) {
    return disk_error(Code::io, "bytes are not simulated");
}
Result<std::vector<Hash256>> Disk::proof(ChunkIndex, std::uint8_t) {
    return disk_error(Code::io, "hashes are not simulated");
}
Result<> Disk::store(protocol::LeafRange, std::span<const ByteSpan>, const content::ChunkHashes&) {
    return disk_error(Code::io, "bytes are not simulated");
}
void Disk::put_all() {
    for (ChunkIndex chunk; chunk.value < masks_.size(); ++chunk) {
        masks_[chunk.value] = swarm::leaves_of(id_, chunk);
    }
}
std::uint64_t Disk::missing() const {
    std::uint64_t leaves = leaf_count(id_.size);
    for (const std::uint16_t mask : masks_) {
        leaves -= static_cast<std::uint64_t>(std::popcount(mask));
    }
    return leaves;
}

Result<std::shared_ptr<swarm::ContentPort>> Member::open(const ContentId& content,
                                                         swarm::Purpose purpose) {
    const auto found = disks.find(content);
    if (found != disks.end()) {
        return std::shared_ptr<swarm::ContentPort>(found->second);
    }
    if (purpose == swarm::Purpose::serve) {
        return std::shared_ptr<swarm::ContentPort>();
    }
    return std::shared_ptr<swarm::ContentPort>(disks[content] = std::make_shared<Disk>(content));
}

Member& SimulatedSwarm::add(const std::string& name, double upload_rate,
                            swarm::SwarmOptions options) {
    auto member = std::make_unique<Member>();
    member->name = name;
    dice.fill(member->node.bytes);
    member->suggestions = swarm::Suggestions(std::hash<NodeId>{}(member->node));
    member->upload_rate = upload_rate;
    member->core = std::make_unique<swarm::SwarmCore>(*member, options, dice.u64());
    members.push_back(std::move(member));
    return *members.back();
}

Duration SimulatedSwarm::latency(const Member& a, const Member& b) const {
    const auto range = std::chrono::duration_cast<microseconds>(latency_max - latency_min).count();
    const std::uint64_t pair = std::hash<NodeId>{}(a.node) ^ std::hash<NodeId>{}(b.node);
    return latency_min +
           microseconds(static_cast<std::int64_t>(pair % static_cast<std::uint64_t>(range)));
}

void SimulatedSwarm::connect(Member& a, Member& b) {
    if (!a.online || !b.online || a.core->bans().banned(b.node, now_) ||
        b.core->bans().banned(a.node, now_)) {
        return;
    }
    for (const auto& [number, half] : a.sessions) {
        if (half.to == &b) {
            return;
        }
    }
    const std::uint64_t session = next_session_++;
    for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
        HalfSession half;
        half.to = to;
        half.session = session;
        half.number = PeerNumber{from->next_peer++};
        half.share = from->share.join(now_);
        from->sharing.emplace(half.share, session);
        const PeerNumber number = half.number;
        from->sessions.emplace(number, std::move(half));
        from->numbers.emplace(session, number);
        act(*from, [&](swarm::SwarmCore& core) { core.peer_joined(number, to->node, now_); });
    }
}

void SimulatedSwarm::disconnect(Member& a, Member& b) {
    for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
        for (auto& [number, half] : from->sessions) {
            if (half.to == to) {
                const PeerNumber gone = number;
                from->numbers.erase(half.session);
                from->share.leave(half.share, now_);
                from->sharing.erase(half.share);
                from->sessions.erase(gone);
                act(*from, [&](swarm::SwarmCore& core) { core.peer_left(gone, now_); });
                break;
            }
        }
    }
}

void SimulatedSwarm::go_offline(Member& member) {
    while (!member.sessions.empty()) {
        disconnect(member, *member.sessions.begin()->second.to);
    }
    member.online = false;
    member.download_free = now_;
}

void SimulatedSwarm::come_online(Member& member) {
    member.online = true;
    for (const auto& other : members) {
        if (other.get() != &member) {
            connect(member, *other);
        }
    }
}

void SimulatedSwarm::publish(Member& member, const ContentId& content) {
    auto disk = std::make_shared<Disk>(content);
    disk->put_all();
    member.disks[content] = disk;
}

void SimulatedSwarm::act(Member& member, const std::function<void(swarm::SwarmCore&)>& event) {
    event(*member.core);
    carry_out(member);
}

void SimulatedSwarm::at(Duration in, std::function<void()> event) {
    events_.push({now_ + in, next_order_++, std::move(event)});
}

bool SimulatedSwarm::run_until(const std::function<bool()>& over, Duration at_most) {
    const TimePoint end = now_ + at_most;
    while (!over()) {
        if (events_.empty() || events_.top().at > end) {
            return false;
        }
        Event event = events_.top();
        events_.pop();
        now_ = event.at;
        event.happens();
    }
    return true;
}

HalfSession* SimulatedSwarm::half_of(Member& member, std::uint64_t session) {
    const auto number = member.numbers.find(session);
    return number == member.numbers.end() ? nullptr : &member.sessions.at(number->second);
}

void SimulatedSwarm::send(Member& from, HalfSession& half,
                          std::function<void(Member&, HalfSession&)> event) {
    Member* const to = half.to;
    at(latency(from, *to), [this, to, session = half.session, event = std::move(event)] {
        if (HalfSession* back = half_of(*to, session)) {
            event(*to, *back);
        }
    });
}

void SimulatedSwarm::carry_out(Member& member) {
    for (swarm::Action& action : member.core->decide(now_)) {
        carry_out(member, action);
    }
    const TimePoint wake = member.core->next_wake(now_);
    if (wake == TimePoint::max() || wake == member.wake) {
        return;
    }
    member.wake = wake;
    at(std::max(wake - now_, Duration(microseconds(100))), [this, &member, wake] {
        if (member.wake == wake) {
            member.wake = TimePoint::max();
            carry_out(member);
        }
    });
}

void SimulatedSwarm::carry_out(Member& member, swarm::Action& action) {
    if (auto* open = std::get_if<swarm::OpenContent>(&action)) {
        HalfSession& half = member.sessions.at(open->peer);
        const protocol::Handle handle = half.next_handle++;
        half.handles[open->content] = handle;
        half.contents[handle] = open->content;
        half.disks[handle] = member.disks.at(open->id);
        send(member, half, [this, handle, id = open->id](Member& there, HalfSession& back) {
            back.opened[handle] = id;
            if (there.mute) {
                return;
            }
            const auto disk = there.disks.find(id);
            auto kind = protocol::HoldingKind::none;
            Bytes bitmap((chunk_count(id.size) + 7) / 8);
            if (disk != there.disks.end()) {
                kind = disk->second->complete() ? protocol::HoldingKind::all
                                                : protocol::HoldingKind::some;
                disk->second->whole_chunks(ChunkIndex(0), bitmap);
            }
            if (there.liar || there.pretender) {
                kind = protocol::HoldingKind::all;
            }
            send(there, back, [this, handle, kind, bitmap](Member& here, HalfSession& forth) {
                if (const auto content = forth.contents.find(handle);
                    content != forth.contents.end()) {
                    const ContentNumber number = content->second;
                    const PeerNumber peer = forth.number;
                    act(here, [&](swarm::SwarmCore& core) {
                        core.holding(peer, number, kind, ChunkIndex(0), bitmap, now_);
                    });
                }
            });
            suggest(there, back, handle, id);
        });
    } else if (auto* close = std::get_if<swarm::CloseContent>(&action)) {
        HalfSession& half = member.sessions.at(close->peer);
        const protocol::Handle handle = half.handles.at(close->content);
        half.handles.erase(close->content);
        half.contents.erase(handle);
        half.disks.erase(handle);
        send(member, half, [this, handle](Member& there, HalfSession& back) {
            back.opened.erase(handle);
            back.uploads.drop_handle(handle);
            now_waits(there, back);
        });
    } else if (auto* ask = std::get_if<swarm::AskLeaves>(&action)) {
        request(member, *ask);
    } else if (auto* cancel = std::get_if<swarm::CancelLeaves>(&action)) {
        const auto half = member.sessions.find(cancel->peer);
        if (half == member.sessions.end()) {
            return;
        }
        const protocol::Handle handle = half->second.handles.at(cancel->content);
        send(member, half->second,
             [this, handle, range = cancel->range](Member& there, HalfSession& back) {
                 back.uploads.cancel(handle, range);
                 now_waits(there, back);
             });
    } else if (auto* drop = std::get_if<swarm::DropPeer>(&action)) {
        const auto half = member.sessions.find(drop->peer);
        if (half != member.sessions.end()) {
            Member* const other = half->second.to;
            at(Duration{}, [this, &member, other] { disconnect(member, *other); });
        }
    } else if (auto* ended = std::get_if<swarm::ReadEnded>(&action)) {
        const bool first = member.answers.emplace(ended->read, ended->outcome).second;
        SWARM_ASSERT(first);
    } else if (auto* moved = std::get_if<swarm::FillMoved>(&action)) {
        if (moved->progress.complete) {
            member.filled.emplace(moved->fill, now_);
            ++fills_done;
        }
    } else if (auto* whole = std::get_if<swarm::ChunksWhole>(&action)) {
        announce(member, *whole);
    } else if (auto* complete = std::get_if<swarm::ContentWhole>(&action)) {
        announce_all(member, complete->id);
    } else {
        ++member.sources_wanted;
    }
}

}  // namespace swarmfs::sim
