#pragma once
// A tracker small enough to be told what to get wrong: it keeps its word by the book (memory only,
// no checks but the signature's) unless `misbehave` has an answer of its own.
//
// Its catalog is a set of texts, and its vector is those texts: enough to see who has what.
// Thread: the test's; handlers run on the server's.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/http/server.hpp"
#include "engine/protocol/tracker_contents.hpp"

namespace swarmfs::discovery::test {

using Texts = std::set<std::string>;
Bytes vector_of(const Texts& texts);
Texts texts_of(ByteSpan vector);

// Stands in for Ed25519: differs when the purpose or the statement does.
protocol::PeerSignature fake_signature(std::string_view purpose, ByteSpan statement);

class FakeTracker {
public:
    // What came in. `what` is "POST /api/peers/register".
    struct Seen {
        std::string what;
        std::string query;
        std::string body;
        std::string api_key;
        std::string token;
    };
    // Returns: what to answer in place of what a tracker would.   Thread: the server's.
    using Misbehave = std::function<std::optional<http::Response>(const Seen&)>;

    // Port 0: any free one; else one that another tracker has just left.
    explicit FakeTracker(std::uint16_t port = 0);
    ~FakeTracker();

    std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
    std::uint16_t port() const { return server_->port(); }

    void misbehave(Misbehave how);
    // Requests of that kind keep their client waiting until the tracker ends.
    void never_answer(const std::string& what);
    void put_catalog(Texts texts);
    void put_peers(std::vector<protocol::TrackerPeer> peers);
    void put_heartbeat_seconds(std::uint64_t seconds);
    // Messages in one answer; what is left comes with the cursor.
    void put_page(std::size_t messages);

    std::size_t count(const std::string& what) const;
    std::vector<Seen> seen() const;
    Texts catalog() const;
    std::set<ContentId> announced() const;
    std::optional<protocol::Registration> registered() const;

private:
    http::Response answer(const Seen& seen);
    http::Response enter(const Seen& seen);
    http::Response beat(const Seen& seen);
    http::Response leave(const Seen& seen);
    http::Response announce(const Seen& seen);
    http::Response changes(const Seen& seen);
    void handle(const http::Request& request, http::Reply reply);

    mutable std::mutex mutex_;  // guards the rest, but for server_
    std::vector<Seen> seen_;
    std::set<std::string> unanswered_;
    std::vector<http::Reply> waiting_;
    Misbehave misbehave_;
    std::optional<protocol::Registration> registered_;
    std::optional<protocol::PeerToken> token_;
    std::uint64_t heartbeat_seconds_ = protocol::kHeartbeatSeconds;
    std::uint64_t moves_ = 1;
    std::size_t page_ = 100;
    Texts catalog_;
    std::set<ContentId> announced_;
    std::vector<protocol::TrackerPeer> peers_;
    std::unique_ptr<http::Server> server_;
};

// A problem as a tracker says it.
http::Response refusal(unsigned status, const std::string& code, const std::string& detail);

}  // namespace swarmfs::discovery::test
