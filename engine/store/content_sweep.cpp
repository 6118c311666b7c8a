#include "engine/store/content_sweep.hpp"

#include <algorithm>

#include "engine/core/wire.hpp"
#include "engine/store/content_needs.hpp"

namespace swarmfs::store {

ContentSweep::ContentSweep(Database& database, ContentStore& contents, std::size_t at_once)
    : database_(database), contents_(contents), at_once_(at_once) {
    database_.watch([this](const Changes& changes) { see(changes); });
}

ContentSweep::~ContentSweep() {
    database_.watch({});
}

Result<ContentSweep::Swept> ContentSweep::pass(std::uint64_t wall_ms,
                                               const std::atomic<bool>& stopping) {
    const std::lock_guard one(pass_mutex_);
    Swept swept;
    if (from_.empty()) {
        changed_ = false;
    }
    if (waits_for_names(wall_ms)) {
        swept.round_ended = true;
        return swept;
    }
    SWARM_CHECK(contents_.save());  // what waits to be saved counts as held
    Result<> passed = find_candidates();
    if (passed) {
        passed = strike_needed();
    }
    if (passed) {
        passed = remove_rest(stopping, swept);
    }
    {
        const std::lock_guard lock(mutex_);
        candidates_.clear();
    }
    if (!passed || swept.in_use > 0 || stopping) {
        changed_ = true;  // another pass may find more
    }
    SWARM_CHECK(std::move(passed));
    swept.round_ended = from_.empty();
    return swept;
}

bool ContentSweep::due() const {
    const std::lock_guard one(pass_mutex_);
    return changed_ || !from_.empty();
}

bool ContentSweep::waits_for_names(std::uint64_t wall_ms) const {
    const auto row = database_.reader().get(found_key());
    return row && wall_ms < WireReader(*row).u64() + kFoundKeptMs;
}

bool ContentSweep::needs(const ContentId& id, std::uint64_t wall_ms) const {
    return waits_for_names(wall_ms) || is_needed_but_by_history(database_.reader(), id);
}

Result<> ContentSweep::forget_found() {
    return database_.commit(Changes{{found_key(), std::nullopt}}, Durability::process_crash);
}

Result<> ContentSweep::find_candidates() {
    std::vector<Candidate> found;
    for (const auto& [id, record] : contents_.stored_from(from_, at_once_)) {
        found.push_back({id, record.stored_bytes, record.owned, false});
    }
    if (database_.reader().failed()) {
        return disk_error(Code::io, "the list of contents could not be read");
    }
    std::sort(found.begin(), found.end(),
              [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
    const std::lock_guard lock(mutex_);
    candidates_ = std::move(found);
    unreadable_ = false;
    return done();
}

Result<> ContentSweep::strike_needed() {
    const auto strike_off = [this](const ContentId& id) { strike(id, false); };
    SWARM_CHECK(visit_needed_by_names(database_.reader(), strike_off));
    SWARM_CHECK(visit_needed_by_staging(database_.reader(), strike_off));
    SWARM_CHECK(visit_needed_by_layers(database_.reader(), strike_off));
    {
        const std::lock_guard lock(mutex_);
        if (std::none_of(candidates_.begin(), candidates_.end(),
                         [](const Candidate& one) { return one.owned && !one.needed; })) {
            return done();
        }
    }
    return visit_needed_by_history(database_.reader(),
                                   [this](const ContentId& id) { strike(id, true); });
}

Result<> ContentSweep::remove_rest(const std::atomic<bool>& stopping, Swept& swept) {
    std::size_t count = 0;
    {
        const std::lock_guard lock(mutex_);
        count = candidates_.size();
    }
    bool synced = false;
    for (std::size_t i = 0; i < count && !stopping; ++i) {
        if (is_needed(i)) {
            continue;
        }
        if (!std::exchange(synced, true)) {
            SWARM_CHECK(database_.sync());
        }
        // Nobody changes an id, a size or their order while a pass runs.
        const ContentId id = candidates_[i].id;
        auto removed = contents_.remove_unused(id, [&] { return !is_needed(i); });
        if (!removed && removed.error().code == Code::corrupt) {
            continue;  // of another version: not ours to judge
        }
        SWARM_CHECK(removed);
        swept.removed += *removed ? 1 : 0;
        swept.bytes += *removed ? candidates_[i].stored_bytes : 0;
        swept.in_use += !*removed && !is_needed(i) ? 1 : 0;
    }
    return done();
}

// ---- what is needed ----

// Under the Database's locks.
void ContentSweep::see(const Changes& changes) {
    changed_ = true;
    {
        const std::lock_guard lock(mutex_);
        if (candidates_.empty()) {
            return;
        }
    }
    for (const auto& [key, value] : changes) {
        if (value &&
            !visit_needed_by_row(key, *value, [this](const ContentId& id) { strike(id, false); })) {
            const std::lock_guard lock(mutex_);
            unreadable_ = true;
        }
    }
}

void ContentSweep::strike(const ContentId& id, bool owned_only) {
    const std::lock_guard lock(mutex_);
    const auto found = std::lower_bound(
        candidates_.begin(), candidates_.end(), id,
        [](const Candidate& one, const ContentId& wanted) { return one.id < wanted; });
    if (found != candidates_.end() && found->id == id && (found->owned || !owned_only)) {
        found->needed = true;
    }
}

bool ContentSweep::is_needed(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return unreadable_ || candidates_[index].needed;
}

}  // namespace swarmfs::store
