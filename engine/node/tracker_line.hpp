#pragma once
// A member's line to its trackers: joins discovery/tracker_client.hpp to tree, store and dialling.
// Thread: engine, unless a call says otherwise.

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/catalog/sender.hpp"
#include "engine/discovery/tracker_client.hpp"
#include "engine/http/client.hpp"
#include "engine/node/member.hpp"

namespace swarmfs::node {

class TrackerLine final : public discovery::TrackerPort {
public:
    explicit TrackerLine(Member& member);
    ~TrackerLine() override;

    void start();
    // Says goodbye; at most about a second. Thread: not the engine's.
    void stop();
    void catalog_changed() { client_.catalog_changed(); }
    // `name` may be empty: the tracker keeps the one it knows.
    void content_held(const ContentId& content, const std::string& name);
    void hurry() { client_.hurry(); }
    // Waits for the engine thread. Thread: any; the engine runs.
    std::vector<Member::TrackerReport> report();

    protocol::PeerSignature sign(std::string_view purpose, ByteSpan statement) override;
    std::vector<std::string> own_addresses() override;
    std::vector<protocol::AnnouncedContent> contents_after(const std::optional<ContentId>& after,
                                                           std::size_t count) override;
    Bytes catalog_vector() override;
    std::vector<Bytes> catalog_for(discovery::TrackerNumber tracker, ByteSpan their_vector,
                                   bool first, std::size_t bytes_max) override;
    Result<> catalog_from(discovery::TrackerNumber tracker,
                          const std::vector<Bytes>& messages) override;
    void on_tracker_peers(discovery::TrackerNumber tracker,
                          const std::vector<protocol::TrackerPeer>& peers,
                          transport::TellerPlace teller) override;

private:
    discovery::TrackerOptions options() const;
    std::optional<protocol::AnnouncedContent> describe(const ContentId& content);

    Member& member_;
    http::Client http_;
    discovery::TrackerClient client_;
    std::map<discovery::TrackerNumber, catalog::Sender> senders_;
    std::map<ContentId, std::string> held_;  // what a full announce goes through, with names
};

}  // namespace swarmfs::node
