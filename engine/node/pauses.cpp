#include "engine/node/pauses.hpp"

#include <algorithm>

#include "engine/catalog/path_rules.hpp"
#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kKeyBytes = 2 + 32 + 1 + 16;

Bytes all_rows() {
    return store::key_of(store::KeySpace::node, 'z');
}

Bytes key_of(const SwarmId& swarm, PauseKind kind, const std::string& text) {
    Bytes key = Pauses::rows_of(swarm);
    WireWriter out(key);
    out.u8(static_cast<std::uint8_t>(kind));
    out.raw(crypto::sha256(as_bytes(text)).span().first(16));
    return key;
}

}  // namespace

Pauses::Pauses(store::Database& database) : database_(database) {
    database.reader().scan(all_rows(), {}, [this](ByteSpan key, ByteSpan value) {
        WireReader in(value);
        const std::uint8_t version = in.u8();
        std::string text = in.text16();
        if (key.size() != kKeyBytes || !in.finished() || version != kVersion) {
            log_warning("node", "something that was paused cannot be read, and goes on");
            return true;
        }
        SwarmId swarm;
        std::copy_n(key.begin() + 2, 32, swarm.bytes.begin());
        paused_[swarm].emplace(static_cast<PauseKind>(key[34]), std::move(text));
        return true;
    });
}

Result<> Pauses::set(const SwarmId& swarm, PauseKind kind, const std::string& text, bool paused) {
    Bytes row;
    WireWriter out(row);
    out.u8(kVersion);
    out.text16(text);
    const std::lock_guard lock(mutex_);
    SWARM_CHECK(
        database_.commit({{key_of(swarm, kind, text), paused ? std::optional(row) : std::nullopt}},
                         store::Durability::process_crash));
    if (paused) {
        paused_[swarm].emplace(kind, text);
    } else {
        paused_[swarm].erase({kind, text});
    }
    ++version_;
    return done();
}

bool Pauses::paused(const SwarmId& swarm, PauseKind kind, const std::string& text) const {
    const std::lock_guard lock(mutex_);
    const auto found = paused_.find(swarm);
    return found != paused_.end() && found->second.contains({kind, text});
}

std::optional<std::string> Pauses::covering(const SwarmId& swarm, const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = paused_.find(swarm);
    if (found == paused_.end()) {
        return std::nullopt;
    }
    return catalog::nearest_at_or_above(path, [&](const std::string& at) {
        return found->second.contains({PauseKind::path, at});
    });
}

std::vector<std::string> Pauses::all(const SwarmId& swarm, PauseKind kind) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    if (const auto found = paused_.find(swarm); found != paused_.end()) {
        for (const auto& [of_kind, text] : found->second) {
            if (of_kind == kind) {
                texts.push_back(text);
            }
        }
    }
    return texts;
}

Bytes Pauses::rows_of(const SwarmId& swarm) {
    Bytes key = all_rows();
    WireWriter(key).fixed(swarm);
    return key;
}

void Pauses::forget(const SwarmId& swarm) {
    const std::lock_guard lock(mutex_);
    paused_.erase(swarm);
    ++version_;
}

}  // namespace swarmfs::node
