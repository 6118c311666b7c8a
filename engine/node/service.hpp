#pragma once
// What a program needs around a node: the machine's clock and dice, and a word with the service
// manager.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/async/service_listener.hpp"
#include "engine/async/service_notify.hpp"
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

// Descriptors that outlive the program: as in async/service_notify.hpp.
bool keep_descriptor(int descriptor, std::string_view name);
void forget_descriptor(std::string_view name);
using async::KeptDescriptor;
// Once. Thread: the first one, before there are others.
std::vector<KeptDescriptor> take_kept_descriptors();
// Where whoever starts a service hears from it.
using async::ServiceListener;
// For the program that this process becomes next. Thread: the only one there is.
void pass_kept_descriptors(const std::vector<KeptDescriptor>& kept);

}  // namespace swarmfs::node
