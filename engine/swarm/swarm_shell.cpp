#include "engine/swarm/swarm_shell.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cmath>
#include <future>

#include "engine/core/log.hpp"

namespace swarmfs::swarm {

namespace {

// Chosen by us.
constexpr std::uint64_t kCatalogWaitingMax = 1 << 20;  // rule 3
constexpr Duration kAnnounceAfter = std::chrono::milliseconds(20);
constexpr Duration kGoodbyeMax = std::chrono::seconds(1);
constexpr double kRateWindow = 2.0;
constexpr std::size_t kNotJoinedMax = 256;  // rule 5

}  // namespace

std::shared_ptr<Swarm> Swarm::create(Parts parts, SwarmOptions options) {
    auto shell = std::make_shared<SwarmShell>(parts, options);
    shell->start();
    return shell;
}

SwarmShell::SwarmShell(Parts parts, SwarmOptions options)
    : parts_(parts),
      options_(options),
      core_(parts.contents, options, parts.dice.u64()),
      quorum_(options.grace),
      places_(options.peers_max, parts.dice) {
    if (parts_.standings == nullptr) {
        return;
    }
    for (const Ban& ban : parts_.standings->bans()) {
        core_.bans().restore(ban);
        banned_until_[ban.node] = ban.until;
    }
}

void SwarmShell::start() {
    boost::asio::co_spawn(parts_.engine, run(shared_from_this()), boost::asio::detached);
}

async::Task<> SwarmShell::run(std::shared_ptr<SwarmShell> self) {
    const std::shared_ptr<SwarmShell> kept = std::move(self);
    while (!closing_) {
        const TimePoint now = parts_.clock.now();
        look_around(now);
        for (Action& action : core_.decide(now)) {
            carry_out(action);
        }
        carry_out_surveys(now);
        announce_whole(now);
        decide_quorum(now);
        send_outbox();
        const TimePoint wake = std::min({core_.next_wake(now), surveys_.next_wake(), announce_at_,
                                         look_around_at_, quorum_.next_wake()});
        (void)co_await work_.wait(wake);
    }
    co_await say_goodbye();
}

async::Task<> SwarmShell::say_goodbye() {
    const TimePoint now = parts_.clock.now();
    quorum_.cancel_all();
    decide_quorum(now);
    core_.cancel_all(now);
    surveys_.end_all();
    carry_out_surveys(now);
    for (Action& action : core_.decide(now)) {
        carry_out(action);
    }
    outbox_.clear();
    for (auto& [number, peer] : peers_) {
        if (peer.joined) {
            outbox_[number].push_back(SayGoodbye{"leaving"});
        } else {
            peer.session->abort();
        }
    }
    send_outbox();
    while (!peers_.empty()) {
        const bool in_time = co_await gone_.wait(now + kGoodbyeMax);
        if (in_time) {
            continue;
        }
        for (auto& [number, peer] : peers_) {
            peer.session->abort();
        }
        while (!peers_.empty()) {
            (void)co_await gone_.wait();
        }
    }
    if (closed_) {
        std::exchange(closed_, nullptr)();
    }
}

void SwarmShell::send_outbox() {
    for (auto& [number, commands] : outbox_) {
        if (const auto peer = peers_.find(number); peer != peers_.end()) {
            peer->second.session->command(std::move(commands));
        }
    }
    outbox_.clear();
}

void SwarmShell::carry_out(Action& action) {
    if (auto* ended_read = std::get_if<ReadEnded>(&action)) {
        const auto found = reads_.find(ended_read->read);
        if (found != reads_.end()) {
            const ReadDone done = std::move(found->second);
            reads_.erase(found);
            done(std::move(ended_read->outcome));
        }
    } else if (auto* moved = std::get_if<FillMoved>(&action)) {
        const auto found = fills_.find(moved->fill);
        if (found == fills_.end()) {
            return;
        }
        const FillProgressed progressed = found->second;
        if (moved->progress.complete || moved->progress.error) {
            fills_.erase(found);
        }
        if (progressed) {
            progressed(moved->progress);
        }
    } else if (auto* whole = std::get_if<ChunksWhole>(&action)) {
        auto& chunks = whole_[whole->id];
        chunks.insert(chunks.end(), whole->chunks.begin(), whole->chunks.end());
        announce_at_ = std::min(announce_at_, parts_.clock.now() + kAnnounceAfter);
    } else if (auto* all_of_it = std::get_if<ContentWhole>(&action)) {
        whole_.erase(all_of_it->id);
        tell_holding(all_of_it->id);
    } else if (auto* wanted = std::get_if<SourcesWanted>(&action)) {
        parts_.listener.on_sources_wanted(wanted->id, wanted->likely);
    } else if (auto* drop = std::get_if<DropPeer>(&action)) {
        if (const auto peer = peers_.find(drop->peer); peer != peers_.end()) {
            peer->second.session->abort();
        }
    } else if (auto* open = std::get_if<OpenContent>(&action)) {
        outbox_[open->peer].push_back(std::move(*open));
    } else if (auto* shut = std::get_if<CloseContent>(&action)) {
        outbox_[shut->peer].push_back(*shut);
    } else if (auto* ask = std::get_if<AskLeaves>(&action)) {
        outbox_[ask->peer].push_back(*ask);
    } else if (auto* cancel = std::get_if<CancelLeaves>(&action)) {
        outbox_[cancel->peer].push_back(*cancel);
    }
}

// Rule 4.
void SwarmShell::announce_whole(TimePoint now) {
    if (now < announce_at_) {
        return;
    }
    announce_at_ = TimePoint::max();
    for (auto& [id, chunks] : whole_) {
        const auto whole = std::make_shared<const ChunksWhole>(ChunksWhole{id, std::move(chunks)});
        for (const auto& [number, peer] : peers_) {
            if (peer.joined) {
                outbox_[number].push_back(TellWhole{whole});
            }
        }
    }
    whole_.clear();
}

void SwarmShell::tell_holding(const ContentId& content) {
    for (const auto& [number, peer] : peers_) {
        if (peer.joined) {
            outbox_[number].push_back(TellHolding{content});
        }
    }
}

// ---- from any thread ----

template <class Ask>
auto SwarmShell::on_engine(Ask ask) -> decltype(ask()) {
    if (parts_.engine.get_executor().running_in_this_thread()) {
        return ask();
    }
    std::promise<decltype(ask())> answer;
    boost::asio::post(parts_.engine, [&] { answer.set_value(ask()); });
    return answer.get_future().get();
}

void SwarmShell::adopt(std::unique_ptr<transport::SecureLink> link, bool dialled_by_us,
                       std::string address) {
    const PeerNumber number{next_peer_++};
    const transport::Address remote = link->link().remote();
    const Hash256 handshake_hash = link->handshake_hash();
    auto tell = [weak = weak_from_this(), number](std::vector<SessionEvent> events,
                                                  std::uint64_t weight) {
        if (const auto self = weak.lock()) {
            self->soon([number, events = std::move(events), weight](SwarmShell& shell) mutable {
                shell.on_events(number, events, weight);
            });
        }
    };
    auto session = std::make_shared<Session>(
        std::move(link), Session::Parts{parts_.clock, parts_.contents, parts_.member, options_},
        std::move(tell));
    soon([number, session, dialled_by_us, address = std::move(address), remote,
          handshake_hash](SwarmShell& shell) mutable {
        Peer peer;
        peer.session = session;
        peer.dialled_by_us = dialled_by_us;
        peer.address = std::move(address);
        peer.remote = remote;
        peer.handshake_hash = handshake_hash;
        peer.since = peer.heard_at = shell.parts_.clock.now();
        shell.peers_.emplace(number, std::move(peer));
        const std::size_t not_joined = shell.peers_.size() - shell.by_node_.size();
        if (shell.closing_ || not_joined > kNotJoinedMax) {
            session->abort();
        }
        if (shell.paused_) {
            session->command({SetPaused{true}});  // before the first request can come
        }
        // Not before: what a thread posts to itself may run after what others post to it, and an
        // event of a session that is not in the table would be lost.
        session->start();
    });
}

void SwarmShell::note_dialling(int difference) {
    soon([difference](SwarmShell& shell) {
        shell.core_.dialling(difference);
        shell.quorum_.dialling(difference, shell.parts_.clock.now());
    });
}

bool SwarmShell::connected_to(const NodeId& node) const {
    const std::lock_guard lock(names_mutex_);
    return connected_.contains(node);
}

std::size_t SwarmShell::connected() const {
    const std::lock_guard lock(names_mutex_);
    return connected_.size();
}

bool SwarmShell::banned(const NodeId& node) const {
    const TimePoint now = parts_.clock.now();
    const std::lock_guard lock(names_mutex_);
    const auto found = banned_until_.find(node);
    return blocked_.contains(node) || (found != banned_until_.end() && now < found->second);
}

void SwarmShell::block(const NodeId& node) {
    {
        const std::lock_guard lock(names_mutex_);
        blocked_.insert(node);
    }
    soon([node](SwarmShell& shell) {
        if (const auto found = shell.by_node_.find(node); found != shell.by_node_.end()) {
            const PeerNumber number = found->second;
            shell.leave(number, caller_error(Code::permission, "blocked here"), false);
            shell.turn_away(number, "blocked");
        }
    });
}

void SwarmShell::unblock(const NodeId& node) {
    {
        const std::lock_guard lock(names_mutex_);
        blocked_.erase(node);
        banned_until_.erase(node);
    }
    soon([node](SwarmShell& shell) {
        shell.core_.bans().lift(node);
        shell.violators_.lift(node);
        if (shell.parts_.standings != nullptr) {
            shell.parts_.standings->keep_ban({node, {}, {}});
        }
    });
}

void SwarmShell::send_hints(const NodeId& to, std::vector<protocol::PeerHint> hints) {
    hints.resize(std::min(hints.size(), protocol::kPeersMax));
    soon([to, hints = std::move(hints)](SwarmShell& shell) mutable {
        if (const auto found = shell.by_node_.find(to); found != shell.by_node_.end()) {
            shell.outbox_[found->second].push_back(SendHints{std::move(hints)});
        }
    });
}

ReadId SwarmShell::read(ReadRequest request, ReadDone done) {
    const ReadId id = next_id_++;
    soon([id, request = std::move(request), done = std::move(done)](SwarmShell& shell) mutable {
        if (shell.closing_) {
            done(caller_error(Code::cancelled, "the swarm is closed"));
            return;
        }
        shell.reads_.emplace(id, std::move(done));
        shell.core_.read(id, request, shell.parts_.clock.now());
    });
    return id;
}

void SwarmShell::cancel_read(ReadId id) {
    soon([id](SwarmShell& shell) { shell.core_.cancel_read(id, shell.parts_.clock.now()); });
}

void SwarmShell::note_read(const ContentId& content, std::uint64_t offset, std::uint64_t length) {
    soon([content, offset, length](SwarmShell& shell) {
        shell.core_.note_read(content, offset, length, shell.parts_.clock.now());
    });
}

void SwarmShell::end_reading(const ContentId& content, ReadAgain again) {
    soon([content, again](SwarmShell& shell) {
        shell.core_.end_reading(content, again, shell.parts_.clock.now());
    });
}

FillId SwarmShell::fill(FillRequest request, FillProgressed progressed) {
    const FillId id = next_id_++;
    soon([id, request = std::move(request),
          progressed = std::move(progressed)](SwarmShell& shell) mutable {
        if (shell.closing_) {
            FillProgress progress;
            progress.error = caller_error(Code::cancelled, "the swarm is closed");
            if (progressed) {
                progressed(progress);
            }
            return;
        }
        shell.fills_.emplace(id, std::move(progressed));
        shell.core_.fill(id, request, shell.parts_.clock.now());
    });
    return id;
}

void SwarmShell::cancel_fill(FillId id) {
    soon([id](SwarmShell& shell) {
        shell.fills_.erase(id);
        shell.core_.cancel_fill(id, shell.parts_.clock.now());
    });
}

void SwarmShell::survey(const ContentId& content, SurveyDone done) {
    soon([content, done = std::move(done)](SwarmShell& shell) mutable {
        if (shell.closing_ || !shell.surveys_.begin(content, done)) {
            done(Survey{content, {}, {}});
        }
    });
}

void SwarmShell::send_take(const NodeId& to, const ContentId& content) {
    soon([to, content](SwarmShell& shell) {
        if (const auto found = shell.by_node_.find(to); found != shell.by_node_.end()) {
            shell.outbox_[found->second].push_back(SendTake{content});
        }
    });
}

void SwarmShell::content_arrived(const ContentId& content) {
    soon([content](SwarmShell& shell) {
        shell.core_.stored_here(content, shell.parts_.clock.now());
        shell.tell_holding(content);
    });
}

void SwarmShell::set_paused(bool paused) {
    soon([paused](SwarmShell& shell) {
        if (shell.paused_ == paused) {
            return;
        }
        shell.paused_ = paused;
        shell.core_.set_paused(paused, shell.parts_.clock.now());
        for (const auto& [number, peer] : shell.peers_) {
            shell.outbox_[number].push_back(SetPaused{paused});
        }
    });
}

std::vector<PeerStatistics> SwarmShell::peers() {
    return on_engine([this] {
        const TimePoint now = parts_.clock.now();
        std::vector<PeerStatistics> all;
        for (const auto& [number, peer] : peers_) {
            if (!peer.joined) {
                continue;
            }
            const PeerReport report = core_.report(number, now);
            PeerStatistics one;
            one.node = peer.node;
            one.address = peer.address;
            one.link = peer.session->link_kind();
            one.dialled_by_us = peer.dialled_by_us;
            one.connected_for = now - peer.since;
            one.round_trip = report.session.round_trip.value_or(Duration{});
            one.bytes_received = report.session.bytes_received;
            one.bytes_sent = peer.session->leaf_bytes_sent();
            one.receive_rate = static_cast<std::uint64_t>(report.rate);
            one.send_rate = static_cast<std::uint64_t>(peer.sent.rate(now));
            one.outstanding_bytes = report.outstanding;
            one.answers = report.session.answers;
            one.failures = report.session.failures;
            one.score = report.score;
            one.addresses = peer.addresses;
            all.push_back(std::move(one));
        }
        return all;
    });
}

std::vector<ContentSource> SwarmShell::sources(const ContentId& content) {
    return on_engine([this, &content] { return core_.sources(content); });
}

void SwarmShell::close(std::function<void()> closed) {
    soon([closed = std::move(closed)](SwarmShell& shell) mutable {
        shell.closed_ = std::move(closed);
        shell.closing_ = true;
    });
}

// ---- the catalog ----

bool SwarmShell::send_catalog(const NodeId& node, CatalogFrame frame) {
    Peer* peer = peer_of(node);
    if (peer == nullptr) {
        return true;  // it left; whoever asks hears so, and nothing waits for it
    }
    if (peer->catalog_waiting >= kCatalogWaitingMax) {
        peer->catalog_refused = true;
        return false;
    }
    peer->catalog_waiting += protocol::kFrameHeaderBytes + frame.bytes.size();
    outbox_[by_node_.at(node)].push_back(SendCatalog{std::move(frame)});
    work_.notify();
    return true;
}

void SwarmShell::broadcast_vector() {
    soon([](SwarmShell& shell) {
        const auto items = shell.parts_.catalog.our_vector();
        for (const auto& [number, peer] : shell.peers_) {
            if (peer.joined) {
                shell.outbox_[number].push_back(SendVector{items});
            }
        }
    });
}

void SwarmShell::on_catalog(PeerNumber number, const CatalogFrame& frame) {
    const NodeId node = peers_.at(number).node;
    const auto taken = frame.kind == CatalogFrame::Kind::header
                           ? parts_.catalog.on_header(node, frame.bytes)
                           : parts_.catalog.on_entries(node, frame.bytes);
    if (taken.ok()) {
        return;
    }
    const Error& error = taken.error();
    log_warning("swarm", "catalog of " + node.short_hex() + ": " + error.message);
    if (error.whose != Whose::peer) {
        return;
    }
    if (error.code == Code::corrupt) {
        lied(number, error.message);
    }
    leave(number, error, false);
    turn_away(number, "its catalog is refused");
}

void SwarmShell::on_catalog_sent(PeerNumber number, std::uint64_t bytes) {
    Peer& peer = peers_.at(number);
    peer.catalog_waiting -= std::min(bytes, peer.catalog_waiting);
    if (peer.catalog_refused && peer.catalog_waiting <= kCatalogWaitingMax / 2) {
        peer.catalog_refused = false;
        parts_.catalog.on_ready(peer.node);
    }
}

// ---- rates ----

void SwarmShell::RateMeter::add(std::uint64_t bytes, TimePoint now) {
    sum_ = rate(now) * kRateWindow + static_cast<double>(bytes);
    at_ = now;
}

double SwarmShell::RateMeter::rate(TimePoint now) const {
    const double passed = std::chrono::duration<double>(now - at_).count();
    return sum_ * std::exp(-passed / kRateWindow) / kRateWindow;
}

}  // namespace swarmfs::swarm
