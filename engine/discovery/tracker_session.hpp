#pragma once
// The conversation with one tracker (tracker_client.hpp). Inside the room only.
//
//   connecting ──registered──► online ──failed──► unreachable ──after a while──► connecting
//                                └── "unknown_peer": the tracker forgot us ──────────► connecting
//
// Online, it does what is due in this order: heartbeat, peers, new contents, a first part of the
// full announce, the catalog, the rest of the announce. The first three come between the steps of
// the others as well, so that nothing long holds them up.

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engine/async/event.hpp"
#include "engine/discovery/tracker_client.hpp"
#include "engine/http/message.hpp"

namespace swarmfs::discovery {

// `length` less up to `percent` of it, by chance.
Duration shortened(Duration length, unsigned percent, Dice& dice);
// How long to leave alone a tracker that has failed so often in a row before (rule 5).
Duration tracker_retry_after(unsigned failures, Dice& dice);

class TrackerSession {
public:
    TrackerSession(const TrackerClient::Parts& parts, const TrackerOptions& options,
                   TrackerNumber number);

    // Until cancelled.
    async::Task<> run();
    // Tells the tracker that we leave, if it knows us. Requires: run() has ended.
    async::Task<> leave();

    void announce(const std::vector<protocol::AnnouncedContent>& contents);
    void catalog_changed();
    void hurry();
    TrackerReport report() const;

private:
    using Headers = std::vector<http::HeaderField>;

    async::Task<Result<>> enter();
    async::Task<Result<>> do_what_is_due();
    async::Task<Result<>> keep_up();
    async::Task<Result<>> heartbeat();
    async::Task<Result<>> announce_waiting();
    async::Task<Result<>> announce_page();
    async::Task<Result<>> send_announce(std::vector<protocol::AnnouncedContent> contents);
    async::Task<Result<>> sync();
    async::Task<Result<>> ask_for_peers();
    async::Task<> back_off();
    // Returns: the body of a good answer.   Errors: what went wrong, in the tracker's words.
    async::Task<Result<std::string>> call(http::Method method, std::string path, std::string body);

    std::vector<Bytes> collect_outgoing(const Bytes& their_vector, bool first);
    void became_known(const protocol::Registered& registered);
    bool forgets_too_often();
    void failed(const Error& error);
    void announce_anew();
    std::uint64_t statement_time();

    const TrackerClient::Parts parts_;
    const TrackerOptions& options_;
    const TrackerNumber number_;
    const std::string base_;  // its URL, which ends without a slash

    std::string state_ = "connecting";
    std::string detail_;
    std::string seen_as_;
    std::uint64_t last_ok_ms_ = 0;
    unsigned failures_ = 0;
    Duration retry_after_{};     // what the tracker asked for; zero: nothing
    bool forgotten_ = false;     // the tracker does not know our token
    unsigned refused_with_ = 0;  // the last answer's status, when it was a refusal
    unsigned forgettings_ = 0;   // soon after we registered, in a row
    TimePoint registered_at_{};
    bool hurried_ = false;
    TimePoint hurry_from_{};  // not heard before
    std::uint64_t statement_ms_ = 0;

    std::optional<protocol::PeerToken> token_;
    Duration heartbeat_every_{};
    TimePoint heartbeat_at_{};
    TimePoint peers_at_{};
    std::optional<std::uint64_t> changes_;
    bool sync_due_ = true;
    std::deque<protocol::AnnouncedContent> waiting_;
    bool announcing_all_ = true;
    unsigned announce_round_ = 0;            // another one than before: it has begun anew
    std::optional<ContentId> announced_to_;  // of the full announce
    async::Signal wake_;
};

}  // namespace swarmfs::discovery
