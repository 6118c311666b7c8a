#pragma once
// What a program needs around a node: the machine's clock and dice, and a word to the service
// manager.

#include <memory>
#include <string_view>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"

namespace swarmfs::node {

// The real ones. Outlives the node.
class Surroundings {
public:
    Surroundings();
    ~Surroundings();

    Clock& clock();
    Dice& dice();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

// "READY=1", "STOPPING=1" (sd_notify(3)). No effect where no service manager listens.
void notify_service(std::string_view state);

}  // namespace swarmfs::node
