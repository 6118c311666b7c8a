#include "engine/store/database.hpp"

#include "engine/store/database_core.hpp"

namespace swarmfs::store {

struct Batch::State {
    Database::Core& core;
    std::unique_lock<std::mutex> writer;
    Changes changes;
    bool failed = false;
};

Batch::Batch(std::unique_ptr<State> state) : state_(std::move(state)) {}
Batch::Batch(Batch&&) noexcept = default;
Batch::~Batch() = default;

std::optional<Bytes> Batch::get(ByteSpan key) const {
    if (const auto own = state_->changes.find(key); own != state_->changes.end()) {
        return own->second;
    }
    return state_->core.get(key, state_->failed);
}

void Batch::scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const {
    state_->core.scan_through(&state_->changes, prefix, from, visit, state_->failed);
}

void Batch::put(ByteSpan key, ByteSpan value) {
    SWARM_ASSERT(!key.empty() && key.size() <= kKeyBytesMax);
    state_->changes.insert_or_assign(to_bytes(key), to_bytes(value));
}

void Batch::erase(ByteSpan key) {
    SWARM_ASSERT(!key.empty() && key.size() <= kKeyBytesMax);
    state_->changes.insert_or_assign(to_bytes(key), std::nullopt);
}

bool Batch::failed() const {
    return state_->failed;
}

bool Batch::empty() const {
    return state_->changes.empty();
}

Database::Database(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(Disk& disk, const Path& folder,
                                                 const DatabaseOptions& options) {
    auto core = std::make_unique<Core>(disk, folder, options);
    SWARM_CHECK(core->open());
    return std::unique_ptr<Database>(new Database(std::move(core)));
}

Batch Database::begin() {
    return Batch(std::unique_ptr<Batch::State>(
        new Batch::State{*core_, std::unique_lock(core_->writer()), {}, false}));
}

Result<> Database::commit(Batch batch, Durability durability) {
    SWARM_ASSERT(batch.state_ != nullptr && &batch.state_->core == core_.get());
    if (batch.state_->failed) {
        return disk_error(Code::io, "the tables could not be read, so nothing was changed");
    }
    return core_->commit(std::move(batch.state_->changes), durability,
                         std::move(batch.state_->writer));
}

Result<> Database::commit(Changes changes, Durability durability) {
    return core_->commit(std::move(changes), durability, std::unique_lock(core_->writer()));
}

Result<> Database::erase_below(ByteSpan prefix) {
    constexpr std::size_t kAtOnce = 10'000;
    for (;;) {
        std::vector<Bytes> keys;
        Batch batch = begin();
        batch.scan(prefix, {}, [&](ByteSpan key, ByteSpan) {
            keys.push_back(to_bytes(key));
            return keys.size() < kAtOnce;
        });
        for (const Bytes& key : keys) {
            batch.erase(key);
        }
        SWARM_CHECK(commit(std::move(batch), Durability::process_crash));
        if (keys.size() < kAtOnce) {
            return done();
        }
    }
}

Result<> Database::sync() {
    return core_->sync();
}
Result<> Database::flush() {
    return core_->flush();
}
void Database::watch(Watcher watcher) {
    core_->watch(std::move(watcher));
}
const KeyValueReader& Database::reader() const {
    return *core_;
}
std::optional<Error> Database::failure() const {
    return core_->failure();
}
const OpenReport& Database::report() const {
    return core_->report();
}

}  // namespace swarmfs::store
