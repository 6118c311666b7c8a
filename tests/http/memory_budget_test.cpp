#include "engine/http/memory_budget.hpp"

#include <doctest/doctest.h>

using namespace swarmfs::http;

TEST_CASE("a host takes at most its part, and what it gives back can be taken again") {
    MemoryBudget budget(900);
    CHECK(budget.take("a", 60));
    CHECK(!budget.take("a", 41));
    CHECK(budget.take("a", 40));
    CHECK(budget.take("b", 80));
    CHECK(!budget.take("b", 10));
    budget.give_back("a", 100);
    CHECK(budget.used() == 80);
    CHECK(budget.take("b", 10));
    CHECK(!budget.take("c", ~std::size_t{0}));
}

TEST_CASE("when twenty hosts have taken what they can, a newcomer still finds room") {
    MemoryBudget budget(100'000);
    for (int host = 0; host < 20; ++host) {
        const std::string name = std::to_string(host);
        while (budget.take(name, 10)) {
        }
    }
    CHECK(budget.used() < 92'000);
    CHECK(budget.take("newcomer", 900));
}

TEST_CASE("a share grows as it is needed and ends with its holder") {
    constexpr std::size_t kMiB = 1024 * 1024;
    MemoryBudget budget(18 * kMiB);
    const std::string host = "a";
    {
        BudgetShare share(budget, host);
        CHECK(share.grow_to(1));
        CHECK(share.grow_to(kMiB));
        CHECK(budget.used() == kMiB);
        CHECK(share.grow_to(kMiB / 2));
        CHECK(budget.used() == kMiB);
        CHECK(!share.grow_to(3 * kMiB));
        CHECK(budget.used() == kMiB);
    }
    CHECK(budget.used() == 0);
}
