#include "engine/swarm/upload_gate.hpp"

#include <vector>

namespace swarmfs::swarm {

template <class Change>
std::uint64_t UploadGate::with(Change change) {
    std::uint64_t result = 0;
    std::vector<MayAsk> tell;
    {
        const std::lock_guard lock(mutex_);
        const TimePoint now = clock_.now();
        result = change(now);
        for (const UploadShare::Key key : share_.ready(now)) {
            tell.push_back(sessions_.at(key));
        }
    }
    for (const MayAsk& may_ask : tell) {
        (*may_ask)();
    }
    return result;
}

UploadGate::Place::~Place() {
    if (gate_) {
        gate_->with([this](TimePoint now) {
            gate_->share_.leave(key_, now);
            return gate_->sessions_.erase(key_);
        });
    }
}

std::uint64_t UploadGate::Place::admit(std::uint64_t bytes) {
    if (!gate_) {
        return bytes;
    }
    const std::lock_guard lock(gate_->mutex_);
    return gate_->share_.admit(key_, bytes, gate_->clock_.now());  // who may ask: waits() tells
}

void UploadGate::Place::waits(std::uint64_t bytes) {
    if (gate_) {
        gate_->with([&](TimePoint now) {
            gate_->share_.waits(key_, bytes, now);
            return bytes;
        });
    }
}

void UploadGate::Place::sent(std::uint64_t bytes) {
    if (gate_) {
        gate_->with([&](TimePoint now) {
            gate_->share_.sent(key_, bytes, now);
            return bytes;
        });
    }
}

ChunkIndex UploadGate::Place::suggest(const ContentId& content) {
    const std::lock_guard lock(gate_->mutex_);
    return gate_->suggestions_.next(content);
}

UploadGate::Place UploadGate::join(std::function<void()> may_ask) {
    const std::lock_guard lock(mutex_);
    const UploadShare::Key key = share_.join(clock_.now());
    sessions_.emplace(key, std::make_shared<const std::function<void()>>(std::move(may_ask)));
    return {shared_from_this(), key};
}

}  // namespace swarmfs::swarm
