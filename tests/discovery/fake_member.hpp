#pragma once
// A member as the tracker client sees one, on an executor that the test itself turns.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/core/dice.hpp"
#include "engine/discovery/tracker_client.hpp"
#include "engine/http/client.hpp"
#include "tests/discovery/fake_tracker.hpp"

namespace swarmfs::discovery::test {

// A content of `size` bytes that is told apart by `number`.
protocol::AnnouncedContent content(std::uint32_t number, std::uint64_t size = 1);

class FakeMember : public TrackerPort {
public:
    explicit FakeMember(std::vector<std::string> urls, std::string api_key = "");
    ~FakeMember() override;

    // Turns the executor until `seen` says so. Returns: false when `bound` has passed first.
    bool until(const std::function<bool()>& seen, Duration bound = std::chrono::seconds(10));
    void stop(Duration patience = std::chrono::seconds(1));
    TrackerReport report(TrackerNumber number = 0) const { return client->report().at(number); }
    void add(const std::string& text);                                // to the catalog
    void hold(const protocol::AnnouncedContent& one, bool announce);  // to the contents

    protocol::PeerSignature sign(std::string_view purpose, ByteSpan statement) override;
    std::vector<std::string> own_addresses() override { return addresses; }
    std::vector<protocol::AnnouncedContent> contents_after(const std::optional<ContentId>& after,
                                                           std::size_t count) override;
    Bytes catalog_vector() override { return vector_of(catalog); }
    std::vector<Bytes> catalog_for(TrackerNumber tracker, ByteSpan their_vector, bool first,
                                   std::size_t bytes_max) override;
    Result<> catalog_from(TrackerNumber tracker, const std::vector<Bytes>& messages) override;
    void on_tracker_peers(TrackerNumber tracker, const std::vector<protocol::TrackerPeer>& peers,
                          transport::TellerPlace teller) override;

    boost::asio::io_context context;
    SystemClock clock;
    SeededDice dice{1};
    http::Client http{context.get_executor(), clock};
    std::vector<std::string> addresses{"198.51.100.1:6881"};
    Texts catalog;
    std::map<ContentId, protocol::AnnouncedContent> contents;
    std::map<TrackerNumber, Texts> sent;  // in the round under way
    std::vector<protocol::TrackerPeer> peers;
    std::optional<transport::TellerPlace> teller;
    NodeId node;
    SwarmId swarm;
    std::optional<TrackerClient> client;

protected:
    // For members with an identity of their own, which make their client themselves.
    FakeMember() = default;
    void make_client(std::vector<std::string> urls, std::string api_key, Bytes grant);
};

}  // namespace swarmfs::discovery::test
