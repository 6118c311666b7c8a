#include "engine/transport/admission.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

namespace swarmfs::transport {

namespace {

// Named links and who of them was pushed out, in order.
struct Door {
    explicit Door(std::size_t total, std::size_t per_host) : admission(total, per_host) {}

    void enter(const std::string& host, char name) {
        inside[name] = admission.enter(host, [this, name](Admission::Pass::Ticket ticket) {
            tickets.emplace_back(name, ticket);
        });
    }
    std::string pushed_out() const {
        std::string names;
        for (const auto& [name, ticket] : tickets) {
            names += name;
        }
        return names;
    }

    Admission admission;
    std::map<char, Admission::Pass> inside;
    std::vector<std::pair<char, Admission::Pass::Ticket>> tickets;
};

}  // namespace

TEST_CASE("a full host pushes out its own oldest silent link, and always lets the newcomer in") {
    Door door(100, 3);
    for (const char name : std::string("abcde")) {
        door.enter("flood", name);
    }
    door.enter("other", 'x');
    CHECK(door.pushed_out() == "ab");
    CHECK(door.admission.size() == 4);
    CHECK(door.admission.pushed_out() == 2);
}

TEST_CASE("who has said something is pushed out only when nobody is silent") {
    Door door(100, 3);
    door.enter("host", 'a');
    door.inside['a'].note_heard();
    door.inside['a'].note_heard();
    for (const char name : std::string("bcdef")) {
        door.enter("host", name);
    }
    CHECK(door.pushed_out() == "bcd");
    door.inside['e'].note_heard();
    door.inside['f'].note_heard();
    door.enter("host", 'g');
    CHECK(door.pushed_out() == "bcda");
}

TEST_CASE("when all hosts together are too many, the fullest host gives way") {
    Door door(5, 4);
    door.enter("honest", 'h');
    for (const char name : std::string("abc")) {
        door.enter("flood", name);
    }
    door.enter("second", 's');
    door.enter("third", 't');
    CHECK(door.pushed_out() == "a");
    CHECK(door.admission.size() == 5);
    // All hosts alike: the one that has waited longest.
    Door even(3, 3);
    for (const char name : std::string("abcd")) {
        even.enter(std::string(1, name), name);
    }
    CHECK(even.pushed_out() == "a");
}

TEST_CASE("who has left neither counts nor is closed") {
    Door door(100, 2);
    door.enter("host", 'a');
    door.enter("host", 'b');
    door.inside['a'].leave();
    door.inside['a'].leave();
    door.enter("host", 'c');
    CHECK(door.pushed_out().empty());
    door.enter("host", 'd');
    REQUIRE(door.pushed_out() == "b");
    CHECK(door.tickets[0].second.still_inside());
    // Its handshake ended between the push and the closing: it stays.
    door.inside['b'].note_heard();
    door.inside['b'].leave();
    CHECK_FALSE(door.tickets[0].second.still_inside());
    door.inside.clear();
    CHECK(door.admission.size() == 0);
}

TEST_CASE("five thousand silent links of one host never displace a handshake") {
    Door door(kHalfOpenMax, kHalfOpenPerHostMax);
    door.enter("host", 'h');
    door.inside['h'].note_heard();
    std::vector<Admission::Pass> flood;
    for (int i = 0; i < 5000; ++i) {
        flood.push_back(door.admission.enter("host", [](Admission::Pass::Ticket) {}));
    }
    CHECK(door.pushed_out().empty());
    CHECK(door.admission.size() == kHalfOpenPerHostMax);
}

}  // namespace swarmfs::transport
