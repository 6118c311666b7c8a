#include "engine/node/cache_keeper.hpp"

#include <algorithm>
#include <limits>

#include "engine/core/log.hpp"
#include "engine/store/content_eviction.hpp"

namespace swarmfs::node {
namespace {

// Contents that are being fetched, whose holders are asked for before anything has to go.
constexpr std::size_t kAskedAhead = 64;
// One that may fill the cache by itself is asked about as soon as it is opened.
constexpr std::uint64_t kAskedAtOnceBytes = CacheLimits::kMaxBytesMin / 4;
// Of the disk, beside twice the floor: with less left members are asked before anything has to go.
constexpr std::uint64_t kAskedWithLeftBytes = std::uint64_t{256} << 20;
constexpr std::size_t kRowsAtOnce = 1024;
// Of what a count took, before another one because something was let go of.
constexpr int kCountShare = 20;
// Contents noted as being fetched since the last look; more are found by counting anew.
constexpr std::size_t kFreshMax = 1 << 16;
// Who found the disk full looks again so often whether members have answered.
constexpr Duration kAnswersLookEvery = std::chrono::milliseconds(20);

bool near_floor(const CacheKeeper::Parts& parts) {
    const Room room = parts.room();
    return room.total_bytes > 0 &&
           room.free_bytes < 2 * parts.limits.min_free.of(room.total_bytes) + kAskedWithLeftBytes;
}

}  // namespace

CacheKeeper::CacheKeeper(const Parts& parts) : parts_(parts), dice_(parts.seed) {}

void CacheKeeper::start() {
    thread_ = std::thread(&CacheKeeper::run, this);
}

void CacheKeeper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    room_made_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

// ---- what others tell ----

void CacheKeeper::add(std::shared_ptr<Custody> custody) {
    const std::lock_guard lock(mutex_);
    custodies_.push_back(std::move(custody));
}

void CacheKeeper::remove(const std::shared_ptr<Custody>& custody) {
    const std::lock_guard lock(mutex_);
    std::erase(custodies_, custody);
}

std::vector<std::shared_ptr<Custody>> CacheKeeper::custodies() const {
    const std::lock_guard lock(mutex_);
    return custodies_;
}

void CacheKeeper::fetching(const ContentId& content) {
    {
        const std::lock_guard lock(mutex_);
        if (fresh_.size() >= kFreshMax) {
            count_due_ = true;  // the next count finds it
            return;
        }
        const bool fresh = fresh_.insert(content).second;
        const bool soon = fresh && content.size >= kAskedAtOnceBytes &&
                          (parts_.limits.max_bytes || near_floor(parts_));
        if (!fresh || (!soon && !near_limit())) {
            return;
        }
        woken_ = true;
    }
    wake_.notify_all();
}

void CacheKeeper::wait_for_place(const ContentId& content) {
    const std::uint64_t limit =
        parts_.limits.max_bytes.value_or(std::numeric_limits<std::uint64_t>::max());
    const std::uint64_t here = parts_.limits.max_bytes ? cached() : 0;
    const bool low = look_at_floor();
    const bool near = here >= limit - margin_of(limit) / 2;
    if ((!near && (!low || stuck_)) || parts_.contents.held(content)) {
        return;
    }
    std::unique_lock lock(mutex_);
    woken_ = true;
    wake_.notify_all();
    if (low || here > limit) {
        // Others write to the disk, too: for its sake one batch is waited for, and no more.
        room_made_.wait_for(lock, kWaitMax, [&, before = evicted_.load()] {
            return stopping_ || stuck_ ||
                   (cached() <= limit && (evicted_ > before || !below_floor()));
        });
    }
}

bool CacheKeeper::below_floor() const {
    const Room room = parts_.room();
    return room.total_bytes > 0 && room.free_bytes < parts_.limits.min_free.of(room.total_bytes);
}

// Cost: a comparison, but for once in kRoomLookBytes, and as long as the floor is not free.
bool CacheKeeper::look_at_floor() {
    const std::uint64_t came = parts_.contents.taken_in();
    if (floor_met_ || came - looked_at_ >= kRoomLookBytes) {
        looked_at_ = came;
        floor_met_ = below_floor();
    }
    return floor_met_;
}

void CacheKeeper::look_again() {
    const std::lock_guard lock(mutex_);
    count_due_ = true;
}

void CacheKeeper::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    wake_.notify_all();
}

void CacheKeeper::request() {
    {
        const std::lock_guard lock(mutex_);
        requested_ = true;
    }
    wake_.notify_all();
}

bool CacheKeeper::make_room() {
    const std::uint64_t before = evicted_;
    const TimePoint until = parts_.clock.now() + kWaitMax;
    Round round = Round::asking;
    while (evicted_ == before && round != Round::nothing_goes && !stopping_ &&
           parts_.clock.now() < until) {
        if (const std::unique_lock one(round_mutex_, std::try_to_lock); one.owns_lock()) {
            round = evict(kRoomBytes);
            tell_evicted();
        }
        if (evicted_ == before && round == Round::asking) {
            std::unique_lock lock(mutex_);
            room_made_.wait_for(lock, kAnswersLookEvery,
                                [&] { return stopping_ || evicted_ > before; });
        }
    }
    return evicted_ > before;
}

bool CacheKeeper::make_room_at_once() {
    const std::uint64_t before = evicted_;
    const std::unique_lock one(round_mutex_, std::try_to_lock);
    if (!one.owns_lock()) {  // a round is under way: its next batch is what is waited for
        std::unique_lock lock(mutex_);
        requested_ = true;
        room_made_.wait_for(lock, kWaitMax,
                            [&] { return stopping_ || stuck_ || evicted_ > before; });
        return evicted_ > before;
    }
    (void)evict(kRoomBytes);
    tell_evicted();
    return evicted_ > before;
}

bool CacheKeeper::named_elsewhere(const SwarmId& swarm, const ContentId& content) const {
    const auto all = custodies();
    return std::any_of(all.begin(), all.end(), [&](const auto& custody) {
        return custody->id() != swarm && custody->shows(content);
    });
}

void CacheKeeper::evict_soon(const std::set<ContentId>& contents) {
    {
        const std::lock_guard lock(mutex_);
        for (const ContentId& content : contents) {
            if (wished_.size() < kWishesMax) {
                wished_.insert(content);
                fresh_.insert(content);  // so that the next census knows of it
            }
        }
        woken_ = true;
    }
    wake_.notify_all();
}

void CacheKeeper::emptied(const ContentId& content) {
    const std::lock_guard one(round_mutex_);
    emptied_.insert(content);
}

CacheReport CacheKeeper::report() const {
    CacheReport report;
    report.limits = parts_.limits;
    report.min_free_bytes = parts_.limits.min_free.of(parts_.room().total_bytes);
    report.bytes = cached();
    report.kept_bytes = std::min<std::uint64_t>(kept_, report.bytes);
    report.evicted_bytes = evicted_;
    return report;
}

std::uint64_t CacheKeeper::cached() const {
    const std::uint64_t came = counted_bytes_ + (parts_.contents.taken_in() - counted_at_);
    return came - std::min<std::uint64_t>(came, gone_);
}

bool CacheKeeper::near_limit() const {
    return parts_.limits.max_bytes && cached() >= *parts_.limits.max_bytes / 2;
}

// ---- a round ----

void CacheKeeper::run() {
    while (!stopping_) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, kLookEvery, [this] { return stopping_ || woken_ || requested_; });
            woken_ = false;
        }
        if (!stopping_) {
            const std::lock_guard one(round_mutex_);
            round();
        }
    }
}

void CacheKeeper::round() {
    const TimePoint now = parts_.clock.now();
    bool asked = false;
    bool due = now >= count_by_;
    {
        const std::lock_guard lock(mutex_);
        asked = std::exchange(requested_, false);
        count_due_ = count_due_ || parts_.contents.holds_ended() != holds_ended_;
        if (count_due_ && now >= rests_until_) {
            due = true;
            count_due_ = false;
        }
    }
    if (due) {
        count_anew();
    }
    const std::uint64_t over = bytes_to_evict(parts_.limits, cached(), parts_.room());
    if (over > 0 || asked) {
        // While members are asked nobody waits: the answers come by the threads that would.
        stuck_ = evict(std::max(over, asked ? kRoomBytes : 0)) != Round::enough;
    } else {
        stuck_ = below_floor();  // by what is not cache
        ask_ahead();
    }
    evict_wished();
    remove_emptied();
    tell_evicted();
    const std::lock_guard lock(mutex_);
    room_made_.notify_all();
}

// Requires: round_mutex_ is held.
CacheKeeper::Round CacheKeeper::evict(std::uint64_t bytes) {
    while (bytes > 0 && !stopping_) {
        take_in_fresh();
        const bool known = take_census();
        bool asking = !known;
        const auto chosen = choose(std::min(bytes, kBatchBytes), asking);
        if (chosen.empty()) {
            return asking ? Round::asking : Round::nothing_goes;
        }
        const auto evicted = give_back(chosen);
        if (!evicted || *evicted == 0) {
            return Round::nothing_goes;
        }
        bytes -= std::min(bytes, *evicted);
        const std::lock_guard lock(mutex_);
        room_made_.notify_all();
    }
    return Round::enough;
}

// Returns: how many bytes; nothing where the disk would not have it.
std::optional<std::uint64_t> CacheKeeper::give_back(const std::vector<store::StoredChunk>& chunks) {
    const auto evicted = parts_.contents.evict(chunks);
    if (!evicted.ok()) {
        complain(evicted.error().message);
        count_by_ = {};
        return std::nullopt;
    }
    complain("");
    gone_ += evicted->bytes;
    evicted_ += evicted->bytes;
    for (const store::StoredChunk& one : chunks) {
        untold_.insert(one.content);
    }
    emptied_.insert(evicted->emptied.begin(), evicted->emptied.end());
    return evicted->bytes;
}

void CacheKeeper::complain(const std::string& what) {
    if (what != complaint_ && !what.empty()) {
        log_error("node", "the cache cannot give room back: " + what);
    }
    complaint_ = what;
}

// `du` shows what is here, and the kernel keeps what it was told.
void CacheKeeper::tell_evicted() {
    if (untold_.empty()) {
        return;
    }
    for (const auto& custody : custodies()) {
        custody->tell_evicted(untold_);
    }
    untold_.clear();
}

// Files of contents of which nothing is left, once nobody has them open.
void CacheKeeper::remove_emptied() {
    std::erase_if(emptied_, [this](const ContentId& content) {
        const auto removed = parts_.contents.remove_emptied(content);
        return !removed.ok() || *removed;
    });
}

// ---- what there is ----

void CacheKeeper::count_anew() {
    const TimePoint began = parts_.clock.now();
    (void)parts_.contents.save();
    holds_ended_ = parts_.contents.holds_ended();
    const std::uint64_t came = parts_.contents.taken_in();
    entries_.clear();
    index_.clear();
    active_.clear();
    pool_.clear();
    std::uint64_t bytes = 0;
    Bytes from;
    do {
        for (const auto& [content, record] : parts_.contents.stored_from(from, kRowsAtOnce)) {
            if (record.owned || !record.places.empty() || parts_.contents.held(content)) {
                continue;
            }
            bytes += record.bytes_on_disk();
            if (entries_.size() < kEntriesMax) {
                index_.emplace(content, entries_.size());
                entries_.push_back({content, record.bytes_on_disk(), false});
            }
        }
    } while (!from.empty() && !stopping_);
    gone_ = 0;
    counted_at_ = came;
    counted_bytes_ = bytes;
    sums_stale_ = true;
    const TimePoint ended = parts_.clock.now();
    rests_until_ = ended + std::max<Duration>(kLookEvery, kCountShare * (ended - began));
    count_by_ = std::max(ended + kCountEvery, rests_until_);
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(fresh_, [this](const ContentId& one) { return index_.contains(one); });
    }
    for (const auto& custody : custodies()) {
        custody->changed();
    }
}

void CacheKeeper::take_in_fresh() {
    std::set<ContentId> fresh;
    {
        const std::lock_guard lock(mutex_);
        fresh.swap(fresh_);
    }
    bool unknown = false;
    for (const ContentId& content : fresh) {
        if (index_.emplace(content, entries_.size()).second) {
            entries_.push_back({content, 0, false});
            unknown = true;
        }
        active_.insert(content);
    }
    for (const ContentId& content : active_) {
        const auto stored = parts_.contents.open(content);
        const std::uint64_t bytes = stored.ok() && !(*stored)->owned()
                                        ? store::ContentEviction(**stored).bytes_on_disk()
                                        : 0;
        Entry& entry = entries_[index_.at(content)];
        sums_stale_ = sums_stale_ || entry.bytes != bytes;
        entry.bytes = bytes;
    }
    if (unknown) {
        for (const auto& custody : custodies()) {
            custody->changed();
        }
    }
}

// Returns: whether every swarm knows all of the entries it names.
bool CacheKeeper::take_census() {
    bool known = true;
    for (const auto& custody : custodies()) {
        known = custody->take_census([this](const ContentId& content) {
            return index_.contains(content);
        }) && known;
    }
    return known;
}

// By the time that something has to go, it is known what may.
void CacheKeeper::ask_ahead() {
    const bool near = near_limit() || near_floor(parts_);
    const auto matters = [near](const ContentId& content) {
        return near || content.size >= kAskedAtOnceBytes;
    };
    {
        const std::lock_guard lock(mutex_);
        if (!near &&
            (!parts_.limits.max_bytes || std::none_of(fresh_.begin(), fresh_.end(), matters))) {
            return;
        }
    }
    take_in_fresh();
    take_census();
    std::size_t left = kAskedAhead;
    for (const ContentId& content : active_) {
        if (!matters(content)) {
            continue;
        }
        for (const auto& custody : custodies()) {
            (void)custody->ask(content, ChunkIndex());
        }
        if (--left == 0) {
            return;
        }
    }
}

}  // namespace swarmfs::node
