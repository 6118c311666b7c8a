#pragma once
// One swarm's catalog and namespace in the store, and every change to them.
//
// Rules:
//   1. One change at a time, each one batch of the Database: the catalog, the names and the inodes
//      move together or not at all.
//   2. What this node says is signed before anything of others is applied, so that a header tells
//      the truth about what had been seen (catalog/replica.hpp, rule 5).
//   3. Whoever shows names is told of each change after it is committed, in order, on the thread
//      that made it. Listeners are quick and do not call back.
//   4. What was signed here is on the disk before anybody is told of it (sync_sealed): after a power
//      cut this node would give the same numbers to something else, and others would refuse all
//      that follows. For the same reason a home that was restored or copied (Home::recognize)
//      begins a new history before it writes anything.
// Reading needs no lock of this room: names are read from what is committed. Thread: any.

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "engine/catalog/replica.hpp"
#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/key_value.hpp"
#include "engine/node/identity.hpp"
#include "engine/store/database.hpp"
#include "engine/store/namespace.hpp"

namespace swarmfs::node {

// The names as they are committed now. Made for one question or a few; holds no lock.
class TreeView {
public:
    TreeView(const KeyValueReader& under, const Bytes& names_prefix, const Bytes& catalog_prefix)
        : name_rows_(under, names_prefix),
          catalog_rows_(under, catalog_prefix),
          names(name_rows_),
          catalog(catalog_rows_) {}
    TreeView(const TreeView&) = delete;
    TreeView& operator=(const TreeView&) = delete;

private:
    const PrefixedReader name_rows_;
    const PrefixedReader catalog_rows_;

public:
    const store::NamespaceReader names;
    const catalog::ReplicaReader catalog;
};

class Tree {
public:
    // Which listeners need to hear of a change: those whose own caller made it know already.
    enum class Origin : std::uint8_t { volume, elsewhere };
    using Listener = std::function<void(const std::vector<store::NameChange>&)>;
    // What it puts into `batch` is committed with the names.
    using Act = std::function<Result<>(store::Namespace& names, KeyValueWriter& batch)>;

    // What a tree stands on. Outlives it.
    struct Parts {
        store::Database& database;
        Identity& identity;
        const Clock& clock;
        Dice& dice;
        std::uint64_t history;  // Home::recognize
    };
    Tree(const Parts& parts, const SwarmId& swarm);

    // Applies what an earlier run left whole, and counts what no earlier one did. Once, before peers
    // and volumes; what fails here is logged, and tried again by later calls.
    void start();

    const SwarmId& swarm() const { return swarm_; }
    TreeView view() const { return {database_.reader(), names_prefix_, catalog_prefix_}; }

    // Runs `act` on the namespace and commits what it did. An error of `act` undoes all of it.
    // Errors: read_only for a member that may not write, those of `act`, and of the Database.
    Result<> change(const Act& act, Origin origin,
                    store::Durability durability = store::Durability::process_crash);
    // Signs what was written since the last time. Returns: whether there was anything.
    Result<bool> seal();
    // To be called after messages were read from view() and before they are sent (rule 4).
    // Cost: none, unless another thread is signing just now.   Errors: those of Database::sync.
    Result<> sync_sealed();

    // ---- what others say; see catalog/replica.hpp ----
    Result<catalog::HeaderOutcome> apply_header(ByteSpan message);
    // Applies the publications that became whole by it. Returns: whether anything is shown anew.
    Result<bool> apply_entries(ByteSpan message);
    // Applies what is whole and in turn. A publication this machine has no room for is passed over
    // for a while; others do not wait for it. Returns: whether there was any.
    Result<bool> advance();

    // Shrinks up to `count_max` versions that were replaced long ago. Returns: how many.
    Result<std::size_t> compact(std::size_t count_max);

    // SHA-256 over the whole of a content, kept as long as a file here shows it. Of a content that
    // no file shows, keeping does nothing.   Errors: those of the Database.
    std::optional<Hash256> file_hash(const ContentId& content) const;
    Result<> keep_file_hash(const ContentId& content, const Hash256& hash);

    std::uint64_t add_listener(Listener listener);
    void remove_listener(std::uint64_t number);
    // For an act that took its changes (Namespace::take_changes) in order to tell of them later,
    // when what they show can be used. Requires: they are committed.
    void tell(const std::vector<store::NameChange>& changes);
    // Called after a local change was committed and waits to be signed. Quick; must not call back.
    void on_unsealed(std::function<void()> act) { on_unsealed_ = std::move(act); }
    // Whether somebody has the inode open: asked of one that loses its name, inside the batch that takes
    // it, and which then keeps what it was (orphans.hpp). Quick; must not call back.
    // Requires: nothing changes the tree yet.
    void on_leaving(std::function<bool(store::Inode)> is_open) { is_open_ = std::move(is_open); }

    // A swarm that was left leaves nothing behind here. Requires: no Tree of it is used any more.
    static Result<> erase_all(store::Database& database, const SwarmId& swarm);

private:
    struct Window;  // one batch with the replica and namespace in it
    Result<> act_once(const Act& act, Origin origin, store::Durability durability);
    Result<> check_home(Window& window);
    Result<> begin_history(Window& window);
    Bytes history_key() const;
    Result<bool> seal_in(Window& window);
    Result<> finish_sealed(Window& window);
    void keep_orphans(Window& window, const std::vector<store::NameChange>& changes) const;
    Result<> finish(Window& window, Origin origin, store::Durability durability);

    store::Database& database_;
    Identity& identity_;
    const SwarmId swarm_;
    const Clock& clock_;
    Dice& dice_;
    const std::uint64_t history_;
    std::atomic<bool> home_checked_ = false;
    const Bytes names_prefix_;
    const Bytes catalog_prefix_;
    std::atomic<int> sealing_ = 0;  // commits of signed headers that may not be on the disk yet
    std::function<void()> on_unsealed_;
    std::function<bool(store::Inode)> is_open_;
    std::mutex advance_mutex_;
    std::map<catalog::Dot, TimePoint> passed_over_;  // until when; guarded by advance_mutex_
    std::mutex listeners_mutex_;
    std::map<std::uint64_t, Listener> listeners_;  // guarded by listeners_mutex_
    std::uint64_t next_listener_ = 1;              // guarded by listeners_mutex_
};

}  // namespace swarmfs::node
