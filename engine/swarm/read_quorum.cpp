#include "engine/swarm/read_quorum.hpp"

#include <algorithm>
#include <utility>

#include "engine/core/assert.hpp"

namespace swarmfs::swarm {
namespace {

// "1 other member", "2 other members"
std::string others(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " other member" : " other members");
}

std::string wanted(const ConfirmRequest& request) {
    return others(request.others) + (request.others == 1 ? " has" : " have") +
           " to confirm its version (read_quorum = " + std::to_string(request.others + 1) + ")";
}

}  // namespace

void ReadQuorum::ask(ConfirmId id, ConfirmRequest request, TimePoint now) {
    SWARM_ASSERT(request.others > 0);
    if (questions_.size() >= kQuestionsMax) {
        actions_.push_back(
            ConfirmEnded{id, caller_error(Code::busy, "too many files are being opened at once")});
        return;
    }
    const auto question = questions_.emplace(id, Question{}).first;
    question->second.request = std::move(request);
    if (question->second.request.version) {
        for (const auto& [number, peer] : peers_) {
            set_due(id, number, question->second.members[number], now);
        }
    }
    judge(question, now);
}

void ReadQuorum::cancel(ConfirmId id) {
    if (const auto question = questions_.find(id); question != questions_.end()) {
        end(question, caller_error(Code::cancelled, "it is not opened any more"));
    }
}

void ReadQuorum::cancel_all() {
    while (!questions_.empty()) {
        cancel(questions_.begin()->first);
    }
}

// ---- members ----

void ReadQuorum::joined(PeerNumber peer, TimePoint now) {
    peers_.try_emplace(peer);
    for (auto& [id, question] : questions_) {
        if (question.request.version) {
            set_due(id, peer, question.members[peer], now);
        }
    }
    judge_all(now);
}

void ReadQuorum::left(PeerNumber peer, TimePoint now) {
    if (peers_.erase(peer) == 0) {
        return;
    }
    for (auto& [id, question] : questions_) {
        const auto member = question.members.find(peer);
        if (member != question.members.end()) {
            set_due(id, peer, member->second, TimePoint::max());
            question.yes -= member->second.answer == protocol::ConfirmAnswer::yes ? 1 : 0;
            question.members.erase(member);
        }
    }
    judge_all(now);
}

// Rule 3.
void ReadQuorum::grown(PeerNumber peer, TimePoint now) {
    for (auto& [id, question] : questions_) {
        const auto found = question.members.find(peer);
        if (found == question.members.end()) {
            continue;
        }
        Member& member = found->second;
        if (member.open != 0) {
            member.grown = true;
        } else if (member.answer && !member.waits) {
            const TimePoint soon = std::max(now, member.asked_at + kAskAgainMin);
            set_due(id, peer, member, std::min(member.due, soon));
        }
    }
}

void ReadQuorum::dialling(int difference, TimePoint now) {
    dialling_ += difference;
    judge_all(now);
}

void ReadQuorum::answered(PeerNumber number, const protocol::Confirmed& answer, TimePoint now) {
    const auto peer = peers_.find(number);
    if (peer == peers_.end()) {
        return;
    }
    const auto open = peer->second.open.find(answer.nonce);
    if (open == peer->second.open.end()) {
        return;
    }
    const ConfirmId id = open->second;
    peer->second.open.erase(open);
    next_in_turn(number, peer->second, now);
    const auto question = questions_.find(id);
    if (question == questions_.end()) {
        return;
    }
    Member& member = question->second.members.at(number);
    const bool was_yes = member.answer == protocol::ConfirmAnswer::yes;
    const bool is_yes = answer.answer == protocol::ConfirmAnswer::yes;
    member.open = 0;
    member.answer = answer.answer;
    question->second.yes += is_yes ? 1 : 0;
    question->second.yes -= was_yes ? 1 : 0;
    if (std::exchange(member.grown, false)) {
        set_due(id, number, member, std::max(now, member.asked_at + kAskAgainMin));
    } else if (!is_yes) {
        set_due(id, number, member, now + kAskAgain);
    }
    if (question->second.yes >= question->second.request.others) {
        end(question, done());
    }
}

// ---- deciding ----

std::vector<QuorumAction> ReadQuorum::decide(TimePoint now) {
    while (!alarms_.empty() && alarms_.begin()->first <= now) {
        judge(questions_.find(alarms_.begin()->second), now);
    }
    while (!due_.empty() && std::get<0>(*due_.begin()) <= now) {
        const auto [at, id, peer] = *due_.begin();
        ask_peer(id, peer, now);
    }
    return std::exchange(actions_, {});
}

TimePoint ReadQuorum::next_wake() const {
    if (!actions_.empty()) {
        return TimePoint::min();
    }
    TimePoint next = due_.empty() ? TimePoint::max() : std::get<0>(*due_.begin());
    if (!alarms_.empty()) {
        next = std::min(next, alarms_.begin()->first);
    }
    return next;
}

void ReadQuorum::set_due(ConfirmId id, PeerNumber peer, Member& member, TimePoint at) {
    due_.erase({member.due, id, peer});
    member.due = at;
    if (at != TimePoint::max()) {
        due_.emplace(at, id, peer);
    }
}

void ReadQuorum::ask_peer(ConfirmId id, PeerNumber number, TimePoint now) {
    Question& question = questions_.at(id);
    Member& member = question.members.at(number);
    Peer& peer = peers_.at(number);
    set_due(id, number, member, TimePoint::max());
    member.waits = peer.open.size() >= kOpenAtPeerMax;
    if (member.waits) {
        peer.waiting.insert(id);
        return;
    }
    member.open = next_nonce_++;
    member.asked_at = now;
    peer.open.emplace(member.open, id);
    actions_.push_back(
        AskConfirm{number, {member.open, *question.request.version, question.request.path}});
}

void ReadQuorum::next_in_turn(PeerNumber number, Peer& peer, TimePoint now) {
    if (!peer.waiting.empty()) {
        const ConfirmId next = *peer.waiting.begin();
        peer.waiting.erase(peer.waiting.begin());
        set_due(next, number, questions_.at(next).members.at(number), now);
    }
}

// Rules 5 and 6.
void ReadQuorum::judge(Questions::iterator question, TimePoint now) {
    Question& judged = question->second;
    if (now >= judged.request.deadline) {
        end(question, too_few_confirm(judged));
        return;
    }
    TimePoint alarm = judged.request.deadline;
    if (peers_.size() >= judged.request.others) {
        judged.short_since.reset();
    } else {
        if (!judged.short_since) {
            judged.short_since = now;
            actions_.push_back(MembersWanted{});
        }
        const TimePoint until = *judged.short_since + (dialling_ > 0 ? grace_ * 3 : grace_);
        if (now >= until) {
            end(question, too_few_connected(judged));
            return;
        }
        alarm = std::min(alarm, until);
    }
    alarms_.erase({judged.alarm, question->first});
    judged.alarm = alarm;
    if (alarm != TimePoint::max()) {
        alarms_.emplace(alarm, question->first);
    }
}

void ReadQuorum::judge_all(TimePoint now) {
    for (auto question = questions_.begin(); question != questions_.end();) {
        judge(question++, now);
    }
}

// What it was asked is open at its peers until they have answered, for rule 4.
void ReadQuorum::end(Questions::iterator question, Result<> outcome) {
    const ConfirmId id = question->first;
    for (auto& [number, member] : question->second.members) {
        set_due(id, number, member, TimePoint::max());
        if (member.waits) {
            peers_.at(number).waiting.erase(id);
        }
    }
    alarms_.erase({question->second.alarm, id});
    questions_.erase(question);
    actions_.push_back(ConfirmEnded{id, std::move(outcome)});
}

Error ReadQuorum::too_few_connected(const Question& question) const {
    return network_error(Code::unavailable, wanted(question.request) + ", and " +
                                                std::to_string(peers_.size()) + " of them " +
                                                (peers_.size() == 1 ? "is" : "are") + " connected");
}

Error ReadQuorum::too_few_confirm(const Question& question) const {
    if (!question.request.version) {
        return network_error(
            Code::timed_out,
            "it is being written here, and " + wanted(question.request) + " once it is published");
    }
    std::size_t no = 0;
    for (const auto& [number, member] : question.members) {
        no += member.answer == protocol::ConfirmAnswer::no ? 1 : 0;
    }
    return network_error(
        Code::timed_out,
        wanted(question.request) + ", and until the deadline " + std::to_string(question.yes) +
            " did, " + std::to_string(no) + " said that they show another one, and " +
            std::to_string(question.members.size() - question.yes - no) + " did not answer");
}

}  // namespace swarmfs::swarm
