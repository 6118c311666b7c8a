#pragma once
// ReadQuorum's rules, followed word by word over plain lists, without limits on what is open. Its
// twin in tests: it says which questions have ended how, and what each member must have been asked.

#include <map>
#include <optional>
#include <vector>

#include "engine/swarm/read_quorum.hpp"

namespace swarmfs::test {

class NaiveReadQuorum {
public:
    using Answer = protocol::ConfirmAnswer;
    struct Question {
        swarm::ConfirmRequest request;
        std::optional<TimePoint> short_since;
        std::map<swarm::PeerNumber, Answer> answers;  // the latest of each
        std::optional<Code> ended;                    // Code::exists: confirmed
    };

    explicit NaiveReadQuorum(Duration grace) : grace_(grace) {}

    std::map<swarm::ConfirmId, Question> questions;
    std::map<swarm::PeerNumber, bool> connected;
    int dialling = 0;

    void ask(swarm::ConfirmId id, const swarm::ConfirmRequest& request) {
        questions[id].request = request;
    }
    void cancel(swarm::ConfirmId id) { end(questions.at(id), Code::cancelled); }
    void left(swarm::PeerNumber peer) {
        connected.erase(peer);
        for (auto& [id, question] : questions) {
            question.answers.erase(peer);
        }
    }
    void answered(swarm::PeerNumber peer, swarm::ConfirmId id, Answer answer) {
        Question& question = questions.at(id);
        if (question.ended) {
            return;
        }
        question.answers[peer] = answer;
        std::size_t yes = 0;
        for (const auto& [who, said] : question.answers) {
            yes += said == Answer::yes ? 1 : 0;
        }
        if (yes >= question.request.others) {
            end(question, Code::exists);
        }
    }
    // After every event, at its time.
    void settle(TimePoint now) {
        for (auto& [id, question] : questions) {
            if (question.ended) {
                continue;
            }
            if (connected.size() >= question.request.others) {
                question.short_since.reset();
            } else if (!question.short_since) {
                question.short_since = now;
            }
            if (now >= question.request.deadline) {
                end(question, Code::timed_out);
            } else if (question.short_since &&
                       now >= *question.short_since + (dialling > 0 ? grace_ * 3 : grace_)) {
                end(question, Code::unavailable);
            }
        }
    }

private:
    static void end(Question& question, Code code) {
        if (!question.ended) {
            question.ended = code;
        }
    }
    const Duration grace_;
};

}  // namespace swarmfs::test
