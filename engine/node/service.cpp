#include "engine/node/service.hpp"

#include "engine/async/service_notify.hpp"
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

}  // namespace swarmfs::node
