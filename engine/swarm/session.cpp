#include "engine/swarm/session.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "engine/async/deadline.hpp"
#include "engine/async/task_group.hpp"
#include "engine/core/assert.hpp"
#include "engine/core/log.hpp"

namespace swarmfs::swarm {

namespace {

// Chosen by us.
constexpr std::size_t kSmallBytesMax = 4 << 20;          // rule 4
constexpr std::uint64_t kUnseenMax = 8 << 20;            // rule 3
constexpr std::size_t kVectorItemsTotalMax = 64 * 1024;  // authors of a very large swarm
// What an event weighs besides the bytes it carries.
constexpr std::uint64_t kEventWeight = 64;
constexpr std::size_t kLooseMax = 256 * 1024;  // chunks whose cancelled leaves may still come
// Rule 7: four exchanges at once, then one address a second.
constexpr double kHintsAtOnce = 4.0 * protocol::kPeersMax;
constexpr double kHintsEachSecond = 1.0;
// Rule 9: a name takes a microsecond or two, so a peer gets a few hundredths of a second of each.
constexpr double kConfirmNames = 32 * 1024;

std::uint64_t weight_of(const SessionEvent& event) {
    std::uint64_t weight = kEventWeight;
    if (const auto* holding = std::get_if<HoldingHeard>(&event)) {
        weight += holding->bitmap.size();
    } else if (const auto* have = std::get_if<HaveHeard>(&event)) {
        weight += have->chunks.size() * sizeof(ChunkIndex);
    } else if (const auto* catalog = std::get_if<CatalogHeard>(&event)) {
        weight += catalog->frame.bytes.size();
    } else if (const auto* vector = std::get_if<VectorHeard>(&event)) {
        weight += vector->items.size() * sizeof(protocol::VectorItem);
    } else if (const auto* confirm = std::get_if<ConfirmHeard>(&event)) {
        weight += confirm->confirm.path.size();
    } else if (const auto* hello = std::get_if<HelloHeard>(&event)) {
        for (const std::string& address : hello->addresses) {
            weight += sizeof(std::string) + address.size();
        }
    } else if (const auto* hints = std::get_if<HintsHeard>(&event)) {
        for (const protocol::PeerHint& hint : hints->hints) {
            weight += sizeof(protocol::PeerHint) + hint.address.size();
        }
    }
    return weight;
}

}  // namespace

Session::Session(std::unique_ptr<transport::SecureLink> link, Parts parts, Tell tell)
    : parts_(parts),
      tell_(std::move(tell)),
      link_(std::move(link)),
      executor_(link_->link().executor()),
      link_kind_(transport::name_of(link_->link().kind())),
      hints_(kHintsAtOnce, kHintsEachSecond),
      confirms_(kConfirmNames, kConfirmNames),
      serve_(parts.contents),
      batch_bytes_(transport::RecordBuilder::kFullBytes) {}

Session::~Session() = default;

// The frame of converse() holds the session until its last word is said.
void Session::start() {
    started_ = heard_at_ = parts_.clock.now();
    boost::asio::co_spawn(executor_, converse(shared_from_this()), boost::asio::detached);
}

async::Task<> Session::converse(std::shared_ptr<Session> self) {
    const std::shared_ptr<Session> kept = std::move(self);
    const auto side = link_->initiator() ? Side::initiator : Side::responder;
    protocol::encode(parts_.member.make_hello(link_->handshake_hash(), side), small_);
    to_write_.notify();
    std::vector<async::Task<>> tasks;
    tasks.push_back(read());
    tasks.push_back(write());
    tasks.push_back(watch());
    co_await async::run_together(std::move(tasks));
    if (auto flushed = fetch_.flush(); !flushed.ok()) {
        why_ = std::move(flushed).error();  // a lie, whatever else was said after it
    }
    state_ = State::ended;
    link_.reset();
    up_ = {};
    serve_.join({});
    if (!why_) {
        why_ = network_error(Code::cancelled, "closed here");
    }
    events_.push_back(SessionEnded{*why_});
    tell_all();
}

Error Session::closed_here() const {
    return network_error(Code::cancelled, "closed here: " + *goodbye_);
}

void Session::end(Error why) {
    if (!why_) {
        why_ = std::move(why);
    }
}

// ---- reading ----

async::Task<> Session::read() {
    while (true) {
        auto records = co_await link_->read_records();
        if (!records.ok()) {
            end(goodbye_ ? closed_here() : std::move(records).error());
            co_return;
        }
        if (records->empty()) {
            end(goodbye_ ? closed_here()
                         : network_error(Code::unavailable, "the peer closed the session"));
            co_return;
        }
        heard_at_ = parts_.clock.now();
        if (goodbye_) {
            continue;  // rule 6
        }
        for (const ByteSpan record : *records) {
            auto taken = take_record(record);
            if (!taken.ok()) {
                end(std::move(taken).error());
                co_return;
            }
            if (why_) {
                co_return;  // it said goodbye
            }
        }
        if (auto flushed = fetch_.flush(); !flushed.ok()) {
            end(std::move(flushed).error());
            co_return;
        }
        const Bytes taken_back = fetch_.take_frames();
        small_.insert(small_.end(), taken_back.begin(), taken_back.end());
        tell_all();
        if (!small_.empty() || serve_.has_leaves()) {
            to_write_.notify();
        }
        if (small_.size() > kSmallBytesMax) {
            end(peer_error("it asks and does not read the answers"));
            co_return;
        }
        while (unseen_ > kUnseenMax) {
            (void)co_await looked_.wait();
        }
    }
}

Result<> Session::take_record(ByteSpan record) {
    protocol::FrameReader frames(record);
    while (true) {
        SWARM_TRY(const auto frame, frames.next());
        if (!frame || why_) {
            return done();
        }
        SWARM_CHECK(state_ == State::greeting ? greet(*frame) : take(*frame));
    }
}

Result<> Session::greet(const protocol::Frame& frame) {
    if (std::holds_alternative<protocol::Goodbye>(frame)) {
        return take(frame);
    }
    const auto* hello = std::get_if<protocol::Hello>(&frame);
    if (hello == nullptr) {
        return peer_error("its first frame is not hello");
    }
    const auto their_side = link_->initiator() ? Side::responder : Side::initiator;
    SWARM_CHECK(parts_.member.check_hello(*hello, link_->handshake_hash(), their_side));
    link_->link().note_proven();
    state_ = State::running;
    const RateGates& rates = parts_.options.rates;
    if (rates.up) {
        up_ = rates.up->join(rates.swarm, hello->node);
    }
    if (parts_.options.uploads) {
        serve_.join(parts_.options.uploads->join([weak = weak_from_this(), at = executor_] {
            boost::asio::post(at, [weak] {
                if (const auto self = weak.lock()) {
                    self->may_be_asked();
                }
            });
        }));
    }
    events_.push_back(HelloHeard{hello->node, hello->addresses, hello->listen_port});
    ping(heard_at_);
    return done();
}

Result<> Session::take(const protocol::Frame& frame) {
    struct Taker {
        Session& session;
        Result<> operator()(const protocol::Hello&) { return peer_error("a second hello"); }
        Result<> operator()(const protocol::Ping& ping) {
            protocol::encode(protocol::Pong{ping.nonce}, session.small_);
            return done();
        }
        Result<> operator()(const protocol::Pong& pong) { return session.take_pong(pong); }
        Result<> operator()(const protocol::Goodbye& goodbye) {
            session.end(network_error(Code::unavailable,
                                      "the peer said goodbye: " + printable(goodbye.reason)));
            return done();
        }
        Result<> operator()(const protocol::Vector& vector) { return session.take_vector(vector); }
        Result<> operator()(const protocol::PublicationHeader& header) {
            session.events_.push_back(
                CatalogHeard{{CatalogFrame::Kind::header, to_bytes(header.bytes)}});
            return done();
        }
        Result<> operator()(const protocol::PublicationEntries& entries) {
            session.events_.push_back(
                CatalogHeard{{CatalogFrame::Kind::entries, to_bytes(entries.bytes)}});
            return done();
        }
        Result<> operator()(const protocol::Confirm& confirm) {
            session.take_confirm(confirm);
            return done();
        }
        Result<> operator()(const protocol::Confirmed& confirmed) {
            session.events_.push_back(ConfirmedHeard{confirmed});
            return done();
        }
        Result<> operator()(const protocol::Open& open) {
            return session.serve_.on_open(open, session.small_);
        }
        Result<> operator()(const protocol::Close& close) { return session.serve_.on_close(close); }
        Result<> operator()(const protocol::Request& request) {
            return session.serve_.on_request(request, session.small_);
        }
        Result<> operator()(const protocol::Cancel& cancel) {
            return session.serve_.on_cancel(cancel);
        }
        Result<> operator()(const protocol::Holding& holding) {
            return session.fetch_.on_holding(holding);
        }
        Result<> operator()(const protocol::Have& have) { return session.fetch_.on_have(have); }
        Result<> operator()(const protocol::Proof& proof) { return session.fetch_.on_proof(proof); }
        Result<> operator()(const protocol::Leaf& leaf) { return session.fetch_.on_leaf(leaf); }
        Result<> operator()(const protocol::Refuse& refuse) {
            return session.fetch_.on_refuse(refuse);
        }
        Result<> operator()(const protocol::Ready&) {
            session.events_.push_back(ReadyHeard{});
            return done();
        }
        Result<> operator()(const protocol::Suggest& suggest) {
            return session.fetch_.on_suggest(suggest);
        }
        Result<> operator()(const protocol::Take& take) {
            session.events_.push_back(TakeHeard{take.content});
            return done();
        }
        Result<> operator()(const protocol::Peers& peers) {
            session.take_hints(peers.peers);
            return done();
        }
    };
    return std::visit(Taker{*this}, frame);
}

Result<> Session::take_vector(const protocol::Vector& vector) {
    if (vector_.size() + vector.items.size() > kVectorItemsTotalMax) {
        return peer_error("its catalog vector has no end");
    }
    vector_.insert(vector_.end(), vector.items.begin(), vector.items.end());
    if (!vector.more) {
        events_.push_back(VectorHeard{std::exchange(vector_, {})});
    }
    return done();
}

void Session::take_hints(std::vector<protocol::PeerHint> hints) {
    hints.resize(hints_.take(hints.size(), heard_at_));
    if (!hints.empty()) {
        events_.push_back(HintsHeard{std::move(hints)});
    }
}

void Session::take_confirm(const protocol::Confirm& confirm) {
    const auto names =
        static_cast<std::size_t>(1 + std::count(confirm.path.begin(), confirm.path.end(), '/'));
    if (confirms_.take(names, heard_at_) == names) {
        events_.push_back(ConfirmHeard{confirm});
    } else {
        protocol::encode(protocol::Confirmed{confirm.nonce, protocol::ConfirmAnswer::busy}, small_);
    }
}

void Session::ping(TimePoint now) {
    fetch_.ping_sent();
    ping_open_ = true;
    ping_at_ = now;
    protocol::encode(protocol::Ping{++ping_nonce_}, small_);
    to_write_.notify();
}

Result<> Session::take_pong(const protocol::Pong& pong) {
    if (ping_open_ && pong.nonce == ping_nonce_) {
        ping_open_ = false;
        SWARM_CHECK(fetch_.ping_answered());
        events_.push_back(RoundTrip{heard_at_ - ping_at_});
    }
    return done();
}

void Session::tell_all() {
    std::vector<SessionEvent> events = fetch_.take_events();
    events.insert(events.end(), std::make_move_iterator(events_.begin()),
                  std::make_move_iterator(events_.end()));
    events_.clear();
    if (events.empty()) {
        return;
    }
    std::uint64_t weight = 0;
    for (const SessionEvent& event : events) {
        weight += weight_of(event);
    }
    unseen_ += weight;
    tell_(std::move(events), weight);
}

void Session::looked_at(std::uint64_t weight) {
    boost::asio::post(executor_, [self = shared_from_this(), weight] {
        self->unseen_ -= weight;
        self->looked_.notify();
    });
}

// ---- time ----

async::Task<> Session::watch() {
    while (true) {
        const TimePoint now = parts_.clock.now();
        if (state_ == State::greeting && now - started_ >= parts_.options.hello_deadline) {
            end(peer_error("no hello within the deadline"));
            co_return;
        }
        if (goodbye_ && now - goodbye_at_ >= parts_.options.linger) {
            end(closed_here());
            co_return;
        }
        if (now - heard_at_ >= parts_.options.dead_after) {
            end(network_error(Code::timed_out, "the peer fell silent"));
            co_return;
        }
        if (fetch_.loose() > kLooseMax) {
            end(peer_error("it does not answer pings"));
            co_return;
        }
        if (state_ == State::running && !ping_open_ && !goodbye_) {
            ping(now);
        }
        const Duration until_dead = heard_at_ + parts_.options.dead_after - now;
        const Duration until_late = started_ + parts_.options.hello_deadline - now;
        Duration rest = state_ == State::greeting ? std::min(until_dead, until_late)
                                                  : std::min(until_dead, parts_.options.ping_every);
        if (goodbye_) {
            rest = std::min(rest, goodbye_at_ + parts_.options.linger - now);
        }
        (void)co_await to_watch_.wait(now + std::max<Duration>(rest, std::chrono::milliseconds(1)));
    }
}

// ---- what the engine wants ----

void Session::command(std::vector<SessionCommand> commands) {
    boost::asio::post(executor_, [self = shared_from_this(), all = std::move(commands)]() mutable {
        if (self->state_ == State::ended || self->goodbye_) {
            return;
        }
        for (SessionCommand& one : all) {
            self->obey(one);
        }
        self->to_write_.notify();
    });
}

void Session::obey(SessionCommand& command) {
    struct Obeyer {
        Session& session;
        void operator()(OpenContent& open) { session.fetch_.open(open, session.small_); }
        void operator()(CloseContent& close) { session.fetch_.close(close, session.small_); }
        void operator()(AskLeaves& ask) { session.fetch_.ask(ask, session.small_); }
        void operator()(CancelLeaves& cancel) { session.fetch_.cancel(cancel, session.small_); }
        void operator()(TellWhole& tell) { session.serve_.tell_whole(*tell.whole, session.small_); }
        void operator()(TellHolding& tell) { session.serve_.tell_holding(tell.id, session.small_); }
        void operator()(SetPaused& set) { session.serve_.set_paused(set.paused, session.small_); }
        void operator()(SendVector& vector) { session.send_vector(vector); }
        void operator()(SendCatalog& catalog) {
            Bytes frame;
            if (catalog.frame.kind == CatalogFrame::Kind::header) {
                protocol::encode(protocol::PublicationHeader{catalog.frame.bytes}, frame);
            } else {
                protocol::encode(protocol::PublicationEntries{catalog.frame.bytes}, frame);
            }
            session.catalog_.push_back(std::move(frame));
        }
        void operator()(SendHints& hints) {
            protocol::encode(protocol::Peers{std::move(hints.hints)}, session.small_);
        }
        void operator()(SendConfirm& send) { protocol::encode(send.confirm, session.small_); }
        void operator()(SendConfirmed& send) { protocol::encode(send.confirmed, session.small_); }
        void operator()(SendTake& take) {
            protocol::encode(protocol::Take{take.content}, session.small_);
        }
        void operator()(SayGoodbye& goodbye) {
            protocol::encode(protocol::Goodbye{goodbye.reason}, session.small_);
            session.goodbye_ = goodbye.reason;
            session.goodbye_at_ = session.parts_.clock.now();
            session.to_watch_.notify();
        }
    };
    std::visit(Obeyer{*this}, command);
}

void Session::send_vector(const SendVector& vector) {
    std::size_t at = 0;
    do {
        const std::size_t count = std::min(protocol::kVectorItemsMax, vector.items.size() - at);
        const auto first = vector.items.begin() + static_cast<std::ptrdiff_t>(at);
        at += count;
        protocol::encode(protocol::Vector{at < vector.items.size(),
                                          {first, first + static_cast<std::ptrdiff_t>(count)}},
                         small_);
    } while (at < vector.items.size());
}

void Session::may_be_asked() {
    if (state_ != State::ended && !goodbye_) {
        serve_.say_ready(small_);
        to_write_.notify();
    }
}

void Session::abort() {
    boost::asio::post(executor_, [self = shared_from_this()] {
        if (self->link_) {
            self->end(network_error(Code::cancelled, "closed here"));
            self->link_->link().close();
        }
    });
}

}  // namespace swarmfs::swarm
