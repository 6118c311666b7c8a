#include "engine/node/catalog_sync.hpp"

#include "engine/catalog/path_rules.hpp"
#include "engine/core/log.hpp"

namespace swarmfs::node {
namespace {

// Long enough for the author's own copy to arrive first, short against the 300 ms within which a
// change is to be seen.
constexpr auto kGossipDelay = std::chrono::milliseconds(80);
// A burst of publications is answered with one vector.
constexpr auto kVectorEvery = std::chrono::milliseconds(40);
// What one turn of a sender may produce before the queue is asked again.
constexpr std::size_t kSendAtOnce = 256 * 1024;
constexpr auto kLookAfterEvery = std::chrono::seconds(2);
// Shrinking is housekeeping: a few milliseconds a minute, or every time while there is more.
constexpr Duration kCompactEvery = std::chrono::minutes(1);
constexpr std::size_t kCompactedAtOnce = 500;

catalog::VersionVector vector_of(const std::vector<protocol::VectorItem>& items) {
    catalog::VersionVector vector;
    for (const protocol::VectorItem& item : items) {
        vector.raise(item.author, item.sequence);
    }
    return vector;
}

}  // namespace

CatalogSync::CatalogSync(boost::asio::io_context& engine, Tree& tree, const Clock& clock)
    : vector_timer_(engine),
      gossip_timer_(engine),
      look_after_timer_(engine),
      compact_at_(clock.now()),
      tree_(tree),
      clock_(clock) {}

std::vector<protocol::VectorItem> CatalogSync::our_vector() {
    std::vector<protocol::VectorItem> items;
    const TreeView view = tree_.view();
    const catalog::VersionVector vector = view.catalog.vector_to_tell();
    for (const auto& [author, sequence] : vector.numbers()) {
        items.push_back({author, sequence});
    }
    return items;
}

void CatalogSync::on_vector(const NodeId& node, std::vector<protocol::VectorItem> items) {
    Peer& peer = peers_[node];
    peer.theirs = vector_of(items);
    peer.sender.learn(peer.theirs);
    send_to(node, peer);
}

bool CatalogSync::shows(const protocol::VectorItem& version, const std::string& path) {
    if (!catalog::check_path(path).ok()) {
        return false;  // the tables are asked for names only
    }
    const auto record = tree_.view().names.resolve(path);
    return record.ok() && record->dot == catalog::Dot{version.author, version.sequence};
}

void CatalogSync::on_ready(const NodeId& node) {
    if (const auto peer = peers_.find(node); peer != peers_.end()) {
        send_to(node, peer->second);
    }
}

void CatalogSync::on_peer_left(const NodeId& node) {
    peers_.erase(node);
}

// Returns: whether everything that waited is on its way.
bool CatalogSync::flush(const NodeId& node, Peer& peer) {
    while (!peer.waiting.empty()) {
        if (!swarm_->send_catalog(node, peer.waiting.front())) {
            return false;
        }
        peer.waiting.pop_front();
    }
    return true;
}

void CatalogSync::send_to(const NodeId& node, Peer& peer) {
    bool all = false;
    while (flush(node, peer) && !all) {
        const TreeView view = tree_.view();
        const auto keep = [&peer](catalog::MessageKind kind, Bytes message) {
            const auto frame_kind = kind == catalog::MessageKind::header
                                        ? swarm::CatalogFrame::Kind::header
                                        : swarm::CatalogFrame::Kind::entries;
            peer.waiting.push_back({frame_kind, std::move(message)});
        };
        auto sent = peer.sender.send(view.catalog, kSendAtOnce, keep);
        if (!sent.ok()) {
            log_error("node", "the catalog cannot be read: " + sent.error().message);
            return;
        }
        if (const auto synced = tree_.sync_sealed(); !synced.ok()) {
            log_error("node", "the catalog cannot be kept: " + synced.error().message);
            peer.waiting.clear();
            return;
        }
        all = *sent;
    }
    peer.sent_all = all && peer.waiting.empty();
}

void CatalogSync::send_to_all() {
    for (auto& [node, peer] : peers_) {
        send_to(node, peer);
    }
}

void CatalogSync::on_published() {
    send_to_all();
    grown();
}

Result<> CatalogSync::take(ByteSpan message) {
    return catalog::is_header_message(message) ? header(message) : entries(message);
}

Result<> CatalogSync::header(ByteSpan bytes) {
    SWARM_TRY(const catalog::HeaderOutcome outcome, tree_.apply_header(bytes));
    (void)outcome;
    return done();
}

Result<> CatalogSync::entries(ByteSpan bytes) {
    SWARM_TRY(const bool any, tree_.apply_entries(bytes));
    if (any) {
        applied();
    }
    return done();
}

// Others said something that counts now: it is passed on.
void CatalogSync::applied() {
    grown();
    if (!gossip_due_) {
        gossip_due_ = true;
        gossip_timer_.expires_after(kGossipDelay);
        gossip_timer_.async_wait([this](const boost::system::error_code& failed) {
            if (!failed) {
                gossip_due_ = false;
                send_to_all();
            }
        });
    }
}

void CatalogSync::grown() {
    if (on_grown_) {
        on_grown_();
    }
    if (vector_due_) {
        return;
    }
    vector_due_ = true;
    vector_timer_.expires_after(kVectorEvery);
    vector_timer_.async_wait([this](const boost::system::error_code& failed) {
        if (!failed) {
            vector_due_ = false;
            swarm_->broadcast_vector();
        }
    });
}

// ---- looking after things ----

void CatalogSync::start() {
    look_after_timer_.expires_after(kLookAfterEvery);
    look_after_timer_.async_wait([this](const boost::system::error_code& failed) {
        if (!failed) {
            look_after();
            start();
        }
    });
}

void CatalogSync::look_after() {
    if (tree_.view().catalog.something_is_ready()) {
        const auto advanced = tree_.advance();
        if (!advanced.ok()) {
            log_warning("node",
                        "the catalog cannot be brought forward: " + advanced.error().message);
        } else if (*advanced) {
            applied();
        }
    }
    send_again_to_lagging();
    compact();
}

void CatalogSync::send_again_to_lagging() {
    const catalog::VersionVector ours = tree_.view().catalog.vector();
    for (auto& [node, peer] : peers_) {
        if (!peer.sent_all) {
            continue;
        }
        const std::set<AuthorId> due = peer.lag.due(peer.theirs, ours, clock_.now());
        if (!due.empty()) {
            peer.sender.start_over(peer.theirs, due);
            send_to(node, peer);
        }
    }
}

void CatalogSync::compact() {
    if (clock_.now() < compact_at_) {
        return;
    }
    const auto count = tree_.compact(kCompactedAtOnce);
    if (!count.ok()) {
        log_warning("node", "old versions cannot be shrunk: " + count.error().message);
    }
    if (!count.ok() || *count < kCompactedAtOnce) {
        compact_at_ = clock_.now() + kCompactEvery;
    }
}

void CatalogSync::stop() {
    look_after_timer_.cancel();
    vector_timer_.cancel();
    gossip_timer_.cancel();
    peers_.clear();
}

}  // namespace swarmfs::node
