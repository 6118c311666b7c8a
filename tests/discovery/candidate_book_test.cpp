#include "engine/discovery/candidate_book.hpp"

#include <doctest/doctest.h>

#include <set>

namespace swarmfs::discovery {
namespace {

Address at(const std::string& text) {
    return transport::parse_address(text).value();
}

NodeId node(std::uint8_t byte) {
    NodeId id;
    id.bytes.fill(byte);
    return id;
}

bool nobody(const NodeId&) {
    return false;
}

struct Book {
    SeededDice dice{1};
    ManualClock clock;
    CandidateBook book{dice};

    bool hear(const std::string& text, AddressSource source = AddressSource::tracker) {
        return book.add(at(text), source, TellerPlace::elsewhere, std::nullopt, clock.now());
    }
    std::vector<Address> due() { return book.take_due(clock.now(), nobody); }
};

}  // namespace

TEST_CASE("a new address is dialled at once, and not again while it is being dialled") {
    Book b;
    REQUIRE(b.hear("10.0.0.1:6881"));
    CHECK(b.due() == std::vector{at("10.0.0.1:6881")});
    CHECK(b.due().empty());
    CHECK(b.book.next_due() == TimePoint::max());
}

TEST_CASE("failures are repeated later and later, and hearsay is forgotten in the end") {
    Book b;
    b.hear("10.0.0.1:6881");
    Duration before{};
    for (unsigned i = 0; i < kFailuresMax; ++i) {
        REQUIRE(b.due().size() == 1);
        b.book.failed(at("10.0.0.1:6881"), b.clock.now());
        if (b.book.size() > 0) {
            const Duration wait = b.book.next_due() - b.clock.now();
            CHECK(wait > before);
            before = wait;
            b.clock.advance(wait);
        }
    }
    CHECK(b.book.size() == 0);
}

TEST_CASE("what was configured is never forgotten") {
    Book b;
    b.hear("10.0.0.1:6881", AddressSource::configured);
    for (int i = 0; i < 30; ++i) {
        b.clock.advance(kRetryMax * 2);
        REQUIRE(b.due().size() == 1);
        b.book.failed(at("10.0.0.1:6881"), b.clock.now());
        CHECK(b.book.next_due() - b.clock.now() <= kRetryMax * 5 / 4);
    }
}

TEST_CASE("who is connected is not dialled, by whatever address, until the session is lost") {
    Book b;
    b.book.add(at("10.0.0.1:6881"), AddressSource::tracker, TellerPlace::elsewhere, node(1),
               b.clock.now());
    const auto connected = [](const NodeId& id) { return id == node(1); };
    CHECK(b.book.take_due(b.clock.now(), connected).empty());
    b.book.lost(node(1), b.clock.now());
    b.clock.advance(kRetryFirst * 2);
    CHECK(b.due().size() == 1);
}

TEST_CASE("an address that is this node's own is never dialled again") {
    Book b;
    b.hear("10.0.0.1:6881");
    REQUIRE(b.due().size() == 1);
    b.book.is_self(at("10.0.0.1:6881"));
    b.book.hurry(b.clock.now());
    CHECK(b.due().empty());
    CHECK(b.hear("10.0.0.1:6881"));
    CHECK(b.due().empty());
}

TEST_CASE("hearsay is bounded for each source and each network, and loopback is refused on it") {
    Book b;
    std::size_t taken = 0;
    for (int i = 0; i < 256; ++i) {
        taken += b.hear("10.0.0." + std::to_string(i) + ":7000") ? 1 : 0;
    }
    CHECK(taken == kCandidatesPerNetworkMax);
    for (int i = 0; i < 4000; ++i) {
        b.hear("10." + std::to_string(i / 200) + "." + std::to_string(i % 200) + ".1:7000");
    }
    CHECK(b.book.size() <= kCandidatesPerSourceMax);
    CHECK_FALSE(b.hear("127.0.0.1:7000"));
    CHECK_FALSE(b.hear("10.9.9.9:22"));
    CHECK(b.hear("127.0.0.1:7000", AddressSource::configured));
}

TEST_CASE(
    "who was connected by an address is not dialled there again, however often somebody hurries") {
    Book b;
    b.hear("nas.example:7000", AddressSource::configured);
    const auto connected = [](const NodeId& id) { return id == node(1); };
    for (int session = 0; session < 20; ++session) {
        REQUIRE(b.due().size() == 1);
        b.book.connected(at("nas.example:7000"), node(1), b.clock.now());
        CHECK(b.book.dialling() == 0);
        for (int i = 0; i < 5; ++i) {
            b.book.hurry(b.clock.now());
            CHECK(b.book.take_due(b.clock.now(), connected).empty());
        }
        b.clock.advance(kSettledAfter * 2);
        b.book.lost(node(1), b.clock.now());
        b.clock.advance(kRetryFirst * 2);
    }
    b.hear("10.0.0.1:7000");
    for (unsigned i = 0; i < kFailuresMax * 2; ++i) {
        b.book.connected(at("10.0.0.1:7000"), node(2), b.clock.now());
        b.clock.advance(kSettledAfter);
        b.book.lost(node(2), b.clock.now());
        b.clock.advance(kRetryFirst * 2);
    }
    CHECK(b.book.size() == 2);  // sessions that ended are no failures
}

TEST_CASE("a member that lets us in only to send us away is tried later and later") {
    Book b;
    b.hear("10.0.0.1:7000");
    Duration before{};
    for (int i = 0; i < 5; ++i) {
        REQUIRE(b.due().size() == 1);
        b.book.connected(at("10.0.0.1:7000"), node(1), b.clock.now());
        b.book.lost(node(1), b.clock.now());
        const Duration wait = b.book.next_due() - b.clock.now();
        CHECK(wait > before);
        before = wait;
        b.clock.advance(wait);
    }
}

TEST_CASE("hearsay never says who is at an address that was configured or is known better") {
    Book b;
    const auto connected = [](const NodeId& id) { return id == node(9); };
    const auto claim = [&](const std::string& text) {
        return b.book.add(at(text), AddressSource::peer_exchange, TellerPlace::elsewhere, node(9),
                          b.clock.now());
    };
    b.hear("10.0.0.1:7000", AddressSource::configured);
    CHECK(claim("10.0.0.1:7000"));
    b.book.add(at("10.0.0.2:7000"), AddressSource::tracker, TellerPlace::elsewhere, node(2),
               b.clock.now());
    CHECK(claim("10.0.0.2:7000"));
    CHECK(b.book.take_due(b.clock.now(), connected).size() == 2);
}

TEST_CASE("one member's word fills no more than its share") {
    Book b;
    const auto hear_from = [&](std::uint8_t teller, int i) {
        const std::string address =
            "10." + std::to_string(i / 200) + "." + std::to_string(i % 200) + ".1:7000";
        return b.book.add(at(address), AddressSource::peer_exchange, TellerPlace::elsewhere,
                          std::nullopt, b.clock.now(), node(teller));
    };
    for (int i = 0; i < 2000; ++i) {
        hear_from(1, i);
    }
    CHECK(b.book.size() == kCandidatesPerTellerMax);
    CHECK(hear_from(2, 4000));
}

TEST_CASE("what was forgotten is not taken in at the next hint, but later") {
    Book b;
    b.hear("10.0.0.1:7000");
    while (b.book.size() > 0) {
        REQUIRE(b.due().size() == 1);
        b.book.failed(at("10.0.0.1:7000"), b.clock.now());
        b.clock.advance(kRetryMax * 2);
    }
    CHECK_FALSE(b.hear("10.0.0.1:7000"));
    CHECK(b.hear("10.0.0.1:7000", AddressSource::configured));
    Book later;
    later.hear("10.0.0.1:7000");
    while (later.book.size() > 0) {
        REQUIRE(later.due().size() == 1);
        later.book.failed(at("10.0.0.1:7000"), later.clock.now());
        later.clock.advance(kRetryMax * 2);
    }
    later.clock.advance(kForgottenFor);
    CHECK(later.hear("10.0.0.1:7000"));
}

TEST_CASE("one node is dialled at one address at a time") {
    Book b;
    for (const char* text : {"10.0.0.1:7000", "10.0.1.1:7000", "10.0.2.1:7000"}) {
        b.book.add(at(text), AddressSource::tracker, TellerPlace::elsewhere, node(1),
                   b.clock.now());
    }
    const auto first = b.due();
    REQUIRE(first.size() == 1);
    CHECK(b.due().empty());
    b.book.failed(first[0], b.clock.now());
    b.clock.advance(kRetryFirst);
    CHECK(b.due().size() == 1);
}

TEST_CASE("only so many are dialled at once") {
    Book b;
    for (int i = 0; i < 40; ++i) {
        b.hear("10.0." + std::to_string(i) + ".1:7000");
    }
    CHECK(b.due().size() == kDialsAtOnce);
    CHECK(b.due().empty());
}

TEST_CASE(
    "a failed dial is repeated after twice the time, up to five minutes, give or take a quarter") {
    std::set<Duration> first;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SeededDice dice(seed);
        ManualClock clock;
        CandidateBook book(dice);
        book.add(at("10.0.0.1:6881"), AddressSource::configured, TellerPlace::elsewhere,
                 std::nullopt, clock.now());
        for (unsigned failures = 0; failures < 20; ++failures) {
            REQUIRE(book.take_due(clock.now(), nobody).size() == 1);
            book.failed(at("10.0.0.1:6881"), clock.now());
            const Duration wait = book.next_due() - clock.now();
            const Duration plain =
                std::min(kRetryMax, kRetryFirst * (1 << std::min(failures, 12U)));
            CHECK(wait >= plain * 3 / 4);
            CHECK(wait <= plain * 5 / 4);
            if (failures == 0) {
                first.insert(wait);
            }
            clock.advance(wait);
        }
    }
    CHECK(first.size() > 45);  // members that lost the same peer do not come back in step
}

TEST_CASE("of those that are due, chance says who is dialled, and no more than there is room for") {
    std::set<Address> dialled;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        SeededDice dice(seed);
        ManualClock clock;
        CandidateBook book(dice);
        for (int i = 1; i <= 10; ++i) {
            book.add(at("10.0.0." + std::to_string(i) + ":6881"), AddressSource::tracker,
                     TellerPlace::elsewhere, std::nullopt, clock.now());
        }
        CHECK(book.take_due(clock.now(), nobody, 0).empty());
        const auto due = book.take_due(clock.now(), nobody, 2);
        REQUIRE(due.size() == 2);
        CHECK(book.dialling() == 2);
        dialled.insert(due.begin(), due.end());
    }
    CHECK(dialled.size() == 10);
}

TEST_CASE("who probably holds what somebody waits for is dialled before all others") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SeededDice dice(seed);
        ManualClock clock;
        CandidateBook book(dice);
        for (std::uint8_t i = 1; i <= 10; ++i) {
            book.add(at("10.0.0." + std::to_string(i) + ":6881"), AddressSource::tracker,
                     TellerPlace::elsewhere, node(i), clock.now());
        }
        book.hurry(clock.now(), node(7));
        CHECK(book.take_due(clock.now(), nobody, 1) == std::vector{at("10.0.0.7:6881")});
    }
}

TEST_CASE(
    "who was not met for the longest time is dialled first, and what was configured before all") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SeededDice dice(seed);
        ManualClock clock;
        CandidateBook book(dice);
        const auto hear = [&](const std::string& text, AddressSource source) {
            book.add(at(text), source, TellerPlace::elsewhere, std::nullopt, clock.now());
        };
        hear("10.0.0.1:6881", AddressSource::tracker);
        hear("10.0.0.2:6881", AddressSource::tracker);
        book.take_due(clock.now(), nobody);
        for (const std::uint8_t n : {std::uint8_t{2}, std::uint8_t{1}}) {
            clock.advance(std::chrono::seconds(1));
            book.connected(at("10.0.0." + std::to_string(n) + ":6881"), node(n), clock.now());
        }
        hear("10.0.0.3:6881", AddressSource::tracker);
        hear("10.0.0.4:6881", AddressSource::configured);
        clock.advance(kRetryMax);
        std::vector<Address> order;
        for (int i = 0; i < 4; ++i) {
            const auto due = book.take_due(clock.now(), nobody, 1);
            REQUIRE(due.size() == 1);
            order.push_back(due[0]);
        }
        CHECK(order == std::vector{at("10.0.0.4:6881"), at("10.0.0.3:6881"), at("10.0.0.2:6881"),
                                   at("10.0.0.1:6881")});
    }
}

}  // namespace swarmfs::discovery
