// What a tracker session brings and fetches: contents, the catalog, peers.
#include <algorithm>

#include "engine/core/log.hpp"
#include "engine/discovery/tracker_session.hpp"
#include "engine/http/client.hpp"
#include "engine/http/url.hpp"

namespace swarmfs::discovery {

using http::Method;

namespace {

// Turns of one sync in which no catalog moves in either direction: an honest tracker has none.
constexpr int kIdleTurnsMax = 8;
// Turns in which something comes and our catalog does not grow by it: a publication counts when all
// of it is here, and with a mebibyte a turn this is more than the largest one takes.
constexpr int kFruitlessTurnsMax = 4096;
// Contents asked for at once: each may come with 512 KiB of chunk hashes.
constexpr std::size_t kContentsPerPage = 32;
constexpr std::size_t kAnnounceBytesAim = 1024 * 1024;
constexpr std::size_t kCatalogPieceBytes = 16 * 1024;
constexpr std::size_t kPeersAsked = 50;

// About what a content takes as JSON: 64 digits and quotes for each hash.
std::size_t json_bytes(const protocol::AnnouncedContent& content) {
    return 256 + content.name.size() * 2 + content.chunk_hashes.size() * 67;
}

// What a tracker will say of the same words each time.
bool is_final(unsigned status) {
    return status == 400 || status == 409 || status == 413 || status == 422 || status == 507;
}

}  // namespace

void TrackerSession::announce(const std::vector<protocol::AnnouncedContent>& contents) {
    if (!token_) {
        return;  // the full announce will tell of them
    }
    if (waiting_.size() + contents.size() > kAnnounceWaitingMax) {
        waiting_.clear();
        announce_anew();
    } else {
        waiting_.insert(waiting_.end(), contents.begin(), contents.end());
    }
    wake_.notify();
}

void TrackerSession::announce_anew() {
    announcing_all_ = true;
    announced_to_.reset();
    ++announce_round_;
}

async::Task<Result<>> TrackerSession::announce_waiting() {
    while (!waiting_.empty()) {
        std::vector<protocol::AnnouncedContent> contents;
        std::size_t bytes = 0;
        while (!waiting_.empty() && contents.size() < kAnnounceBatch) {
            bytes += json_bytes(waiting_.front());
            if (bytes > kAnnounceBytesAim && !contents.empty()) {
                break;
            }
            contents.push_back(std::move(waiting_.front()));
            waiting_.pop_front();
        }
        const Result<> sent = co_await send_announce(contents);
        if (!sent.ok()) {
            announce(contents);
            co_return sent;
        }
    }
    co_return done();
}

async::Task<Result<>> TrackerSession::announce_page() {
    const unsigned round = announce_round_;
    std::vector<protocol::AnnouncedContent> batch;
    std::size_t bytes = 0;
    bool all = false;
    std::optional<ContentId> to = announced_to_;
    while (!all && bytes < kAnnounceBytesAim / 2 && batch.size() < kAnnounceBatch) {
        std::vector<protocol::AnnouncedContent> page = parts_.port.contents_after(
            to, std::min(kContentsPerPage, kAnnounceBatch - batch.size()));
        all = page.empty();
        for (protocol::AnnouncedContent& content : page) {
            bytes += json_bytes(content);
            to = content.content;
            batch.push_back(std::move(content));
            if (bytes > kAnnounceBytesAim) {
                break;  // the rest of the page comes again, after `to`
            }
        }
    }
    if (!batch.empty()) {
        const Result<> sent = co_await send_announce(std::move(batch));
        if (!sent.ok()) {
            co_return sent;
        }
    }
    if (round == announce_round_) {
        announced_to_ = to;
        announcing_all_ = !all;
    }
    co_return co_await keep_up();
}

async::Task<Result<>> TrackerSession::send_announce(
    std::vector<protocol::AnnouncedContent> contents) {
    for (protocol::AnnouncedContent& content : contents) {
        if (content.name.empty()) {
            content.name = content.content.root.hex();  // the catalog knows a better one
        }
    }
    std::string body = protocol::encode(contents);
    const Result<std::string> answer =
        co_await call(Method::post, "/api/files/announce", std::move(body));
    if (!answer.ok() && is_final(refused_with_)) {
        // The catalog goes on: members that find a name there find its source by asking peers.
        log_warning("discovery", answer.error().message);
        co_return done();
    }
    if (!answer.ok()) {
        co_return answer.error();
    }
    co_return done();
}

async::Task<Result<>> TrackerSession::sync() {
    const std::string path = "/api/swarms/" + options_.swarm.hex() + "/changes";
    protocol::ChangesRequest request;
    request.vector = parts_.port.catalog_vector();
    bool first = true;
    int idle_turns = 0;
    int fruitless_turns = 0;
    while (idle_turns < kIdleTurnsMax && fruitless_turns < kFruitlessTurnsMax) {
        std::string body = protocol::encode(request);
        const Result<std::string> text = co_await call(Method::post, path, std::move(body));
        if (!text.ok()) {
            co_return text.error();
        }
        const Result<protocol::ChangesAnswer> answer = protocol::decode_changes_answer(*text);
        if (!answer.ok()) {
            co_return answer.error();
        }
        if (!answer->messages.empty()) {
            const Result<> taken = parts_.port.catalog_from(number_, answer->messages);
            if (!taken.ok()) {
                co_return taken;
            }
        }
        if (!answer->refused.empty()) {
            log_warning("discovery", base_ + " refused a part of the catalog: " +
                                         printable(answer->refused.front().detail));
        }
        const Result<> kept_up = co_await keep_up();
        if (!kept_up.ok()) {
            co_return kept_up;
        }
        request.cursor = answer->cursor;
        request.messages = collect_outgoing(answer->vector, first);
        first = false;
        if (request.cursor.empty() && request.messages.empty()) {
            co_return done();
        }
        Bytes vector = parts_.port.catalog_vector();
        const bool fruitful = vector != request.vector || !request.messages.empty();
        fruitless_turns = fruitful ? 0 : fruitless_turns + 1;
        idle_turns = fruitful || !answer->messages.empty() ? 0 : idle_turns + 1;
        request.vector = std::move(vector);
    }
    co_return peer_error(base_ + " promises more of the catalog and never sends it");
}

std::vector<Bytes> TrackerSession::collect_outgoing(const Bytes& their_vector, bool first) {
    std::vector<Bytes> outgoing;
    std::size_t bytes = 0;
    while (bytes < protocol::kChangesBytesAim && outgoing.size() < protocol::kChangesMessagesAim) {
        std::vector<Bytes> piece =
            parts_.port.catalog_for(number_, their_vector, first, kCatalogPieceBytes);
        first = false;
        if (piece.empty()) {
            break;
        }
        for (Bytes& message : piece) {
            bytes += message.size();
            outgoing.push_back(std::move(message));
        }
    }
    return outgoing;
}

async::Task<Result<>> TrackerSession::ask_for_peers() {
    const std::string path =
        "/api/swarms/" + options_.swarm.hex() + "/peers?limit=" + std::to_string(kPeersAsked);
    const TimePoint now = parts_.clock.now();
    peers_at_ = async::kForever;  // who hurries from here on asks for a later answer
    const Result<std::string> answer = co_await call(Method::get, path, "");
    if (!answer.ok()) {
        peers_at_ = now;
        co_return answer.error();
    }
    Result<std::vector<protocol::TrackerPeer>> peers = protocol::decode_peers(*answer);
    if (!peers.ok()) {
        peers_at_ = now;
        co_return peers.error();
    }
    peers_at_ = std::min(peers_at_, now + shortened(kPeersEvery, 20, parts_.dice));
    std::erase_if(*peers,
                  [this](const protocol::TrackerPeer& peer) { return peer.peer == options_.node; });
    const Result<http::Url> url = http::parse_url(base_);
    const bool local = url.ok() && parts_.http.last_was_loopback(url->origin());
    parts_.port.on_tracker_peers(
        number_, *peers,
        local ? transport::TellerPlace::on_loopback : transport::TellerPlace::elsewhere);
    co_return done();
}

}  // namespace swarmfs::discovery
