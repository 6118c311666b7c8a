#pragma once
// Two members of one swarm, for tests of what each shows of what the other does.

#include <doctest/doctest.h>

#include <string>

#include "tests/store_namespace/home.hpp"

namespace swarmfs::store::testing {

struct Pair {
    Swarm swarm;
    Home alice{swarm, 1};
    Home bob{swarm, 2};

    void exchange() {
        alice.pull(bob);
        bob.pull(alice);
        alice.pull(bob);
        CHECK(alice.tree() == bob.tree());
        CHECK(alice.tree() == tree_of(alice.replica()));
        CHECK(bob.tree() == tree_of(bob.replica()));
    }
    std::string copy_of(const std::string& name, const Home& home) const {
        for (const auto& [path, what] : home.tree()) {
            if (path.starts_with(name + ".conflict-")) {
                return path;
            }
        }
        return {};
    }
};

}  // namespace swarmfs::store::testing
