#include <mutex>
#include <shared_mutex>
#include <vector>

#include "tracker/storage.hpp"

namespace swarmfs::tracker {
namespace {

// Remembers what was there before, so that a change can be undone.
class UndoableWriter final : public KeyValueWriter {
public:
    explicit UndoableWriter(MemoryKeyValue& under) : under_(under) {}

    std::optional<Bytes> get(ByteSpan key) const override { return under_.get(key); }
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override {
        under_.scan(prefix, from, visit);
    }
    void put(ByteSpan key, ByteSpan value) override {
        before_.emplace_back(to_bytes(key), under_.get(key));
        under_.put(key, value);
    }
    void erase(ByteSpan key) override {
        before_.emplace_back(to_bytes(key), under_.get(key));
        under_.erase(key);
    }

    void undo() {
        for (auto change = before_.rbegin(); change != before_.rend(); ++change) {
            if (change->second) {
                under_.put(change->first, *change->second);
            } else {
                under_.erase(change->first);
            }
        }
    }

private:
    MemoryKeyValue& under_;
    std::vector<std::pair<Bytes, std::optional<Bytes>>> before_;
};

class MemoryStorage final : public Storage {
public:
    Result<> read(const Look& look) const override {
        const std::shared_lock lock(mutex_);
        return look(rows_);
    }

    Result<> write(const Change& change) override {
        const std::unique_lock lock(mutex_);
        UndoableWriter writer(rows_);
        Result<> changed = change(writer);
        if (!changed.ok()) {
            writer.undo();
        }
        return changed;
    }

private:
    mutable std::shared_mutex mutex_;
    MemoryKeyValue rows_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Storage> make_memory_storage() {
    return std::make_unique<MemoryStorage>();
}

}  // namespace swarmfs::tracker
