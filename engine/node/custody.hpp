#pragma once
// What one swarm says about evicting a content: whether it is pinned, and who else holds it.
//
// Rules:
//   1. Which contents the tree names, under which policy and by whom, is known from a census: a walk
//      over all names, taken anew when the tree, the policy or the pins changed, and never more than
//      a twentieth of one core. A content that came since is not known before the next one.
//   2. Who else holds a content is asked of the connected members (a survey), kAsksMax at a time; an
//      answer counts for kAnswerCounts, and no longer than its member stays connected.
//   3. last_copies.hpp says what may go by these answers. Who does not know says so, and then nothing
//      goes.
//   4. A version that no name shows any more, and that a program here has open, goes only while one of
//      those who published it says that it has it: the others may sweep it at any moment.
// Thread: the cache keeper's, and one command at a time, but for what says otherwise.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "engine/core/clock.hpp"
#include "engine/node/last_copies.hpp"
#include "engine/node/named_contents.hpp"
#include "engine/node/policy_watch.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class Custody final : public std::enable_shared_from_this<Custody> {
public:
    static constexpr std::size_t kAsksMax = 32;
    static constexpr std::size_t kAnswersMax = 4096;  // contents; beyond it the oldest is forgotten
    static constexpr Duration kAnswerCounts = std::chrono::minutes(5);
    static constexpr int kCensusShare = 20;
    static constexpr std::size_t kReplacedMax = 1 << 16;  // beyond it they are found by chance

    // Outlives it, until stop().
    struct Parts {
        const Clock& clock;
        Tree& tree;
        swarm::Swarm& swarm;
        PolicyWatch& policy;
        const Pins& pins;
        SwarmId id;
        NodeId self;
        std::function<void()> answered;  // an answer came; any thread, quick
        // TreeVolume::authors_of_opened.
        std::function<std::optional<std::set<NodeId>>(const ContentId&)> opened;
    };
    explicit Custody(const Parts& parts);

    void start();
    // Nothing of Parts is used any more.   Thread: any; waits for a step of a census.
    void stop();

    enum class Word : std::uint8_t {
        unnamed,  // this swarm does not name it, and no program has it open
        may_go,   // but for what the content itself says (owned, held)
        unknown,  // members are being asked, or it is known only by the next census
        pinned,
        last_copy,  // this node is among those that are to keep it
    };
    // Asks, where nothing is known. `whole`: what it says holds for every chunk of the content.
    struct Opinion {
        Word word = Word::unnamed;
        bool whole = false;
    };
    Opinion ask(const ContentId& content, ChunkIndex chunk);

    // Looks at the names anew, if something changed and its turn has come, for contents `wanted`
    // says yes to. Returns: whether nothing has changed since the last look.
    bool take_census(const std::function<bool(const ContentId&)>& wanted);
    // Contents of names that changed since the last call: most of them no name shows any more.
    std::set<ContentId> take_replaced();
    // Chunks of these contents were evicted: whoever shows their files is told.
    void tell_evicted(const std::set<ContentId>& contents);
    // What is known is out of date.   Thread: any.
    void changed() { changed_ = true; }
    void peers_changed();
    // Whether a file of the swarm shows the content.   Thread: any.
    bool shows(const ContentId& content);
    const SwarmId& id() const { return parts_.id; }

private:
    struct Answer {
        TimePoint until{};
        std::optional<LastCopies> copies;  // none: it was asked, and is not answered yet
    };
    void hear(const std::vector<store::NameChange>& changes);
    void take_in(const swarm::Survey& survey, std::uint64_t round);

    const Parts parts_;
    std::uint64_t listener_ = 0;
    std::atomic<bool> changed_ = true;
    std::atomic<bool> stopped_ = false;
    std::uint64_t pins_seen_ = 0;
    TimePoint rests_until_{};

    std::mutex use_mutex_;  // held while Parts are in use
    std::mutex mutex_;      // guards what follows
    NamedContents named_;   // without inodes: rule 4
    std::set<ContentId> replaced_;
    std::map<ContentId, Answer> answers_;
    std::size_t asking_ = 0;
    std::uint64_t round_ = 0;  // changes with the peers: what was asked before does not count
};

}  // namespace swarmfs::node
