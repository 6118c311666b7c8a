#include "engine/node/replicator.hpp"

#include <algorithm>
#include <array>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "engine/core/log.hpp"

namespace swarmfs::node {
namespace {

constexpr auto kTickEvery = std::chrono::milliseconds(100);
constexpr std::size_t kLooksEachTick = Replicator::kLooksEachSecond / 10;
constexpr std::size_t kLooksOpenMax = 64;
constexpr std::size_t kRowsEachTick = 256;
// What is published in one breath is looked at together, when members have heard of it.
constexpr auto kNewsAfter = std::chrono::milliseconds(300);
// Nothing could be taken although it was our turn: as many as can are under way.
constexpr Duration kAgainSoon = std::chrono::seconds(1);
// What falls short and is not this node's to take is looked at for `swarmfs status` alone: so many a
// second at most, and each so often at most.
constexpr std::size_t kIdleLooksEachSecond = 20;
constexpr Duration kIdleLooksEvery = std::chrono::seconds(5);

}  // namespace

Replicator::Replicator(const Parts& parts) : parts_(parts), timer_(parts.engine, parts.clock) {}

void Replicator::start() {
    listener_ = parts_.tree.add_listener(
        [this](const std::vector<store::NameChange>& changes) { hear(changes); });
    started_at_ = parts_.clock.now();
    round_at_ = started_at_ + kRoundAfterLeave;  // when members are connected, perhaps
    wake(kTickEvery);
}

void Replicator::stop() {
    if (std::exchange(stopped_, true)) {
        return;
    }
    parts_.tree.remove_listener(listener_);
    timer_.stop();
    for (const auto& [number, fill] : fills_) {
        parts_.swarm.cancel_fill(fill);
    }
    fills_.clear();
    takes_.clear();
}

// ---- what happens ----

void Replicator::hear(const std::vector<store::NameChange>& changes) {
    if (!needed()) {
        return;  // a policy that comes later has a round of its own
    }
    const std::lock_guard lock(news_mutex_);
    for (const store::NameChange& change : changes) {
        if (change.name.empty()) {
            continue;
        }
        if (news_.size() == kNewsMax) {
            news_lost_ = true;
            break;
        }
        news_.push_back(change);
    }
    if (!std::exchange(woken_, true)) {
        boost::asio::post(parts_.engine, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->wake(kNewsAfter);
            }
        });
    }
}

// What a new policy asks for is no loss that may heal by itself; what this node's first look at the
// swarm finds may be.
void Replicator::on_policy_changed() {
    const TimePoint now = parts_.clock.now();
    round_at_ = now;
    next_round_ = now - started_at_ < parts_.settings.replicate_grace ? Fresh::no : Fresh::yes;
    in_round_ = false;
    counted_ = {};
    wake(kTickEvery);
}

void Replicator::on_peer_joined() {
    const TimePoint now = parts_.clock.now();
    for (auto& [content, one] : short_) {
        one.look_at = std::min(one.look_at, now + kAgainSoon);
    }
    wake(kAgainSoon);
}

void Replicator::on_peer_left() {
    round_at_ = std::min(round_at_, parts_.clock.now() + kRoundAfterLeave);
    wake(kRoundAfterLeave);
}

void Replicator::on_take(const NodeId& from, const ContentId& content) {
    const bool known = std::any_of(asked_.begin(), asked_.end(),
                                   [&](const auto& one) { return one.first == content; });
    if (stopped_ || known || asked_.size() >= kAskedMax || !parts_.settings.replicate ||
        !parts_.tree.view().names.shows(content)) {
        return;
    }
    asked_.emplace_back(content, from);
    wake(std::chrono::milliseconds(1));
}

// ---- one step ----

void Replicator::wake(Duration after) {
    timer_.wake(after, weak_from_this(), &Replicator::tick);
}

void Replicator::tick() {
    end_stalled();
    take_asked();
    take_in_news();
    if (!needed()) {
        short_.clear();
        fresh_.clear();
        in_round_ = false;
    } else {
        std::size_t looks = looks_open_ < kLooksOpenMax ? kLooksEachTick : 0;
        look_at_news(looks);
        look_at_short(looks);
        go_round(looks);
    }
    if (in_round_ || looks_open_ > 0 || !fresh_.empty()) {
        wake(kTickEvery);
    } else if (!takes_.empty() || !asked_.empty()) {
        wake(kAgainSoon);
    }
    if (!needed()) {
        return;
    }
    TimePoint next = round_at_;
    for (const auto& [content, one] : short_) {
        next = std::min(next, one.look_at);
    }
    wake(std::max<Duration>(next - parts_.clock.now(), kTickEvery));
}

void Replicator::take_in_news() {
    const std::lock_guard lock(news_mutex_);
    woken_ = false;
    if (std::exchange(news_lost_, false)) {
        round_at_ = parts_.clock.now();
    }
    const std::size_t fits = std::min(news_.size(), kNewsMax - fresh_.size());
    fresh_.insert(fresh_.end(), news_.begin(), news_.begin() + static_cast<std::ptrdiff_t>(fits));
    round_at_ = fits < news_.size() ? parts_.clock.now() : round_at_;
    news_.clear();
}

void Replicator::look_at_news(std::size_t& looks) {
    const auto policy = parts_.policy.policy();
    const TreeView view = parts_.tree.view();
    while (looks > 0 && !fresh_.empty()) {
        const store::NameChange change = std::move(fresh_.front());
        fresh_.pop_front();
        const auto record = view.names.lookup(change.parent, change.name);
        if (!record.ok() || record->kind != store::InodeKind::file || record->content.size == 0) {
            continue;
        }
        const auto path = view.names.path_of(*record);
        const std::uint32_t wanted = path.ok() ? policy->of(*path).replicas : 1;
        if (wanted > 1 && !short_.contains(record->content)) {
            --looks;
            look(record->content, *path, wanted, Fresh::yes);
        }
    }
}

void Replicator::go_round(std::size_t& looks) {
    const TimePoint now = parts_.clock.now();
    if (!in_round_) {
        if (now < round_at_) {
            return;
        }
        in_round_ = true;
        counting_ = {};
        this_round_ = std::exchange(next_round_, Fresh::no);
        cursor_.restart();
        round_at_ = now + kRoundEvery;
    }
    const auto policy = parts_.policy.policy();
    const TreeView view = parts_.tree.view();
    for (std::size_t rows = kRowsEachTick; rows > 0 && looks > 0 && !cursor_.at_end();) {
        // Each row may be a file that is to be looked at.
        const std::size_t step = std::min(looks, rows);
        rows -= step;
        for (const TreeCursor::File& file : cursor_.next(view.names, step)) {
            const std::uint32_t wanted = policy->of(file.path).replicas;
            if (wanted <= 1) {
                continue;
            }
            ++counting_.files;
            counting_.bytes += file.record.content.size;
            if (!short_.contains(file.record.content)) {
                look(file.record.content, file.path, wanted, this_round_);
                --looks;
            }
        }
    }
    if (cursor_.at_end()) {
        in_round_ = false;
        counted_ = counting_;
    }
}

// Rule 3.
void Replicator::look_at_short(std::size_t& looks) {
    const TimePoint now = parts_.clock.now();
    std::vector<std::pair<std::uint32_t, ContentId>> due;
    for (auto at = short_.begin(); at != short_.end();) {
        Short& one = at->second;
        if (one.looking || one.look_at > now) {
            ++at;
        } else if (!still_wanted(at->first, one)) {
            at = short_.erase(at);
        } else {
            due.emplace_back(one.copies, at->first);
            ++at;
        }
    }
    std::sort(due.begin(), due.end());
    for (const auto& [copies, content] : due) {
        if (looks == 0) {
            return;
        }
        --looks;
        Short& one = short_.at(content);
        one.looking = true;
        look(content, one.path, one.wanted, Fresh::no);
    }
}

// What is to be there less often by now, or not at all, is found under another name, if it has one.
bool Replicator::still_wanted(const ContentId& content, Short& one) const {
    const auto record = parts_.tree.view().names.resolve(one.path);
    one.wanted = parts_.policy.policy()->of(one.path).replicas;
    return record.ok() && record->content == content && one.wanted > 1;
}

// ---- looking ----

void Replicator::look(const ContentId& content, const std::string& path, std::uint32_t wanted,
                      Fresh fresh) {
    ++looks_open_;
    parts_.swarm.survey(
        content, [weak = weak_from_this(), path, wanted, fresh](const swarm::Survey& survey) {
            const auto self = weak.lock();
            if (self && !self->stopped_) {
                --self->looks_open_;
                self->seen(survey, path, wanted, fresh);
            }
        });
}

void Replicator::seen(const swarm::Survey& survey, const std::string& path, std::uint32_t wanted,
                      Fresh fresh) {
    const TimePoint now = parts_.clock.now();
    const auto known = short_.find(survey.content);
    Sight sight;
    sight.self = parts_.self;
    sight.content = survey.content;
    sight.replicas = wanted;
    sight.members = survey.answers;
    sight.members.push_back({parts_.self, holdings_of(parts_.contents, survey.content)});
    sight.patience.grace = parts_.settings.replicate_grace;
    sight.since = fresh == Fresh::yes ? now : now + sight.patience.grace;
    if (known != short_.end()) {
        sight.held_before = known->second.held;
        sight.since = known->second.since;
        if (lost_a_holder(sight) && known->second.losses < kLossesMax) {
            ++known->second.losses;
            sight.since = std::max(sight.since, now + sight.patience.grace);
        }
    }
    const Outlook outlook = look_at(sight, now);
    if (outlook.enough) {
        short_.erase(survey.content);
        return;
    }
    if (known == short_.end() && short_.size() >= kShortMax) {
        return;
    }
    Short& one = short_[survey.content];
    one.path = path;
    one.wanted = wanted;
    one.copies = outlook.copies;
    one.since = sight.since;
    one.looking = false;
    one.available = outlook.available;
    one.members = sight.members.size();
    one.held = chunks_held(sight);
    const bool idle = !outlook.take && outlook.again == TimePoint::max();
    const Duration often =
        std::max<Duration>(idle ? kIdleLooksEvery : sight.patience.turn,
                           std::chrono::seconds(short_.size() / kIdleLooksEachSecond));
    one.look_at = std::min(outlook.again, now + often);
    one.no_room = false;
    const bool under_way = std::any_of(takes_.begin(), takes_.end(), [&](const auto& take) {
        return take.second.content == survey.content;
    });
    if (outlook.take && !under_way && parts_.settings.replicate) {
        std::optional<NodeId> likely;
        for (const auto& member : survey.answers) {
            likely = member.held.all ? member.node : likely;
        }
        if (!take(survey.content, outlook.take, likely, &one.no_room) && !one.no_room) {
            one.look_at = now + kAgainSoon;
        }
    }
    wake(std::max<Duration>(one.look_at - now, kTickEvery));
}

swarm::Holdings holdings_of(store::ContentStore& contents, const ContentId& content) {
    swarm::Holdings held;
    const auto stored = contents.open(content);
    if (!stored.ok()) {
        return held;
    }
    held.all = (*stored)->complete();
    const std::uint64_t chunks = chunk_count(content.size);
    std::array<std::uint8_t, 512> bitmap{};
    for (ChunkIndex from; !held.all && from.value < chunks;) {
        const auto next = (*stored)->next_stored(from);
        if (!next || next->value >= chunks) {
            break;
        }
        (*stored)->whole_chunks(from = *next, bitmap);
        swarm::for_each_in_bitmap(bitmap, from, chunks,
                                  [&](ChunkIndex chunk) { held.some.insert(chunk); });
        from = from + bitmap.size() * 8;
    }
    return held;
}

// ---- taking ----

bool Replicator::has_place(bool large) const {
    const auto large_ones = static_cast<std::size_t>(std::count_if(
        takes_.begin(), takes_.end(), [](const auto& take) { return take.second.large; }));
    return takes_.size() < kTakesMax && (!large || large_ones < kLargeMax);
}

// Rule 5. What is under way counts as if it were there.
bool Replicator::has_room(std::uint64_t bytes) const {
    for (const auto& [number, take] : takes_) {
        bytes += take.left_bytes;
    }
    const Room room = parts_.room();
    const std::uint64_t kept = parts_.settings.replicate_min_free.of(room.total_bytes);
    return room.free_bytes >= kept && room.free_bytes - kept >= bytes;
}

bool Replicator::take(const ContentId& content, std::optional<std::uint64_t> parcel,
                      const std::optional<NodeId>& likely, bool* no_room) {
    const bool large = chunk_count(content.size) > 1;
    const std::uint64_t bytes = parcel ? Parcels(content).bytes(*parcel) : content.size;
    if (!has_place(large)) {
        return false;
    }
    if (!has_room(bytes)) {
        *no_room = true;
        return false;
    }
    swarm::FillRequest request;
    request.content = content;
    request.likely = likely;
    if (parcel) {
        request.chunks = Parcels(content).range(*parcel);
    }
    const std::uint64_t number = next_take_++;
    takes_[number] = {content, bytes, large, parts_.clock.now()};
    fills_[number] = parts_.swarm.fill(
        request, [weak = weak_from_this(), number,
                  hold = std::make_shared<store::Hold>(parts_.contents.hold(content))](
                     const swarm::FillProgress& progress) {
            const auto self = weak.lock();
            if (self && !self->stopped_) {
                self->moved(number, progress);
            }
        });
    return true;
}

void Replicator::moved(std::uint64_t number, const swarm::FillProgress& progress) {
    const auto found = takes_.find(number);
    if (found == takes_.end()) {
        return;
    }
    Take& take = found->second;
    const TimePoint now = parts_.clock.now();
    const std::uint64_t left = progress.total_bytes - progress.stored_bytes;
    if (left < take.left_bytes) {
        take.moved_at = now;
    }
    take.left_bytes = left;
    if (!progress.complete && !progress.error) {
        return;
    }
    if (progress.error) {
        log_warning("node", "a copy cannot be kept here: " + progress.error->message);
    }
    // What else it lacks, or that it lacks nothing, is seen at the next look.
    if (const auto one = short_.find(take.content); one != short_.end()) {
        one->second.look_at = progress.error ? one->second.look_at : now;
    }
    takes_.erase(found);
    fills_.erase(number);
    wake(kTickEvery);
}

void Replicator::end_stalled() {
    const TimePoint now = parts_.clock.now();
    std::erase_if(takes_, [&](const auto& take) {
        const bool stalled = now - take.second.moved_at >= kStallMax;
        if (stalled) {
            parts_.swarm.cancel_fill(fills_.at(take.first));
            fills_.erase(take.first);
        }
        return stalled;
    });
}

// Rule 6. What there is no room or no way for is forgotten: whoever asked asks another.
void Replicator::take_asked() {
    while (!asked_.empty() && has_place(true)) {
        const auto [content, from] = asked_.front();
        asked_.pop_front();
        bool no_room = false;
        const auto stored = parts_.contents.open(content);
        if (!stored.ok() || !(*stored)->complete()) {
            take(content, std::nullopt, from, &no_room);
        }
    }
}

}  // namespace swarmfs::node
