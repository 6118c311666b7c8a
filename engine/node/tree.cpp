#include "engine/node/tree.hpp"

#include "engine/core/log.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

// Tables of different swarms stand apart under the first bytes of the swarm's key: two owners with
// the same eight bytes would take 2^32 swarms on one node to meet.
Bytes prefix_of(store::KeySpace space, const SwarmId& swarm) {
    Bytes prefix{static_cast<std::uint8_t>(space)};
    prefix.insert(prefix.end(), swarm.bytes.begin(), swarm.bytes.begin() + 8);
    return prefix;
}

}  // namespace

struct Tree::Window {
    explicit Window(Tree& tree)
        : batch(tree.database_.begin()),
          name_rows(batch, tree.names_prefix_),
          catalog_rows(batch, tree.catalog_prefix_),
          replica(catalog_rows, tree.swarm_),
          names(name_rows, replica, tree.dice_, {tree.clock_.wall_ms()}) {}

    store::Batch batch;
    PrefixedWriter name_rows;
    PrefixedWriter catalog_rows;
    catalog::Replica replica;
    store::Namespace names;
};

Tree::Tree(store::Database& database, Identity& identity, const SwarmId& swarm, const Clock& clock,
           Dice& dice)
    : database_(database),
      identity_(identity),
      swarm_(swarm),
      clock_(clock),
      dice_(dice),
      names_prefix_(prefix_of(store::KeySpace::namespace_, swarm)),
      catalog_prefix_(prefix_of(store::KeySpace::catalog, swarm)) {}

Result<> Tree::begin_history(Window& window) {
    if (window.replica.own_author()) {
        return done();
    }
    return window.replica.start_incarnation(identity_.self(), dice_.u64());
}

Result<bool> Tree::seal_in(Window& window) {
    if (window.replica.unsealed() == 0) {
        return false;
    }
    SWARM_TRY(const auto sealed, window.replica.seal_local(identity_.key(), identity_.grant()));
    return sealed.has_value();
}

Result<> Tree::finish(Window& window, Origin origin, store::Durability durability) {
    const std::vector<store::NameChange> changes = window.names.take_changes();
    const bool unsealed = window.replica.unsealed() > 0;
    SWARM_CHECK(database_.commit(std::move(window.batch), durability));
    if (!changes.empty() && origin != Origin::volume) {  // else whoever asked for it knows
        tell(changes);
    }
    if (unsealed && on_unsealed_) {
        on_unsealed_();
    }
    return done();
}

Result<> Tree::change(const Act& act, Origin origin, store::Durability durability) {
    SWARM_TRY(const catalog::Role role, identity_.role());
    if (role == catalog::Role::read) {
        return caller_error(Code::read_only, "this node may only read in this swarm");
    }
    auto acted = act_once(act, origin, durability);
    if (!acted.ok() && acted.error().code == Code::try_again) {
        // As much waits to be signed as one header can cover: sign it and try anew.
        SWARM_CHECK(seal());
        acted = act_once(act, origin, durability);
    }
    return acted;
}

Result<> Tree::act_once(const Act& act, Origin origin, store::Durability durability) {
    Window window(*this);
    SWARM_CHECK(begin_history(window));
    SWARM_CHECK(act(window.names, window.batch));
    return finish(window, origin, durability);
}

Result<bool> Tree::seal() {
    Window window(*this);
    SWARM_TRY(const bool sealed, seal_in(window));
    if (sealed) {
        SWARM_CHECK(finish(window, Origin::elsewhere, store::Durability::process_crash));
    }
    return sealed;
}

Result<catalog::HeaderOutcome> Tree::apply_header(ByteSpan message) {
    for (bool again = false;; again = true) {
        Window window(*this);
        SWARM_TRY(const catalog::HeaderOutcome outcome,
                  window.replica.apply_header(message, clock_.wall_ms()));
        if (outcome == catalog::HeaderOutcome::forked && !again) {
            // Somebody has seen more of our history than we have: this home was restored or copied.
            log_warning("node", "this home was restored from a backup: a new history begins");
            SWARM_CHECK(window.replica.start_incarnation(identity_.self(), dice_.u64()));
            SWARM_CHECK(finish(window, Origin::elsewhere, store::Durability::process_crash));
            continue;
        }
        if (outcome == catalog::HeaderOutcome::alarm) {
            log_error("node", "an author has signed two histories; the first one counts here");
        }
        SWARM_CHECK(finish(window, Origin::elsewhere, store::Durability::process_crash));
        return outcome;
    }
}

Result<bool> Tree::apply_entries(ByteSpan message) {
    bool whole = false;
    {
        Window window(*this);
        SWARM_TRY(const catalog::EntriesApplied applied, window.replica.apply_entries(message));
        window.names.update(applied.touched);
        whole = applied.outcome == catalog::EntriesOutcome::whole;
        SWARM_CHECK(finish(window, Origin::elsewhere, store::Durability::process_crash));
    }
    bool any = false;
    while (whole) {
        Window window(*this);
        SWARM_CHECK(seal_in(window));
        SWARM_TRY(const bool advanced, advance_in(window));
        SWARM_CHECK(finish(window, Origin::elsewhere, store::Durability::process_crash));
        if (!advanced) {
            break;
        }
        any = true;
    }
    return any;
}

Result<bool> Tree::advance_in(Window& window) {
    SWARM_TRY(const auto applied, window.replica.advance());
    if (!applied) {
        return false;
    }
    if (applied->refused) {
        log_warning("node", "a publication of " + applied->author.node.short_hex() +
                                " was refused: " + applied->refused->message);
    }
    window.names.update(applied->touched);
    return true;
}

std::uint64_t Tree::add_listener(Listener listener) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.emplace(next_listener_, std::move(listener));
    return next_listener_++;
}

void Tree::remove_listener(std::uint64_t number) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.erase(number);
}

void Tree::tell(const std::vector<store::NameChange>& changes) {
    const std::lock_guard lock(listeners_mutex_);
    for (const auto& [number, listener] : listeners_) {
        listener(changes);
    }
}

Result<> Tree::erase_all() {
    SWARM_CHECK(database_.erase_below(names_prefix_));
    return database_.erase_below(catalog_prefix_);
}

}  // namespace swarmfs::node
