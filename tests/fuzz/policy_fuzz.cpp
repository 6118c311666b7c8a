// fuzz: uses catalog core, compiles engine/node/policy.cpp
//
// The policy comes from any member that may write. What is taken lies within its bounds; what is
// refused is one line that a terminal can show.

#include <algorithm>

#include "engine/node/policy.hpp"
#include "tests/fuzz/must.hpp"

using swarmfs::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    using namespace swarmfs;
    const auto policy = node::Policy::parse({reinterpret_cast<const char*>(data), length});
    if (!policy.ok()) {
        const std::string& message = policy.error().message;
        must(policy.error().whose == Whose::caller && !message.empty());
        must(std::none_of(message.begin(), message.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        }));
        return 0;
    }
    must(policy->said().size() <= node::Policy::kPathsMax + 1);
    for (const auto& [path, said] : policy->said()) {
        const node::PathPolicy here = policy->of(path);
        must(here.replicas == said.replicas.value_or(here.replicas));
        must(here.read_quorum == said.read_quorum.value_or(here.read_quorum));
        must(here.replicas >= 1 && here.replicas <= policy->replicas_max());
        must(here.read_quorum >= 1 && here.read_quorum <= policy->read_quorum_max());
        must(policy->replicas_max() <= node::Policy::kNumberMax);
        must(policy->read_quorum_max() <= node::Policy::kNumberMax);
    }
    return 0;
}
