#include "engine/http/connection_book.hpp"

#include <doctest/doctest.h>

using namespace swarmfs;
using namespace swarmfs::http;

namespace {

struct Fake final : BookedConnection {
    explicit Fake(int waiting_seconds) : since(std::chrono::seconds(waiting_seconds)) {}
    TimePoint waiting_since() const override { return pushed ? TimePoint::max() : since; }
    void push_out() override { pushed = true; }
    TimePoint since;
    bool pushed = false;
};
const TimePoint kAnswering = TimePoint::max();

}  // namespace

TEST_CASE("beyond an address's cap the one that waits longest makes room") {
    ConnectionBook book(100, 2);
    Fake old(1);
    Fake young(5);
    Fake next(9);
    CHECK(book.enter("a", &old));
    CHECK(book.enter("a", &young));
    CHECK(book.enter("a", &next));
    CHECK(old.pushed);
    CHECK(!young.pushed);
    CHECK(book.pushed_out() == 1);
    book.leave("a", &old);
    CHECK(book.size() == 2);
}

TEST_CASE("a connection that is being answered is never pushed out") {
    ConnectionBook book(100, 1);
    Fake busy(0);
    busy.since = kAnswering;
    Fake next(9);
    CHECK(book.enter("a", &busy));
    CHECK(!book.enter("a", &next));
    CHECK(!busy.pushed);
    CHECK(book.size() == 1);
}

TEST_CASE("beyond the total the busiest address makes room, and others get in") {
    ConnectionBook book(3, 3);
    Fake one(1);
    Fake two(2);
    Fake three(3);
    Fake honest(9);
    CHECK(book.enter("flood", &one));
    CHECK(book.enter("flood", &two));
    CHECK(book.enter("flood", &three));
    CHECK(book.enter("honest", &honest));
    CHECK(one.pushed);
    CHECK(!honest.pushed);
}

TEST_CASE("IPv6 hosts count by /64") {
    CHECK(host_key("192.0.2.7") == "192.0.2.7");
    CHECK(host_key("::1") == "::1");
    CHECK(host_key("2001:db8:1:2:3:4:5:6") == host_key("2001:db8:1:2:9:9:9:9"));
    CHECK(host_key("2001:db8:1:2:3:4:5:6") != host_key("2001:db8:1:3:3:4:5:6"));
    CHECK(host_key("2001:db8::1") == host_key("2001:db8::2"));
}
