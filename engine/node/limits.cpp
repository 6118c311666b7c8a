#include "engine/node/limits.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

constexpr std::uint64_t kMinuteMs = 60'000;
constexpr std::uint64_t kLookMs = 10'000;  // rule 2

Bytes all_rows() {
    return store::key_of(store::KeySpace::node, 'b');
}

Bytes key_of(const LimitScope& scope) {
    Bytes key = all_rows();
    WireWriter out(key);
    if (scope.swarm) {
        out.fixed(*scope.swarm);
    }
    if (scope.peer) {
        out.fixed(*scope.peer);
    }
    return key;
}

std::optional<LimitScope> scope_of(ByteSpan key) {
    ByteSpan rest = key.subspan(all_rows().size());
    LimitScope scope;
    if (!rest.empty() && rest.size() >= 32) {
        std::copy_n(rest.begin(), 32, scope.swarm.emplace().bytes.begin());
        rest = rest.subspan(32);
    }
    if (rest.size() == 32) {
        std::copy_n(rest.begin(), 32, scope.peer.emplace().bytes.begin());
        rest = {};
    }
    return rest.empty() ? std::optional(scope) : std::nullopt;
}

}  // namespace

Limits::Limits(store::Database& database, const Clock& clock, boost::asio::io_context& engine)
    : database_(database),
      clock_(clock),
      engine_(engine),
      up_(std::make_shared<swarm::RateGate>(clock)),
      down_(std::make_shared<swarm::RateGate>(clock)),
      ticking_(std::make_shared<Ticking>(engine)) {
    database.reader().scan(all_rows(), {}, [this](ByteSpan key, ByteSpan value) {
        const auto scope = scope_of(key);
        const auto rule = decode_limit_rule(value);
        if (scope && rule) {
            rules_.emplace(*scope, *rule);
        } else {
            log_warning("node", "a limit that was set cannot be read, and does not hold");
        }
        return true;
    });
    apply();
    ticking_->limits = this;
    boost::asio::post(engine, [ticking = ticking_] { tick(ticking); });
}

void Limits::stop() {
    {
        const std::lock_guard lock(ticking_->mutex);
        ticking_->limits = nullptr;
    }
    boost::asio::post(engine_, [ticking = ticking_] { ticking->timer.cancel(); });
}

// Thread: engine.
void Limits::tick(const std::shared_ptr<Ticking>& ticking) {
    const std::lock_guard lock(ticking->mutex);
    if (ticking->limits == nullptr) {
        return;
    }
    ticking->limits->apply();
    ticking->timer.expires_after(ticking->limits->until_next_look());
    ticking->timer.async_wait([ticking](const boost::system::error_code& failed) {
        if (!failed) {
            tick(ticking);
        }
    });
}

Duration Limits::until_next_look() const {
    const std::uint64_t into_minute = clock_.wall_ms() % kMinuteMs;
    return std::chrono::milliseconds(std::min(kMinuteMs - into_minute, kLookMs));
}

LimitRule Limits::rule(const LimitScope& scope) const {
    const std::lock_guard lock(mutex_);
    const auto found = rules_.find(scope);
    return found == rules_.end() ? LimitRule{} : found->second;
}

std::map<LimitScope, LimitRule> Limits::rules() const {
    const std::lock_guard lock(mutex_);
    return rules_;
}

Result<> Limits::set(const LimitScope& scope, const LimitRule& rule) {
    const std::lock_guard setting(setting_mutex_);
    const auto row = rule.empty() ? std::nullopt : std::optional(encode(rule));
    SWARM_CHECK(database_.commit({{key_of(scope), row}}, store::Durability::process_crash));
    const std::lock_guard lock(mutex_);
    rules_.erase(scope);
    if (!rule.empty()) {
        rules_.emplace(scope, rule);
    }
    apply_locked();
    return done();
}

Bytes Limits::rows_of(const SwarmId& swarm) {
    return key_of({swarm, std::nullopt});
}

void Limits::forget(const SwarmId& swarm) {
    const std::lock_guard lock(mutex_);
    std::erase_if(rules_, [&](const auto& rule) { return rule.first.swarm == swarm; });
    apply_locked();
}

void Limits::apply() {
    const std::lock_guard lock(mutex_);
    apply_locked();
}

void Limits::apply_locked() {
    const LocalTime now = local_time(clock_.wall_ms());
    swarm::RateLimits up;
    swarm::RateLimits down;
    const auto put = [](swarm::RateLimits& limits, const LimitScope& scope, Rate rate) {
        if (rate == kNoLimit) {
            return;
        }
        if (scope.peer) {
            limits.peers[{*scope.swarm, *scope.peer}] = rate;
        } else if (scope.swarm) {
            limits.swarms[*scope.swarm] = rate;
        } else {
            limits.node = rate;
        }
    };
    for (const auto& [scope, rule] : rules_) {
        const Rates rates = rule.at(now);
        put(up, scope, rates.up);
        put(down, scope, rates.down);
    }
    up_->set(std::move(up));
    down_->set(std::move(down));
}

}  // namespace swarmfs::node
