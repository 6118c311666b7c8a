#include "engine/node/running_node.hpp"

#include <boost/asio/post.hpp>

#include "engine/catalog/grant.hpp"
#include "engine/core/log.hpp"
#include "engine/node/leaving.hpp"
#include "engine/node/methods.hpp"
#include "engine/protocol/control.hpp"

namespace swarmfs::node {
namespace {

// Serving and fetching share them; on few cores more threads only take turns.
constexpr std::size_t kLinkThreads = 2;

}  // namespace

Result<std::unique_ptr<Node>> Node::open(Settings settings, Clock& clock, Dice& dice) {
    SWARM_TRY(auto node, RunningNode::open(std::move(settings), clock, dice));
    return std::unique_ptr<Node>(std::move(node));
}

RunningNode::RunningNode(Settings settings, Clock& clock, Dice& dice)
    : settings_(std::move(settings)), clock_(clock), dice_(dice), started_at_(clock.now()) {}

Result<std::unique_ptr<RunningNode>> RunningNode::open(Settings settings, Clock& clock,
                                                       Dice& dice) {
    std::unique_ptr<RunningNode> node(new RunningNode(std::move(settings), clock, dice));
    SWARM_TRY(node->home_, Home::open(node->settings_.home, dice));
    if (auto opened = node->open_store(); !opened.ok()) {
        return explain_permission(opened.error(), node->settings_.home);
    }
    SWARM_CHECK(finish_leaving(node->disk_, *node->database_, node->home_->path()));
    auto memberships = load_memberships(node->settings_.home);
    if (!memberships.ok()) {
        return explain_permission(memberships.error(), node->settings_.home);
    }
    node->workers_ = std::make_unique<Workers>();
    node->engine_ = std::make_unique<async::IoThreads>(1, "engine");
    node->links_ = std::make_unique<async::IoThreads>(kLinkThreads, "link");
    node->limits_ = std::make_unique<Limits>(*node->database_, clock, node->engine_->context(0));
    node->blocks_ = std::make_unique<Blocks>(*node->database_, clock);
    node->uploads_ = std::make_shared<swarm::UploadGate>(clock, dice.u64());
    node->pauses_ = std::make_unique<Pauses>(*node->database_);
    node->pins_ = std::make_unique<Pins>(*node->database_);
    for (std::size_t i = 0; i < kLinkThreads; ++i) {
        node->handshakes_.push_back(std::make_unique<async::TaskGroup>(node->links_->executor(i)));
    }
    SWARM_CHECK(node->listen());
    const NodeId self = node->home_->key().public_key();
    for (Membership& membership : *memberships) {
        // Who made the swarm needs nobody's invite when his node has another key than before.
        if (membership.owner &&
            !catalog::verify_grant_chain(membership.grant, membership.swarm, self, clock.wall_ms())
                 .ok()) {
            membership.grant = grant_by_owner(*membership.owner, self, clock.wall_ms());
            SWARM_CHECK(save_membership(node->settings_.home, membership));
        }
        SWARM_TRY(auto member, node->add(std::move(membership)));
    }
    return node;
}

Result<> RunningNode::open_store() {
    SWARM_TRY(database_, store::Database::open(disk_, store::Path(home_->file("db"))));
    history_ = home_->recognize(*database_, dice_);
    for (const std::string& line : database_->report().repaired) {
        log_warning("store", line);
    }
    SWARM_TRY(contents_, store::ContentStore::open(disk_, *database_, store::Path(home_->path())));
    for (const std::string& line : contents_->repairs()) {
        log_warning("store", line);
    }
    sweeper_ = std::make_unique<Sweeper>(*database_, *contents_, clock_);
    cache_ = std::make_unique<CacheKeeper>(CacheKeeper::Parts{
        settings_.cache, *contents_, clock_, [home = home_->path()] { return room_at(home); },
        dice_.u64(), [this](const ContentId& id) { return sweeper_->needs(id); }});
    return done();
}

Result<> RunningNode::listen() {
    transport::ListenOptions options;
    options.listen = settings_.listen;
    SWARM_TRY(listener_, transport::Listener::open(*links_, options,
                                                   [this](std::unique_ptr<transport::Link> l) {
                                                       on_link(std::move(l));
                                                   }));
    return done();
}

std::string RunningNode::listen_address() const {
    return transport::to_text(listener_->address());
}

Member::Common RunningNode::common() {
    return {settings_,       *home_,    history_,  disk_,      *database_,
            *contents_,      *sweeper_, *workers_, *engine_,   *links_,
            clock_,          dice_,     *limits_,  *blocks_,   uploads_,
            *pauses_,        *pins_,    *cache_,   transfers_, listener_->address().port,
            listen_address()};
}

Result<std::shared_ptr<Member>> RunningNode::add(Membership membership) {
    const std::string name = membership.name;
    const std::lock_guard blocking(blocking_mutex_);
    auto member = std::make_shared<Member>(common(), std::move(membership));
    auto shares = std::make_shared<ShareFolders>(member, settings_.home,
                                                 [this, name] { return mounts_of(name); });
    // They are made by jobs of the member's, which do not outlive it.
    member->volume()->reports()->write_with([this, one = member.get()](std::string_view report) {
        return report_of(*this, *one, report);
    });
    const std::lock_guard lock(members_mutex_);
    members_[name] = Joined{member, std::move(shares)};
    return member;
}

Result<> RunningNode::start(ControlMethods extra) {
    for (const auto& member : members()) {
        member->start();
        SWARM_TRY(const auto shares, shares_of(*member));
        shares->start();
    }
    sweeper_->start();
    cache_->start();
    ControlMethods methods = std::move(extra);
    add_control_methods(*this, methods);
    SWARM_TRY(control_,
              ControlServer::open(home_->file(protocol::kControlSocketName), std::move(methods)));
    return done();
}

RunningNode::~RunningNode() {
    stop();
}

void RunningNode::begin_stop() {
    for (const auto& member : members()) {
        member->begin_stop();
    }
}

void RunningNode::stop() {
    begin_stop();
    control_.reset();
    if (listener_) {
        listener_->close();
    }
    for (auto& group : handshakes_) {
        group->stop_and_wait();
    }
    handshakes_.clear();
    if (sweeper_) {
        sweeper_->stop();
    }
    if (cache_) {
        cache_->stop();
    }
    std::map<std::string, Joined> members;
    {
        const std::lock_guard lock(members_mutex_);
        members.swap(members_);
    }
    for (auto& [name, joined] : members) {
        joined.shares->stop();
        joined.member->stop();
    }
    members.clear();
    workers_.reset();
    listener_.reset();
    if (limits_) {
        limits_->stop();
    }
    links_.reset();
    limits_.reset();  // its timer is the engine's
    engine_.reset();
    pauses_.reset();
    pins_.reset();
    blocks_.reset();
    cache_.reset();
    sweeper_.reset();
    contents_.reset();
    database_.reset();
}

void RunningNode::request_stop() {
    if (stop_requested_) {
        stop_requested_();
    }
}

// ---- members ----

std::vector<std::shared_ptr<Member>> RunningNode::members() const {
    const std::lock_guard lock(members_mutex_);
    std::vector<std::shared_ptr<Member>> all;
    for (const auto& [name, joined] : members_) {
        all.push_back(joined.member);
    }
    return all;
}

Result<std::shared_ptr<Member>> RunningNode::member(const std::string& name) const {
    const std::lock_guard lock(members_mutex_);
    if (const auto found = members_.find(name); found != members_.end()) {
        return found->second.member;
    }
    if (name.empty() && members_.size() == 1) {
        return members_.begin()->second.member;
    }
    if (name.empty() && members_.size() > 1) {
        return caller_error(Code::invalid, "several swarms are joined; name one");
    }
    return caller_error(
        Code::not_found,
        (name.empty() ? "no swarm is joined" : "no swarm is called \"" + name + "\"") +
            std::string("; `swarmfs status` lists them, `swarmfs join` adds one"));
}

Result<std::shared_ptr<Volume>> RunningNode::volume(const std::string& name) {
    SWARM_TRY(const auto found, member(name));
    return std::shared_ptr<Volume>(found, found->volume().get());
}

std::vector<std::string> RunningNode::mounts_of(const std::string& swarm) const {
    return mounts_of_ ? mounts_of_(swarm) : std::vector<std::string>();
}

Result<std::shared_ptr<ShareFolders>> RunningNode::shares_of(const Member& member) const {
    const std::lock_guard lock(members_mutex_);
    const std::string name = member.membership().name;
    const auto found = members_.find(name);
    if (found == members_.end() || found->second.member.get() != &member) {
        return caller_error(Code::not_found, "\"" + name + "\" was left meanwhile");
    }
    return found->second.shares;
}

Result<std::shared_ptr<Member>> RunningNode::join(Membership membership) {
    SWARM_CHECK(check_swarm_name(membership.name));
    const std::lock_guard joining(joining_mutex_);
    SWARM_TRY(std::shared_ptr<Member> lapsed, lapsed_member_of(membership.swarm));
    if (lapsed) {
        Membership before = lapsed->membership();
        membership.name = std::move(before.name);
        membership.description = std::move(before.description);
        membership.shares = std::move(before.shares);
    } else {
        SWARM_CHECK(check_name_is_free(membership.name));
    }
    SWARM_CHECK(finish_leaving(disk_, *database_, home_->path()));
    SWARM_CHECK(save_membership(home_->path(), membership));
    if (lapsed) {
        lapsed.reset();
        take_out(membership.name);
    }
    SWARM_TRY(auto joined, add(std::move(membership)));
    joined->start();
    SWARM_TRY(const auto shares, shares_of(*joined));
    shares->start();
    return joined;
}

// Returns: who was a member of `swarm` and is none now; nobody, when nobody here ever was.
// Errors: exists when there is a member, busy when the swarm is mounted.
Result<std::shared_ptr<Member>> RunningNode::lapsed_member_of(const SwarmId& swarm) const {
    for (const auto& member : members()) {
        const std::string name = member->membership().name;
        if (member->membership().swarm != swarm) {
            continue;
        }
        if (member->identity().role().ok()) {
            return caller_error(Code::exists, "this swarm is joined already, as \"" + name +
                                                  "\"; to join it in another role, leave it "
                                                  "first: swarmfs leave " +
                                                  name);
        }
        if (const auto mounts = mounts_of(name); !mounts.empty()) {
            return caller_error(Code::busy, "\"" + name + "\" is mounted on " + mounts[0] +
                                                "; unmount it first: swarmfs unmount " + mounts[0]);
        }
        return member;
    }
    return std::shared_ptr<Member>();
}

Result<> RunningNode::check_name_is_free(const std::string& name) const {
    const std::lock_guard lock(members_mutex_);
    if (members_.contains(name)) {
        return caller_error(Code::exists, "a swarm called \"" + name +
                                              "\" is joined already; call this one otherwise "
                                              "(create NAME, join --as NAME)");
    }
    return done();
}

// Stops a member. Returns: nothing in it, when there is none of that name.
RunningNode::Joined RunningNode::take_out(const std::string& name) {
    Joined joined;
    {
        const std::lock_guard lock(members_mutex_);
        const auto found = members_.find(name);
        if (found == members_.end()) {
            return joined;
        }
        joined = std::move(found->second);
        members_.erase(found);
    }
    joined.shares->stop();
    joined.member->stop();
    return joined;
}

Result<> RunningNode::leave(const std::string& name) {
    const std::lock_guard joining(joining_mutex_);
    Joined joined = take_out(name);
    if (!joined.member) {
        return caller_error(Code::not_found, "no swarm is called \"" + name +
                                                 "\"; `swarmfs status` lists those there are");
    }
    const SwarmId swarm = joined.member->membership().swarm;
    joined = {};  // what it has open is no longer needed
    SWARM_CHECK(erase_left(disk_, *database_, home_->path(), swarm));
    limits_->forget(swarm);
    pauses_->forget(swarm);
    pins_->forget(swarm);
    if (members().empty()) {
        SWARM_CHECK(sweeper_->forget_found());
    }
    SWARM_CHECK(sweeper_->sweep_all());
    return done();
}

Result<bool> RunningNode::set_blocked(const NodeId& node, bool blocked) {
    const std::lock_guard blocking(blocking_mutex_);
    SWARM_TRY(bool changed, blocks_->set(node, blocked));
    for (const auto& member : members()) {
        if (blocked) {
            member->swarm().block(node);
        } else {
            changed = changed || member->standings().banned().contains(node);
            member->unblock(node);
        }
    }
    return changed;
}

// ---- links that others dial ----

void RunningNode::on_link(std::unique_ptr<transport::Link> link) {
    for (auto& group : handshakes_) {
        if (group->executor() == link->executor()) {
            group->spawn(welcome(this, std::move(link)));
            return;
        }
    }
}

async::Task<> RunningNode::welcome(RunningNode* node, std::unique_ptr<transport::Link> link) {
    const std::vector<std::shared_ptr<Member>> members = node->members();
    std::vector<channel::ChannelSecrets> candidates;
    for (const auto& member : members) {
        if (candidates.size() < channel::kSwarmsTriedMax) {
            candidates.push_back(member->channel_secrets());
        }
    }
    auto secured = co_await transport::SecureLink::respond(std::move(link), std::move(candidates),
                                                           node->dice_);
    if (!secured.ok()) {
        log_debug("node", "a connection was refused: " + secured.error().message);
        co_return;
    }
    const std::size_t index = (*secured)->swarm_index();
    members[index]->accept(std::move(*secured));
}

}  // namespace swarmfs::node
