#pragma once
// Hands over what only this node holds, before it leaves a swarm.
//
// Rules:
//   1. What counts is every content that the tree names and of which this node holds a chunk that no
//      connected member holds, whatever the policy says.
//   2. Such a content is offered (protocol::Take) to the connected member that ranks first for it
//      (replication.hpp), which fetches it from here, if it has room and is willing. It is over when
//      members together hold all that this node does.
//   3. Nobody answers an offer. When a member has fetched nothing of what it was offered for
//      kStallMax, the next in rank is asked; kTriesMax of them.
//   4. What nobody took is an error that names some of the files; then nothing is left or erased.
// Thread: the caller's; blocks.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/node/control_methods.hpp"
#include "engine/node/member.hpp"

namespace swarmfs::node {

class Handover {
public:
    static constexpr Duration kStallMax = std::chrono::seconds(30);
    static constexpr std::size_t kTriesMax = 5;
    static constexpr std::size_t kOffersMax = 32;   // at a time
    static constexpr std::size_t kSurveysMax = 64;  // at a time
    static constexpr std::size_t kNamed = 5;        // files in the error

    Handover(Member& member, const Clock& clock, ControlCall& call)
        : member_(member), clock_(clock), call_(call) {}

    // Errors: unavailable (rule 4), cancelled (the caller hung up).
    Result<> run();

private:
    struct Sole {
        ContentId content;
        std::string path;
        std::vector<NodeId> order;  // who is asked, one after another
        std::size_t asked = 0;      // of these
        std::uint64_t lacking = 0;  // chunks that nobody else holds
        TimePoint moved_at{};
    };

    std::vector<Sole> stored_here() const;
    // Asks everybody about them, and leaves those that only this node holds.
    Result<> look(std::vector<Sole>& contents);
    std::uint64_t lacking(const swarm::Survey& survey) const;
    void offer(Sole& sole);
    Result<> hand_over(std::vector<Sole> soles);
    Result<> breathe();
    Error nobody_took(const std::vector<Sole>& left) const;

    Member& member_;
    const Clock& clock_;
    ControlCall& call_;
    std::uint64_t total_ = 0;
    std::uint64_t done_ = 0;
    std::map<NodeId, TimePoint> moved_at_;  // something of what the member was offered
};

}  // namespace swarmfs::node
