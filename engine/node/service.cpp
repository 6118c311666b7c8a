#include "engine/node/service.hpp"

#include "engine/crypto/random.hpp"

namespace swarmfs::node {

struct Surroundings::Parts {
    SystemClock clock;
    crypto::SystemDice dice;
};

Surroundings::Surroundings() : parts_(std::make_unique<Parts>()) {}
Surroundings::~Surroundings() = default;
Clock& Surroundings::clock() {
    return parts_->clock;
}
Dice& Surroundings::dice() {
    return parts_->dice;
}

void notify_service(std::string_view state) {
    (void)async::notify_service(state);
}

bool keep_descriptor(int descriptor, std::string_view name) {
    return async::keep_descriptor(descriptor, name);
}

void forget_descriptor(std::string_view name) {
    (void)async::forget_descriptor(name);
}

std::vector<KeptDescriptor> take_kept_descriptors() {
    return async::take_kept_descriptors();
}

void pass_kept_descriptors(const std::vector<KeptDescriptor>& kept) {
    async::pass_kept_descriptors(kept);
}

}  // namespace swarmfs::node
