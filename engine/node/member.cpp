#include "engine/node/member.hpp"

#include <future>

#include <boost/asio/post.hpp>

#include "engine/async/block_on.hpp"
#include "engine/core/log.hpp"
#include "engine/node/tracker_line.hpp"
#include "engine/swarm/places.hpp"
#include "engine/transport/dial.hpp"

namespace swarmfs::node {
namespace {

// Operations that follow one another closely are signed together.
constexpr auto kSealDelay = std::chrono::milliseconds(4);
constexpr Duration kDialLimit = std::chrono::seconds(5);
// A full disk does not say when it has room again.
constexpr auto kPublishAgainEvery = std::chrono::seconds(5);
// Below that, every stream waits for each round trip.
constexpr std::uint64_t kWindowsMin = std::uint64_t{1} << 20;
// Of the home's disk, at most what is read ahead takes: matters below four gigabytes.
constexpr std::uint64_t kWindowsPartOfDisk = 16;

}  // namespace

Member::Member(const Common& common, Membership membership)
    : common_(common),
      jobs_(common.workers),
      membership_(std::move(membership)),
      identity_(common.home.key(), membership_.swarm, membership_.grant, common.listen_port,
                common.clock),
      channel_key_(crypto::X25519KeyPair::generate(common.dice)),
      tree_({common.database, identity_, common.clock, common.dice, common.history},
            membership_.swarm),
      problems_(common.clock),
      ports_(
          common.contents, common.cache, problems_,
          [this](const ContentId& content) { on_complete(content, ""); },
          [this] { ask_for_room(); }),
      standings_(common.database, common.clock, membership_.swarm, [this] { save_standings(); }),
      sync_(common.engine.context(0), tree_, common.clock),
      wishes_(*this, common.cache, common.pins, jobs_),
      seal_timer_(common.engine.context(0)),
      dial_timer_(common.engine.context(0)),
      publish_timer_(common.engine.context(0)),
      candidates_(common.dice),
      pace_(swarm::Places::wanted_of(common.settings.peers_max), common.dice, common.clock.now()) {
    swarm::SwarmOptions options;
    options.peers_max = common_.settings.peers_max;
    options.rates = common_.limits.gates_of(membership_.swarm);
    options.uploads = common_.uploads;
    if (const auto& cache = common_.settings.cache.max_bytes) {
        // What is read ahead is not to push out what was read ahead before it.
        options.window_budget_bytes =
            std::min(options.window_budget_bytes, std::max(kWindowsMin, *cache / 4));
    }
    if (const Room room = room_at(common_.home.path()); room.total_bytes > 0) {
        options.window_budget_bytes =
            std::min(options.window_budget_bytes,
                     std::max(kWindowsMin, room.total_bytes / kWindowsPartOfDisk));
    }
    swarm_ = swarm::Swarm::create({common_.engine.context(0), common_.clock, common_.dice, ports_,
                                   sync_, identity_, *this, &standings_},
                                  options);
    for (const auto& [node, since_ms] : common_.blocks.all()) {
        swarm_->block(node);
    }
    swarm_->set_paused(common_.pauses.paused(membership_.swarm, PauseKind::swarm));
    sync_.attach(swarm_.get());
    publisher_ = std::make_unique<Publisher>(
        Publisher::Parts{tree_, membership_.swarm, common_.database, common_.contents, common_.disk,
                         store::Path(common_.home.file("staging")), jobs_, *swarm_, common_.clock,
                         problems_,
                         [this](const ContentId& content, const std::string& name) {
                             content_arrived(content, name);
                         },
                         [this] { ask_for_room(); }},
        [this](const std::shared_ptr<OpenFile>& file) { volume_->published(file); });
    volume_ = std::make_shared<TreeVolume>(TreeVolume::Parts{
        membership_.name, common_.home.path(), identity_, tree_, common_.database, common_.contents,
        *publisher_, jobs_, *swarm_, common_.clock, problems_,
        [this] { return common_.sweeper.make_room() || common_.cache.make_room(); },
        [this] { return policy(); }, &wishes_});
    policy_ = std::make_shared<PolicyWatch>(PolicyWatch::Parts{
        common_.engine.context(0), tree_, common_.contents, *swarm_, jobs_, problems_});
    replicator_ = std::make_shared<Replicator>(
        Replicator::Parts{common_.engine.context(0), common_.clock, common_.settings, tree_,
                          common_.contents, *swarm_, *policy_, identity_.self(),
                          [home = common_.home.path()] { return room_at(home); }});
    follower_ = std::make_shared<VersionFollower>(VersionFollower::Parts{
        tree_, common_.contents, common_.cache, *swarm_, common_.clock, jobs_});
    custody_ = std::make_shared<Custody>(Custody::Parts{
        common_.clock, tree_, *swarm_, *policy_, common_.pins, membership_.swarm, identity_.self(),
        [this] { common_.cache.wake(); },
        [this](const ContentId& content) { return volume_->authors_of_opened(content); }});
    pin_keeper_ = std::make_shared<PinKeeper>(
        PinKeeper::Parts{common_.engine.context(0), common_.clock, tree_, common_.contents, *swarm_,
                         common_.pins, membership_.swarm});
    wishes_.start({common_.engine.context(0), common_.clock, tree_, common_.contents, *swarm_,
                   common_.settings.cache, [home = common_.home.path()] { return room_at(home); }});
    policy_->on_changed([this] {
        replicator_->on_policy_changed();
        custody_->changed();
    });
    tree_.on_unsealed([this] { on_unsealed(); });
}

Member::~Member() = default;

void Member::start() {
    dials_ = std::make_unique<async::TaskGroup>(common_.engine.executor(0));
    tracker_line_ = std::make_unique<TrackerLine>(*this);
    sync_.on_grown([this] { on_tree_changed(); });
    tree_.start();
    volume_->recover();
    custody_->start();
    common_.cache.add(custody_);
    boost::asio::post(common_.engine.context(0), [this] {
        std::vector<std::string> known = membership_.bootstrap;
        known.insert(known.end(), common_.settings.bootstrap.begin(),
                     common_.settings.bootstrap.end());
        for (const std::string& address : known) {
            learn(address, discovery::AddressSource::configured, discovery::TellerPlace::elsewhere,
                  std::nullopt);
        }
        started_ = true;
        tracker_line_->start();
        sync_.start();
        on_unsealed();  // what an earlier run left unsigned
        replicator_->start();
        follower_->start();
        pin_keeper_->start();
        policy_->look();
        consider_dialling();
        publish_again_later();
    });
}

void Member::stop() {
    {
        // A handshake may end after we did; what is adopted before this, close() waits for.
        const std::lock_guard lock(accept_mutex_);
        accepting_ = false;
    }
    begin_stop();
    common_.cache.remove(custody_);
    custody_->stop();
    jobs_.drain();
    tracker_line_->stop();
    std::promise<void> closed;
    boost::asio::post(common_.engine.context(0), [this, &closed] {
        stopping_ = true;
        seal_timer_.cancel();
        dial_timer_.cancel();
        publish_timer_.cancel();
        seal();
        replicator_->stop();
        follower_->stop();
        pin_keeper_->stop();
        wishes_.stop();
        policy_->stop();
        sync_.stop();
        swarm_->close([&closed] { closed.set_value(); });
    });
    closed.get_future().wait();
    save_standings();
    dials_->stop_and_wait();
    jobs_.drain();
    // Jobs may have left something for the engine that knows this member; after it nothing does.
    std::promise<void> passed;
    boost::asio::post(common_.engine.context(0), [&passed] { passed.set_value(); });
    passed.get_future().wait();
}

// The disk is full: what nobody needs goes, and of the cache what may.
void Member::ask_for_room() {
    common_.sweeper.request();
    common_.cache.request();
}

Membership Member::membership() const {
    const std::lock_guard lock(membership_mutex_);
    return membership_;
}

Result<> Member::set_shares(std::vector<SharedFolder> shares) {
    const std::lock_guard lock(membership_mutex_);
    Membership changed = membership_;
    changed.shares = std::move(shares);
    SWARM_CHECK(save_membership(common_.home.path(), changed));
    membership_.shares = std::move(changed.shares);
    return done();
}

Result<> Member::set_paused(bool paused) {
    SWARM_CHECK(common_.pauses.set(membership_.swarm, PauseKind::swarm, "", paused));
    swarm_->set_paused(paused);
    return done();
}

void Member::unblock(const NodeId& node) {
    const std::lock_guard lock(accept_mutex_);
    if (accepting_) {
        swarm_->unblock(node);
        hurry();
    }
}

channel::ChannelSecrets Member::channel_secrets() const {
    channel::ChannelSecrets secrets;
    secrets.read_secret = crypto::Secret32(membership_.read_secret);
    secrets.swarm = membership_.swarm;
    secrets.own_static = channel_key_;
    return secrets;
}

void Member::accept(std::unique_ptr<transport::SecureLink> link) {
    std::string address = transport::to_text(link->link().remote());
    const std::lock_guard lock(accept_mutex_);
    if (!accepting_) {
        return;
    }
    swarm_->adopt(std::move(link), false, std::move(address));
}

void Member::content_arrived(const ContentId& content, const std::string& name) {
    swarm_->content_arrived(content);
    on_complete(content, name);
}

// Others said something, or what was changed here is signed.
void Member::on_tree_changed() {
    tracker_line_->catalog_changed();
    policy_->look();
}

// Thread: any.
void Member::on_complete(const ContentId& content, const std::string& name) {
    boost::asio::post(common_.engine.context(0), [this, content, name] {
        if (!stopping_ && tracker_line_) {
            tracker_line_->content_held(content, name);
        }
    });
}

// ---- signing ----

// Thread: any, under the store's writer lock; so only a post.
void Member::on_unsealed() {
    if (seal_scheduled_.exchange(true)) {
        return;
    }
    boost::asio::post(common_.engine.context(0), [this] {
        if (stopping_) {
            return;  // signed at the next start
        }
        seal_timer_.expires_after(kSealDelay);
        seal_timer_.async_wait([this](const boost::system::error_code& failed) {
            if (!failed) {
                seal();
            }
        });
    });
}

void Member::seal() {
    seal_scheduled_ = false;
    const auto sealed = tree_.seal();
    if (!sealed.ok()) {
        const std::string what = "changes made here cannot be signed: " + sealed.error().message;
        log_error("node", membership_.name + ": " + what);
        problems_.failed(Doing::signing, "", what);
        return;
    }
    problems_.worked(Doing::signing, "");
    if (*sealed && !stopping_) {
        sync_.on_published();
    }
}

void Member::publish_again_later() {
    publish_timer_.expires_after(kPublishAgainEvery);
    publish_timer_.async_wait([this](const boost::system::error_code& failed) {
        if (!failed && !stopping_) {
            publish_waiting();
            if (standings_.changed()) {
                save_standings();
            }
            publish_again_later();
        }
    });
}

// On a worker: a file may be busy with its bytes.
void Member::publish_waiting() {
    jobs_.post(Lane::small, [this] {
        publisher_->retry_waiting();
        publisher_->publish_due();
    });
}

// On a worker: it waits for the disk.
void Member::save_standings() {
    jobs_.post(Lane::small, [this] {
        if (const auto saved = standings_.save(); !saved.ok()) {
            log_debug("node", "what is known of members cannot be kept: " + saved.error().message);
        }
    });
}

// ---- finding and dialling peers ----

void Member::learn(const std::string& text, discovery::AddressSource source,
                   discovery::TellerPlace place, std::optional<NodeId> node,
                   const std::optional<NodeId>& teller) {
    const auto address = transport::parse_address(text);
    if (!address.ok() || stopping_) {
        return;
    }
    if (node && *node == identity_.self()) {
        return;
    }
    candidates_.add(*address, source, place, node, common_.clock.now(), teller);
}

void Member::consider_dialling() {
    if (stopping_) {
        return;
    }
    const TimePoint now = common_.clock.now();
    const auto skip = [this](const NodeId& node) {
        return swarm_->connected_to(node) || swarm_->banned(node);
    };
    const std::size_t sessions = swarm_->connected();
    const std::size_t dialling = candidates_.dialling();
    const auto due = candidates_.take_due(now, skip, pace_.room(now, sessions, dialling));
    pace_.dialled(due.size(), now, sessions, dialling);
    for (const discovery::Address& address : due) {
        swarm_->note_dialling(1);
        dials_->spawn(dial(address));
    }
    TimePoint next = candidates_.next_due();
    if (next == TimePoint::max()) {
        return;
    }
    if (pace_.room(now, sessions, candidates_.dialling()) == 0) {
        next = std::max(next, pace_.next());  // or when a session ends
    }
    dial_timer_.expires_after(std::max<Duration>(next - now, std::chrono::milliseconds(50)));
    dial_timer_.async_wait([this](const boost::system::error_code& failed) {
        if (!failed) {
            consider_dialling();
        }
    });
}

namespace {

// One attempt on the thread the link will live on.
async::Task<> connect(discovery::Address address, channel::ChannelSecrets secrets, Dice* dice,
                      std::optional<Result<std::unique_ptr<transport::SecureLink>>>* into) {
    auto link = co_await transport::dial(address, kDialLimit);
    if (!link.ok()) {
        into->emplace(link.error());
        co_return;
    }
    into->emplace(
        co_await transport::SecureLink::initiate(std::move(*link), std::move(secrets), *dice));
}

}  // namespace

async::Task<> Member::dial(discovery::Address address) {
    co_await async::uninterrupted();
    const std::size_t thread = common_.links.next();
    std::optional<Result<std::unique_ptr<transport::SecureLink>>> link;
    co_await async::call_on(common_.links.executor(thread),
                            connect(address, channel_secrets(), &common_.dice, &link));
    swarm_->note_dialling(-1);
    if (link && link->ok() && !stopping_) {
        // Who it is, the session says (on_dialled); until then the attempt is under way.
        swarm_->adopt(std::move(**link), true, transport::to_text(address));
        co_return;
    }
    if (link && link->ok()) {
        // On its own thread; or with that thread's queue, when the node stops before its turn.
        boost::asio::post(common_.links.context(thread), [unwanted = std::move(**link)] {});
    } else if (link) {
        log_debug("node", "dialling " + transport::to_text(address) + ": " + link->error().message);
    }
    candidates_.failed(address, common_.clock.now());
    consider_dialling();
}

void Member::on_dialled(const std::string& text, const Result<NodeId>& who) {
    const auto address = transport::parse_address(text);
    if (!address.ok()) {
        return;
    }
    if (!who.ok()) {
        candidates_.failed(*address, common_.clock.now());
    } else if (*who == identity_.self()) {
        candidates_.is_self(*address);
    } else {
        candidates_.connected(*address, *who, common_.clock.now());
    }
    consider_dialling();
}

void Member::on_peer_joined(const NodeId& peer, const std::vector<std::string>& addresses) {
    // The last one is where it was seen to come from: a peer on loopback may speak of loopback.
    const auto seen = addresses.empty()
                          ? Result<discovery::Address>(caller_error(Code::invalid, ""))
                          : transport::parse_address(addresses.back());
    const auto teller = seen.ok() && transport::is_loopback(*seen)
                            ? discovery::TellerPlace::on_loopback
                            : discovery::TellerPlace::elsewhere;
    tellers_[peer] = teller;
    for (const std::string& address : addresses) {
        learn(address, discovery::AddressSource::peer_exchange, teller, peer, peer);
    }
    replicator_->on_peer_joined();
    custody_->peers_changed();
    common_.cache.look_again();
    publish_waiting();
}

void Member::on_peer_left(const NodeId& peer, const Error&) {
    tellers_.erase(peer);
    replicator_->on_peer_left();
    custody_->peers_changed();
    common_.cache.look_again();
    candidates_.lost(peer, common_.clock.now());
    consider_dialling();
}

void Member::on_hints(const NodeId& from, const std::vector<protocol::PeerHint>& hints) {
    const auto teller = tellers_.find(from);
    for (const protocol::PeerHint& hint : hints) {
        learn(hint.address, discovery::AddressSource::peer_exchange,
              teller == tellers_.end() ? discovery::TellerPlace::elsewhere : teller->second,
              hint.node, from);
    }
    consider_dialling();
}

void Member::on_sources_wanted(const ContentId&, const std::optional<NodeId>& likely) {
    hurry(likely);
}

void Member::hurry(const std::optional<NodeId>& likely) {
    boost::asio::post(common_.engine.context(0), [this, likely] {
        if (!started_ || stopping_) {
            return;
        }
        candidates_.hurry(common_.clock.now(), likely);
        pace_.hurry();
        tracker_line_->hurry();
        consider_dialling();
    });
}

std::vector<Member::TrackerReport> Member::trackers() {
    return tracker_line_->report();
}

}  // namespace swarmfs::node
