#include "engine/node/tree.hpp"

#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/node/orphans.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

Bytes history_key_of(const SwarmId& swarm) {
    return store::key_of(store::KeySpace::node, 'w', swarm);
}

// For how long a publication that this machine has no room for is not tried again. Trying costs as
// much as applying it.
constexpr Duration kPassedOverFor = std::chrono::seconds(30);

Bytes encode_history(std::uint64_t history) {
    Bytes bytes;
    WireWriter(bytes).u64(history);
    return bytes;
}

// One publication may fail by it where a smaller one does not.
bool is_local_want(const Error& error) {
    return error.code == Code::too_large || error.code == Code::no_space;
}

}  // namespace

struct Tree::Window {
    explicit Window(Tree& tree)
        : batch(tree.database_.begin()),
          name_rows(batch, tree.names_prefix_),
          catalog_rows(batch, tree.catalog_prefix_),
          replica(catalog_rows, tree.swarm_),
          names(name_rows, batch, replica, tree.dice_, {tree.clock_.wall_ms()}) {}

    store::Batch batch;
    PrefixedWriter name_rows;
    PrefixedWriter catalog_rows;
    catalog::Replica replica;
    store::Namespace names;
    bool home_checked = false;
};

Tree::Tree(const Parts& parts, const SwarmId& swarm)
    : database_(parts.database),
      identity_(parts.identity),
      swarm_(swarm),
      clock_(parts.clock),
      dice_(parts.dice),
      history_(parts.history),
      names_prefix_(store::key_of(store::KeySpace::namespace_, swarm)),
      catalog_prefix_(store::key_of(store::KeySpace::catalog, swarm)) {}

Bytes Tree::history_key() const {
    return history_key_of(swarm_);
}

// A history that was written in another home is not continued (rule 4). Every batch begins with
// this until one of them was committed.
Result<> Tree::check_home(Window& window) {
    if (home_checked_ || !window.replica.own_author()) {
        return done();
    }
    const Bytes history = encode_history(history_);
    if (window.batch.get(history_key()) != history ||
        window.replica.own_author()->node != identity_.self()) {
        log_warning("node",
                    "a new history begins: the last one was written in another home, or with "
                    "another key");
        SWARM_CHECK(window.replica.start_incarnation(identity_.self(), dice_.u64()));
        window.names.update(window.replica.take_touched());
        window.batch.put(history_key(), history);
    }
    window.home_checked = true;
    return done();
}

Result<> Tree::begin_history(Window& window) {
    if (window.replica.own_author()) {
        return check_home(window);
    }
    window.batch.put(history_key(), encode_history(history_));
    return window.replica.start_incarnation(identity_.self(), dice_.u64());
}

void Tree::start() {
    Window window(*this);
    auto checked = check_home(window);
    if (checked.ok()) {
        window.names.count_once();
        checked = finish(window, Origin::elsewhere, store::Durability::process_crash);
    }
    if (!checked.ok()) {
        log_error("node", "the catalog cannot be opened yet: " + checked.error().message);
        return;
    }
    if (const auto advanced = advance(); !advanced.ok()) {
        log_error("node", "the catalog cannot be brought forward: " + advanced.error().message);
    }
}

Result<bool> Tree::seal_in(Window& window) {
    if (window.replica.unsealed() == 0) {
        return false;
    }
    SWARM_TRY(const auto sealed, window.replica.seal_local(identity_.key(), identity_.grant()));
    return sealed.has_value();
}

void Tree::keep_orphans(Window& window, const std::vector<store::NameChange>& changes) const {
    const TreeView before = view();
    for (const store::NameChange& change : changes) {
        if (change.name.empty() || !is_open_ || !is_open_(change.inode) ||
            window.names.find(change.inode).ok()) {
            continue;
        }
        if (const auto was = before.names.find(change.inode); was.ok()) {
            put_orphan(window.batch, swarm_, {*was, false});
        }
    }
}

Result<> Tree::finish(Window& window, Origin origin, store::Durability durability) {
    const std::vector<store::NameChange> changes = window.names.take_changes();
    keep_orphans(window, changes);
    const bool unsealed = window.replica.unsealed() > 0;
    SWARM_CHECK(database_.commit(std::move(window.batch), durability));
    if (window.home_checked) {
        home_checked_ = true;
    }
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
    window.names.count_once();  // before a ContentLedger of the same batch
    SWARM_CHECK(act(window.names, window.batch));
    // The clock may run ahead of ours. What could not be signed any more would stand in the way of
    // everything others say (rule 2).
    if (window.replica.unsealed() > 0) {
        SWARM_CHECK(identity_.role_at(catalog::wall_ms_of(window.replica.latest_clock())));
    }
    return finish(window, origin, durability);
}

Result<bool> Tree::seal() {
    Window window(*this);
    SWARM_CHECK(check_home(window));
    SWARM_TRY(const bool sealed, seal_in(window));
    if (sealed) {
        SWARM_CHECK(finish_sealed(window));
    }
    return sealed;
}

// Others can read it before it is on the disk, so `sealing_` is raised before it can be read.
Result<> Tree::finish_sealed(Window& window) {
    ++sealing_;
    auto finished = finish(window, Origin::elsewhere, store::Durability::power_loss);
    if (finished.ok() || !database_.failure()) {
        --sealing_;  // else what could not be synced stands for everybody to read, and is not sent
    }
    return finished;
}

Result<> Tree::sync_sealed() {
    return sealing_ == 0 ? done() : database_.sync();
}

Result<catalog::HeaderOutcome> Tree::apply_header(ByteSpan message) {
    for (bool again = false;; again = true) {
        Window window(*this);
        SWARM_CHECK(check_home(window));
        SWARM_TRY(const catalog::HeaderOutcome outcome,
                  window.replica.apply_header(message, clock_.wall_ms()));
        if (outcome == catalog::HeaderOutcome::forked && !again) {
            // Somebody has seen more of our history than we have: this home was restored or copied.
            log_warning("node", "this home was restored from a backup: a new history begins");
            SWARM_CHECK(window.replica.start_incarnation(identity_.self(), dice_.u64()));
            window.names.update(window.replica.take_touched());
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
    bool any = false;
    bool whole = false;
    {
        Window window(*this);
        SWARM_CHECK(check_home(window));
        SWARM_TRY(const catalog::EntriesApplied applied, window.replica.apply_entries(message));
        window.names.update(applied.touched);
        any = !applied.touched.empty();
        // "Known" may be the last piece of a publication whose turn was cut short: by a kill
        // between two batches, or by a full disk.
        whole = applied.outcome == catalog::EntriesOutcome::whole ||
                applied.outcome == catalog::EntriesOutcome::known;
        SWARM_CHECK(finish(window, Origin::elsewhere, store::Durability::process_crash));
    }
    if (whole) {
        SWARM_TRY(const bool advanced, advance());
        any = any || advanced;
    }
    return any;
}

Result<bool> Tree::advance() {
    const std::lock_guard lock(advance_mutex_);
    const TimePoint now = clock_.now();
    std::erase_if(passed_over_, [&](const auto& one) { return one.second <= now; });
    bool any = false;
    for (;;) {
        std::set<catalog::Dot> not_these;
        for (const auto& [publication, until] : passed_over_) {
            not_these.insert(publication);
        }
        Window window(*this);
        SWARM_CHECK(check_home(window));
        SWARM_TRY(const bool sealed, seal_in(window));
        SWARM_TRY(const auto applied, window.replica.advance(not_these));
        if (applied) {
            window.names.update(applied->touched);
        }
        const auto finished =
            sealed ? finish_sealed(window)
                   : finish(window, Origin::elsewhere, store::Durability::process_crash);
        if (applied && !finished.ok() && is_local_want(finished.error())) {
            log_warning("node", "a publication of " + applied->author.node.short_hex() +
                                    " has to wait: " + finished.error().message);
            passed_over_[{applied->author, applied->last}] = now + kPassedOverFor;
            continue;
        }
        SWARM_CHECK(finished);
        if (!applied) {
            return any;
        }
        if (applied->refused) {
            log_warning("node", "a publication of " + applied->author.node.short_hex() +
                                    " was refused: " + applied->refused->message);
        }
        any = true;
    }
}

std::optional<Hash256> Tree::file_hash(const ContentId& content) const {
    const auto row =
        PrefixedReader(database_.reader(), names_prefix_).get(store::file_hash_key(content));
    WireReader in(row ? ByteSpan(*row) : ByteSpan());
    const Hash256 hash = in.fixed<Hash256>();
    return in.finished() ? std::optional(hash) : std::nullopt;
}

Result<> Tree::keep_file_hash(const ContentId& content, const Hash256& hash) {
    store::Batch batch = database_.begin();
    PrefixedWriter rows(batch, names_prefix_);
    if (!store::NamespaceReader(rows).shows(content)) {
        return done();
    }
    rows.put(store::file_hash_key(content), to_bytes(hash.span()));
    return database_.commit(std::move(batch), store::Durability::process_crash);
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

Result<std::size_t> Tree::compact(std::size_t count_max) {
    Window window(*this);
    SWARM_CHECK(check_home(window));
    const std::size_t count = window.replica.compact(clock_.wall_ms(), count_max);
    SWARM_CHECK(finish(window, Origin::elsewhere, store::Durability::process_crash));
    return count;
}

Result<> Tree::erase_all(store::Database& database, const SwarmId& swarm) {
    for (const store::KeySpace space : {store::KeySpace::namespace_, store::KeySpace::catalog}) {
        SWARM_CHECK(database.erase_below(store::key_of(space, swarm)));
    }
    return database.erase_below(history_key_of(swarm));
}

}  // namespace swarmfs::node
