// What opening and closing a ContentStore put right.

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/core/clock.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/content_repair.hpp"
#include "engine/store/content_store_core.hpp"
#include "engine/store/layered_file.hpp"

namespace swarmfs::store {
namespace {

// Of files without a record, hashed at open after a kill: several times what the saver leaves
// unsaved, as a line may be fast while the disk is slow. A tenth of a second of hashing.
constexpr std::uint64_t kOrphanBytesMax = 16 * kUnsavedBytesMax;

constexpr std::string_view kLostSuffix = ".lost";

std::optional<std::uint64_t> staging_number(std::string_view name) {
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
    return whole ? std::optional(number) : std::nullopt;
}

}  // namespace

Result<> ContentStore::Core::start() {
    Disk& disk = shared_.disk();
    SWARM_CHECK(disk.make_folder(shared_.incoming_folder()));
    // First of all: it makes rows, and files without a row are swept.
    SWARM_TRY(staging_log_,
              StagingLog::open(disk, shared_.database(), shared_.staging_log_folder()));
    const KeyValueReader& rows = shared_.database().reader();
    const auto row = rows.get(state_key());
    const auto before = row ? decode_state(*row) : std::nullopt;
    if (rows.failed()) {
        return disk_error(Code::io, "the state of the content store could not be read");
    }
    if (row && is_other_version(*row)) {
        return other_version_error("the state of the content store");
    }
    SWARM_CHECK(count_once());
    synced_epoch_ = before ? before->synced_epoch : 0;
    shared_.start_at_epoch(synced_epoch_ + 1);
    // The state may be half a minute old; rows that are there say the rest.
    std::uint64_t number = before ? before->next_number : 1;
    rows.scan(staging_prefix(), {}, [&](ByteSpan key, ByteSpan) {
        const auto staged = number_of_staging_key(key);
        number = std::max(number, staged ? *staged + 1 : 0);
        return true;
    });
    if (!before) {
        SWARM_TRY(number, set_staging_aside());
    }
    shared_.start_at_number(number);
    SWARM_CHECK(finish_all_pending());
    SWARM_CHECK(sweep_staging());
    if (!before) {
        SWARM_CHECK(settle_unknown());
    } else {
        SWARM_CHECK(settle_doubtful(*before));
        if (!before->clean) {
            SWARM_CHECK(settle_orphans());
            SWARM_CHECK(remove_orphans());
            SWARM_CHECK(punch_unclaimed());
        }
    }
    SWARM_CHECK(empty_incoming());
    SWARM_CHECK(write_state(false));
    started_ = true;
    if (options_.save_after.count() > 0) {
        saver_ = std::thread([this] { run_saver(); });
    }
    return done();
}

// Only in a home from before there were totals, and in a new one, is anything written.
Result<> ContentStore::Core::count_once() {
    Batch batch = shared_.database().begin();
    ContentLedger(batch).count_once();
    return shared_.database().commit(std::move(batch), Durability::process_crash);
}

ContentStore::Core::~Core() {
    shared_.stop();
    if (saver_.joinable()) {
        saver_.join();
    }
    // A failure here loses nothing that was promised; the next open looks closer then.
    if (started_ && sync().ok()) {
        [[maybe_unused]] const auto written = write_state(true);
    }
    for (Shelf& shelf : shelves_) {
        shelf.recent.clear();
    }
    // What could not be saved is held by what it holds itself.
    const auto unsaved = shared_.take_changed();
}

void ContentStore::Core::run_saver() {
    const auto idle = std::chrono::milliseconds(options_.sync_after);
    const SystemClock clock;
    auto synced_at = clock.now();
    bool unsynced = false;
    for (;;) {
        const auto wake = shared_.wait_for_changes(options_.save_after,
                                                   unsynced ? idle : std::chrono::milliseconds(0));
        if (wake == StoreShared::Wake::stop) {
            return;
        }
        // Failures are the Database's or the disk's and known there; what failed is tried again.
        if (wake == StoreShared::Wake::changes) {
            [[maybe_unused]] const auto saved = save();
            synced_at = unsynced ? synced_at : clock.now();
            unsynced = true;
        }
        if (idle.count() > 0 &&
            (wake == StoreShared::Wake::idle || clock.now() - synced_at >= idle)) {
            [[maybe_unused]] const auto synced = sync();
            unsynced = false;
        }
    }
}

Result<> ContentStore::Core::write_state(bool clean) {
    StoreState state;
    state.clean = clean;
    state.boot = shared_.disk().boot();
    state.synced_epoch = synced_epoch_;
    state.next_number = shared_.next_number();
    return shared_.database().commit(Changes{{state_key(), encode(state)}},
                                     Durability::process_crash);
}

Result<> ContentStore::Core::finish_all_pending() {
    std::vector<ContentId> pending;
    shared_.database().reader().scan(pending_prefix(), {}, [&](ByteSpan key, ByteSpan) {
        if (const auto id = id_of_pending_key(key)) {
            pending.push_back(*id);
        }
        return true;
    });
    if (pending.empty()) {
        return done();
    }
    Changes changes;
    for (const ContentId& id : pending) {
        SWARM_CHECK(shared_.finish_pending(id));
        changes[pending_key(id)] = std::nullopt;
    }
    SWARM_CHECK(shared_.disk().sync_all(shared_.content_folder()));
    shared_.take_placed();
    return shared_.database().commit(std::move(changes), Durability::process_crash);
}

// After a power loss, or when it cannot be told: contents written since the last sync.
Result<> ContentStore::Core::settle_doubtful(const StoreState& before) {
    const std::string boot = shared_.disk().boot();
    if (!boot.empty() && boot == before.boot) {
        return done();
    }
    std::vector<ContentId> doubtful;
    shared_.database().reader().scan(records_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        const auto id = id_of_record_key(key);
        const auto record = id ? decode_content_record(value) : std::nullopt;
        if (record && record->epoch > before.synced_epoch) {
            doubtful.push_back(*id);
        }
        return true;
    });
    for (const ContentId& id : doubtful) {
        SWARM_TRY(const auto content, open(id));
        SWARM_CHECK(ContentRepair(*content).settle());
    }
    if (!doubtful.empty()) {
        shared_.note_repair("the machine went down before everything was synced: " +
                            std::to_string(doubtful.size()) + " contents were hashed again");
    }
    return done();
}

// The Database knows of nothing: it is new, or was lost. Whatever lies here proves itself.
Result<> ContentStore::Core::settle_unknown() {
    std::uint64_t found = 0;
    SWARM_CHECK(visit_files([&](const ContentId& id, const Path& path) -> Result<> {
        if (path.extension() != ".data" || id.size <= kSmallBytesMax ||
            !content::check_content_id(id)) {
            return done();
        }
        ++found;
        return settle_found(id, 0);
    }));
    if (found > 0) {
        shared_.note_repair("the tables knew of no contents: " + std::to_string(found) +
                            " found on disk were hashed again");
        SWARM_CHECK(save());
        Bytes since;
        WireWriter(since).u64(SystemClock().wall_ms());
        SWARM_CHECK(
            shared_.database().commit(Changes{{found_key(), since}}, Durability::process_crash));
        return remove_orphans();
    }
    return done();
}

Result<> ContentStore::Core::settle_found(const ContentId& id, std::size_t layers) {
    SWARM_TRY(const auto content, open(id));
    if (content->stored_bytes() > 0 || !shared_.disk().status(shared_.data_path(id))) {
        return done();  // settled before, for one that lies over it; or there is nothing
    }
    SWARM_CHECK(lay_over_noted(*content, layers));
    {
        const std::lock_guard lock(content->mutex_);
        content->masks_.add_all();
    }
    return ContentRepair(*content).settle(ContentRepair::Claim::guessed);
}

// Where its tree says so. What its own file has is what its own tree has leaves of.
Result<> ContentStore::Core::lay_over_noted(StoredContent& content, std::size_t layers) {
    constexpr std::size_t kNotesMax = 1024;  // a ring of notes ends, too
    const auto tree = content.tree_file(Open::read);
    const auto noted = tree ? read_base_note(**tree, content.id()) : std::nullopt;
    if (!noted || layers == kNotesMax) {
        return done();
    }
    SWARM_CHECK(settle_found(*noted, layers + 1));
    SWARM_TRY(auto below, open(*noted));
    LeafMasks own(content.id().size);
    std::array<Hash256, kLeavesPerChunk> leaves;
    for (ChunkIndex chunk; chunk.value < chunk_count(content.id().size); ++chunk) {
        leaves.fill({});
        const MutableByteSpan bytes(reinterpret_cast<std::uint8_t*>(leaves.data()), sizeof leaves);
        SWARM_CHECK(
            (*tree)->read_at(content.shape_.node_offset(0, first_leaf(chunk).value), bytes));
        for (unsigned i = 0; i < leaves_in_chunk(content.id().size, chunk); ++i) {
            own.add(chunk, static_cast<std::uint16_t>((leaves[i] != Hash256{} ? 1U : 0U) << i));
        }
    }
    const std::lock_guard lock(content.mutex_);
    if (!own.complete() && !lies_over(below, content.id())) {
        ++content.generation_;
        content.base_ = std::move(below);
        content.own_ = std::move(own);
        content.own_.change_all();
    }
    return done();
}

// The Database knows of nothing: it is new, or was lost. Then these files may be all there is of
// what programs wrote and closed; without their rows nobody can tell what is where in them but a
// person. Returns: a number beyond all that are in use there.
Result<std::uint64_t> ContentStore::Core::set_staging_aside() {
    Disk& disk = shared_.disk();
    const Path folder = shared_.staging_folder();
    std::uint64_t next = 1;
    if (!disk.status(folder)) {
        return next;
    }
    SWARM_TRY(const auto names, disk.list(folder));
    std::uint64_t kept = 0;
    for (const std::string& name : names) {
        const bool aside = name.ends_with(kLostSuffix);
        const auto number =
            staging_number(aside ? name.substr(0, name.size() - kLostSuffix.size()) : name);
        next = std::max(next, number ? *number + 1 : 0);
        if (!number || aside) {
            continue;
        }
        SWARM_TRY(const FileStatus status, disk.status(folder / name));
        if (status.size > 0) {
            SWARM_CHECK(disk.rename(folder / name, folder / (name + std::string(kLostSuffix))));
            ++kept;
        }
    }
    if (kept > 0) {
        SWARM_CHECK(disk.sync_folder(folder));
        shared_.note_repair("with the tables went the names of " + std::to_string(kept) +
                            " files that were written here and not published; their bytes are in " +
                            (folder / "*").string() + std::string(kLostSuffix));
    }
    return next;
}

// Staging files without a row: nobody was told of them. (A file whose row was erased when it was
// published stands in its place by now.)
Result<> ContentStore::Core::sweep_staging() {
    const KeyValueReader& rows = shared_.database().reader();
    if (!shared_.disk().status(shared_.staging_folder())) {
        return done();
    }
    SWARM_TRY(const auto names, shared_.disk().list(shared_.staging_folder()));
    for (const auto& name : names) {
        const auto number = staging_number(name);
        if (number && !rows.get(staging_key(*number)) && !rows.failed()) {
            SWARM_CHECK(shared_.disk().remove(shared_.staging_folder() / name));
        }
    }
    return done();
}

// Files whose first bits never reached the Database before a kill: what is there and has its tree
// proves itself. The saver lets little be unsaved, so a larger file is not of that kind but left
// from a removal, and to be removed; the same bound keeps opening short.
Result<> ContentStore::Core::settle_orphans() {
    const KeyValueReader& rows = shared_.database().reader();
    std::uint64_t hashed = 0;
    return visit_files([&](const ContentId& id, const Path& path) -> Result<> {
        if (path.extension() != ".data" || id.size <= kSmallBytesMax ||
            !content::check_content_id(id) || rows.get(record_key(id)) || rows.failed() ||
            (leaf_count(id.size) > 1 && !shared_.disk().status(shared_.tree_path(id)))) {
            return done();
        }
        SWARM_TRY(const FileStatus status, shared_.disk().status(path));
        const std::uint64_t bytes = std::min(status.allocated_bytes, id.size);
        if (!status.regular || bytes > kOrphanBytesMax - hashed) {
            return done();
        }
        hashed += bytes;
        SWARM_TRY(const auto content, open(id));
        SWARM_CHECK(claim_what_is_there(*content, path));
        SWARM_CHECK(ContentRepair(*content).settle(ContentRepair::Claim::guessed));
        if (content->stored_bytes() == 0) {  // its files go, and are not to be written through
            content->data_.forget();
            content->tree_.forget();
        }
        return done();
    });
}

// The chunks in which the file has bytes.
Result<> ContentStore::Core::claim_what_is_there(StoredContent& content, const Path& path) {
    SWARM_TRY(const auto file, shared_.disk().open(path, Open::read));
    SWARM_TRY(const FileStatus status, file->status());
    const std::uint64_t end = std::min(status.size, content.id_.size);
    SWARM_TRY(std::uint64_t at, file->next_data(0));
    while (at < end) {
        const ChunkIndex chunk = chunk_of(leaf_at(at));
        {
            const std::lock_guard lock(content.mutex_);
            content.masks_.add(chunk, content.masks_.full(chunk));
        }
        SWARM_TRY(at, file->next_data((chunk.value + 1) * kChunkBytes));
    }
    return done();
}

// What has no record by now holds nothing that could be believed.
Result<> ContentStore::Core::remove_orphans() {
    const KeyValueReader& rows = shared_.database().reader();
    SWARM_CHECK(save());
    return visit_files([&](const ContentId& id, const Path& path) -> Result<> {
        if (rows.get(record_key(id)) || rows.failed()) {
            return done();
        }
        return shared_.disk().remove(path);
    });
}

Result<> ContentStore::Core::empty_incoming() {
    SWARM_TRY(const auto names, shared_.disk().list(shared_.incoming_folder()));
    for (const auto& name : names) {
        SWARM_CHECK(shared_.disk().remove(shared_.incoming_folder() / name));
    }
    return done();
}

Result<> ContentStore::Core::visit_files(
    const std::function<Result<>(const ContentId&, const Path&)>& visit) {
    SWARM_TRY(const auto folders, shared_.disk().list(shared_.content_folder()));
    for (const auto& folder : folders) {
        const Path path = shared_.content_folder() / folder;
        if (path == shared_.incoming_folder()) {
            continue;
        }
        SWARM_TRY(const FileStatus status, shared_.disk().status(path));
        if (!status.folder) {
            continue;
        }
        SWARM_TRY(const auto names, shared_.disk().list(path));
        for (const auto& name : names) {
            const Path file = path / name;
            const auto id = id_of_stem(file.stem().string());
            if (id && (file.extension() == ".data" || file.extension() == ".tree")) {
                SWARM_CHECK(visit(*id, file));
            }
        }
    }
    return done();
}

}  // namespace swarmfs::store
