#include "engine/node/pins.hpp"

#include <algorithm>

#include "engine/catalog/path_rules.hpp"
#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

constexpr std::uint8_t kPinVersion = 1;
constexpr std::size_t kPinKeyBytes = 2 + 32 + 16;

Bytes all_pin_rows() {
    return store::key_of(store::KeySpace::node, 'p');
}

Bytes key_of(const SwarmId& swarm, const std::string& path) {
    Bytes key = Pins::rows_of(swarm);
    WireWriter(key).raw(crypto::sha256(as_bytes(path)).span().first(16));
    return key;
}

}  // namespace

Pins::Pins(store::Database& database) : database_(database) {
    database.reader().scan(all_pin_rows(), {}, [this](ByteSpan key, ByteSpan value) {
        WireReader in(value);
        const std::uint8_t version = in.u8();
        std::string path = in.text16();
        if (key.size() != kPinKeyBytes || !in.finished() || version != kPinVersion) {
            log_warning("node", "something that was pinned cannot be read, and is not pinned");
            return true;
        }
        SwarmId swarm;
        std::copy_n(key.begin() + 2, 32, swarm.bytes.begin());
        pinned_[swarm].insert(std::move(path));
        return true;
    });
}

Result<> Pins::set(const SwarmId& swarm, const std::string& path, bool pinned) {
    Bytes row;
    WireWriter out(row);
    out.u8(kPinVersion);
    out.text16(path);
    const std::lock_guard lock(mutex_);
    std::set<std::string>& paths = pinned_[swarm];
    if (pinned && paths.size() >= kPinsMax && !paths.contains(path)) {
        return caller_error(Code::too_large,
                            "10,000 paths are pinned, and more are not taken; pin a directory "
                            "above them, or unpin what is not needed");
    }
    SWARM_CHECK(
        database_.commit({{key_of(swarm, path), pinned ? std::optional(row) : std::nullopt}},
                         store::Durability::process_crash));
    if (pinned) {
        paths.insert(path);
    } else {
        paths.erase(path);
    }
    ++version_;
    return done();
}

std::optional<std::string> Pins::covering(const SwarmId& swarm, const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = pinned_.find(swarm);
    if (found == pinned_.end() || found->second.empty()) {
        return std::nullopt;
    }
    return catalog::nearest_at_or_above(
        path, [&](const std::string& at) { return found->second.contains(at); });
}

std::vector<std::string> Pins::all(const SwarmId& swarm) const {
    const std::lock_guard lock(mutex_);
    const auto found = pinned_.find(swarm);
    return found == pinned_.end() ? std::vector<std::string>()
                                  : std::vector(found->second.begin(), found->second.end());
}

bool Pins::any(const SwarmId& swarm) const {
    const std::lock_guard lock(mutex_);
    const auto found = pinned_.find(swarm);
    return found != pinned_.end() && !found->second.empty();
}

Bytes Pins::rows_of(const SwarmId& swarm) {
    Bytes key = all_pin_rows();
    WireWriter(key).fixed(swarm);
    return key;
}

void Pins::forget(const SwarmId& swarm) {
    const std::lock_guard lock(mutex_);
    pinned_.erase(swarm);
    ++version_;
}

}  // namespace swarmfs::node
