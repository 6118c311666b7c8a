#include "engine/node/handover.hpp"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "engine/core/log.hpp"
#include "engine/node/replication.hpp"
#include "engine/node/tree_cursor.hpp"

namespace swarmfs::node {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(500);
constexpr std::size_t kRows = 1000;

// Surveys that are under way. They end within their deadline, or with the swarm. They may end after who waited for them has gone.
struct Open {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<swarm::Survey> found;  // guarded by mutex
};

}  // namespace

Result<> Handover::run() {
    std::vector<Sole> soles = stored_here();
    SWARM_CHECK(look(soles));
    if (soles.empty()) {
        return done();
    }
    for (Sole& sole : soles) {
        std::vector<NodeId> members;
        for (const swarm::PeerStatistics& peer : member_.swarm().peers()) {
            members.push_back(peer.node);
        }
        sole.order = ranked(sole.content, 0, std::move(members));
        sole.order.resize(std::min(sole.order.size(), kTriesMax));
    }
    total_ = soles.size();
    return hand_over(std::move(soles));
}

std::vector<Handover::Sole> Handover::stored_here() const {
    std::vector<Sole> here;
    std::set<ContentId> known;
    TreeCursor cursor;
    cursor.restart();
    while (!cursor.at_end()) {
        const TreeView view = member_.tree().view();
        for (TreeCursor::File& file : cursor.next(view.names, kRows)) {
            const auto stored = member_.contents().open(file.record.content);
            if (stored.ok() && (*stored)->stored_bytes() > 0 &&
                known.insert(file.record.content).second) {
                here.push_back({file.record.content, std::move(file.path), {}, 0, 0, {}});
            }
        }
    }
    return here;
}

Result<> Handover::look(std::vector<Sole>& contents) {
    std::vector<Sole> soles;
    for (std::size_t begin = 0; begin < contents.size(); begin += kSurveysMax) {
        const std::size_t end = std::min(contents.size(), begin + kSurveysMax);
        const auto open = std::make_shared<Open>();
        for (std::size_t i = begin; i < end; ++i) {
            member_.swarm().survey(contents[i].content, [open](const swarm::Survey& survey) {
                const std::lock_guard lock(open->mutex);
                open->found.push_back(survey);
                open->changed.notify_all();
            });
        }
        std::unique_lock lock(open->mutex);
        open->changed.wait(lock, [&] { return open->found.size() == end - begin; });
        std::map<ContentId, const swarm::Survey*> by_content;
        for (const swarm::Survey& survey : open->found) {
            by_content[survey.content] = &survey;
        }
        for (std::size_t i = begin; i < end; ++i) {
            const std::uint64_t now_lacking = lacking(*by_content.at(contents[i].content));
            if (now_lacking < contents[i].lacking) {
                contents[i].moved_at = clock_.now();
            }
            contents[i].lacking = now_lacking;
            if (now_lacking > 0) {
                soles.push_back(std::move(contents[i]));
            }
        }
        lock.unlock();
        SWARM_CHECK(breathe());
    }
    contents = std::move(soles);
    return done();
}

// Chunks that are here whole, and at nobody else.
std::uint64_t Handover::lacking(const swarm::Survey& survey) const {
    const swarm::Holdings own = holdings_of(member_.contents(), survey.content);
    const auto elsewhere = [&](ChunkIndex chunk) {
        return std::any_of(survey.answers.begin(), survey.answers.end(),
                           [&](const auto& answer) { return answer.held.has(chunk); });
    };
    if (std::any_of(survey.answers.begin(), survey.answers.end(),
                    [](const auto& answer) { return answer.held.all; })) {
        return 0;
    }
    std::uint64_t count = 0;
    const std::uint64_t chunks = own.all ? chunk_count(survey.content.size) : 0;
    for (ChunkIndex chunk; chunk.value < chunks; ++chunk) {
        count += elsewhere(chunk) ? 0 : 1;
    }
    own.some.for_each([&](ChunkIndex chunk) { count += elsewhere(chunk) ? 0 : 1; });
    return count;
}

void Handover::offer(Sole& sole) {
    const NodeId& to = sole.order[sole.asked++];
    sole.moved_at = moved_at_[to] = clock_.now();
    member_.swarm().send_take(to, sole.content);
}

Result<> Handover::hand_over(std::vector<Sole> soles) {
    std::vector<Sole> offered;
    std::vector<Sole> refused;
    while (!soles.empty() || !offered.empty()) {
        while (!soles.empty() && offered.size() < kOffersMax) {
            Sole next = std::move(soles.back());
            soles.pop_back();
            if (next.order.empty()) {
                refused.push_back(std::move(next));
                continue;
            }
            offer(next);
            offered.push_back(std::move(next));
        }
        if (member_.stop_signal().wait_for(kLookEvery)) {
            return caller_error(Code::cancelled, "the node is stopping; nothing was left");
        }
        std::map<ContentId, NodeId> taken;
        for (const Sole& sole : offered) {
            taken[sole.content] = sole.order[sole.asked - 1];
        }
        SWARM_CHECK(look(offered));
        const TimePoint now = clock_.now();
        for (const Sole& sole : offered) {
            TimePoint& moved = moved_at_[taken.at(sole.content)];
            moved = std::max(moved, sole.moved_at);
            taken.erase(sole.content);
        }
        for (const auto& [content, by] : taken) {
            moved_at_[by] = now;
            ++done_;
        }
        std::erase_if(offered, [&](Sole& sole) {
            if (now - moved_at_[sole.order[sole.asked - 1]] < kStallMax) {
                return false;
            }
            if (sole.asked < sole.order.size()) {
                offer(sole);
                return false;
            }
            refused.push_back(std::move(sole));
            return true;
        });
    }
    return refused.empty() ? done() : Result<>(nobody_took(refused));
}

Result<> Handover::breathe() {
    if (call_.abandoned()) {
        return caller_error(Code::cancelled, "leaving was broken off; nothing was left");
    }
    if (total_ > 0) {
        call_.progress({{"contents", done_}, {"contents_total", total_}});
    }
    return done();
}

Error Handover::nobody_took(const std::vector<Sole>& left) const {
    const std::string name = member_.membership().name;
    std::string files;
    for (std::size_t i = 0; i < std::min(left.size(), kNamed); ++i) {
        files += (i == 0 ? "\"" : ", \"") + printable(left[i].path) + "\"";
    }
    if (left.size() > kNamed) {
        files += " and " + std::to_string(left.size() - kNamed) + " more";
    }
    const std::string why =
        member_.swarm().connected() == 0
            ? "no other member is connected"
            : "no connected member took " + std::string(left.size() == 1 ? "it" : "them");
    return network_error(Code::unavailable,
                         "only this node has " + files + ", and " + why +
                             "; nothing was left. Try again when members with room are connected, "
                             "or leave all the same, and lose that: swarmfs leave " +
                             name + " --now");
}

}  // namespace swarmfs::node
