#include "engine/swarm/surveys.hpp"

#include <algorithm>

namespace swarmfs::swarm {

bool Surveys::begin(const ContentId& content, SurveyDone done) {
    if (waiting_.size() >= kWaitingMax) {
        return false;
    }
    waiting_.emplace_back(content, std::move(done));
    return true;
}

void Surveys::holding(PeerNumber peer, ContentNumber number, protocol::HoldingKind kind,
                      ChunkIndex first, ByteSpan bitmap, TimePoint now) {
    const auto survey = running_.find(number);
    if (survey == running_.end()) {
        return;
    }
    const auto found = survey->second.asked.find(peer);
    if (found == survey->second.asked.end()) {
        return;
    }
    Asked& asked = found->second;
    asked.answered = true;
    const std::uint64_t chunks = chunk_count(survey->second.content.size);
    if (kind == protocol::HoldingKind::all) {
        asked.held.all = true;
        asked.held.some.clear();
    } else if (kind == protocol::HoldingKind::some && !asked.held.all) {
        for_each_in_bitmap(bitmap, first, std::min(chunks, kPartialChunksMax),
                           [&](ChunkIndex chunk) { asked.held.some.insert(chunk); });
    }
    const auto& all = survey->second.asked;
    const bool everybody =
        std::all_of(all.begin(), all.end(), [](const auto& one) { return one.second.answered; });
    if (everybody) {
        const bool more_may_come =
            chunks > kOneFrameChunks && std::any_of(all.begin(), all.end(), [](const auto& one) {
                return !one.second.held.some.empty();
            });
        survey->second.ends_at =
            std::min(survey->second.ends_at, more_may_come ? now + kSettle : now);
    }
}

void Surveys::peer_left(PeerNumber peer) {
    for (auto& [number, survey] : running_) {
        survey.asked.erase(peer);
        const bool everybody = std::all_of(survey.asked.begin(), survey.asked.end(),
                                           [](const auto& one) { return one.second.answered; });
        if (everybody) {
            survey.ends_at = TimePoint{};
        }
    }
}

void Surveys::end(const Running& survey) {
    Over over;
    over.found.content = survey.content;
    for (const auto& [peer, asked] : survey.asked) {
        if (asked.answered) {
            over.found.answers.push_back({asked.node, asked.held});
        } else {
            over.found.silent.push_back(asked.node);
        }
    }
    over.done = survey.done;
    over_.push_back(std::move(over));
}

void Surveys::end_all() {
    for (const auto& [number, survey] : running_) {
        end(survey);
    }
    running_.clear();
    for (auto& [content, done] : waiting_) {
        over_.push_back({Survey{content, {}, {}}, std::move(done)});
    }
    waiting_.clear();
}

std::vector<Action> Surveys::decide(const Peers& connected, TimePoint now) {
    std::vector<Action> actions;
    for (auto at = running_.begin(); at != running_.end();) {
        if (at->second.ends_at > now) {
            ++at;
            continue;
        }
        for (const auto& [peer, asked] : at->second.asked) {
            actions.push_back(CloseContent{peer, at->first});
        }
        end(at->second);
        at = running_.erase(at);
    }
    while (waits()) {
        auto [content, done] = std::move(waiting_.front());
        waiting_.pop_front();
        const ContentNumber number{kBit | (next_++ & ~kBit)};
        Running survey{content, std::move(done), {}, now + kDeadline};
        for (const auto& [peer, node] : connected) {
            survey.asked[peer].node = node;
            actions.push_back(OpenContent{peer, number, content, nullptr});
        }
        if (connected.empty()) {
            end(survey);
        } else {
            running_.emplace(number, std::move(survey));
        }
    }
    return actions;
}

TimePoint Surveys::next_wake() const {
    TimePoint next = TimePoint::max();
    for (const auto& [number, survey] : running_) {
        next = std::min(next, survey.ends_at);
    }
    return waits() ? TimePoint{} : next;
}

}  // namespace swarmfs::swarm
