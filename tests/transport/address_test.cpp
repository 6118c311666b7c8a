#include "engine/transport/address.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace swarmfs::transport {

namespace {

std::string round_trip(const std::string& text) {
    const auto address = parse_address(text);
    return address.ok() ? to_text(*address) : "refused";
}

Address at(const std::string& text) {
    return parse_address(text).value();
}

}  // namespace

TEST_CASE("addresses print in one form, whichever way they were written") {
    CHECK(round_trip("192.168.1.5:6881") == "192.168.1.5:6881");
    CHECK(round_trip("[2001:DB8:0:0:0:0:0:1]:6881") == "[2001:db8::1]:6881");
    CHECK(round_trip("[::ffff:10.0.0.1]:80") == "10.0.0.1:80");
    CHECK(round_trip("[::]:0") == "[::]:0");
    CHECK(round_trip("Peer-1.Example.ORG:65535") == "peer-1.example.org:65535");
    CHECK(round_trip("localhost:8080") == "localhost:8080");
    CHECK(at("[2001:db8::1]:7").host == "2001:db8::1");
}

TEST_CASE("what is not exactly an address is refused, and the reason says how to write one") {
    for (const char* text : {"",
                             ":",
                             ":80",
                             "host",
                             "host:",
                             "host:65536",
                             "host:-1",
                             "host:+1",
                             "host: 1",
                             "host:1 ",
                             "host:080",
                             "host:0x50",
                             "::1:80",
                             "[::1]",
                             "[::1]80",
                             "[::1]:",
                             "[::1:80",
                             "[host]:80",
                             "[1.2.3.4]:80",
                             "[]:80",
                             "1.2.3:80",
                             "127.1:80",
                             "1.2.3.256:80",
                             "0x7f.1:80",
                             "2130706433:80",
                             "-a:80",
                             "a-:80",
                             "a..b:80",
                             ".a:80",
                             "a b:80",
                             "a/b:80",
                             "a@b:80",
                             "[2001:db8::1%1]:80",
                             "h\xC3\xB6st:80"}) {
        CAPTURE(text);
        const auto address = parse_address(text);
        REQUIRE_FALSE(address.ok());
        CHECK(address.error().code == Code::invalid);
        CHECK(address.error().message.find("host:port") != std::string::npos);
    }
    CHECK_FALSE(parse_address(std::string(64, 'a') + ":80").ok());
    CHECK_FALSE(parse_address(std::string(100'000, 'a') + ":80").ok());
    CHECK_FALSE(parse_address(std::string("a\0b:80", 6)).ok());
    CHECK_FALSE(parse_address(std::string("1.2.3.4\0:80", 11)).ok());
}

TEST_CASE("what the operator configured is dialled, if it has a port") {
    for (const char* text : {"127.0.0.1:80", "localhost:8080", "[fe80::1]:22", "10.0.0.1:6881"}) {
        CHECK(may_dial(at(text), AddressSource::configured));
    }
    CHECK_FALSE(may_dial(at("10.0.0.1:0"), AddressSource::configured));
}

TEST_CASE(
    "on another's word public and private hosts are dialled, this host and the link are not") {
    const std::vector<std::string> yes = {"10.0.0.1:6881", "192.168.0.7:1024",   "172.16.9.9:65535",
                                          "8.8.8.8:6881",  "[2001:db8::1]:6881", "[fd00::1]:6881"};
    const std::vector<std::string> no = {"127.0.0.1:6881",
                                         "127.255.255.254:6881",
                                         "0.0.0.0:6881",
                                         "0.1.2.3:6881",
                                         "169.254.169.254:6881",
                                         "224.0.0.1:6881",
                                         "239.255.255.255:6881",
                                         "255.255.255.255:6881",
                                         "240.0.0.1:6881",
                                         "[::]:6881",
                                         "[::1]:6881",
                                         "[fe80::1]:6881",
                                         "[ff02::1]:6881",
                                         "[::ffff:127.0.0.1]:6881",
                                         "[::127.0.0.1]:6881",
                                         "[2002:7f00:1::]:6881",
                                         "[64:ff9b::7f00:1]:6881",
                                         "[64:ff9b::a9fe:a9fe]:6881",
                                         "10.0.0.1:1023",
                                         "10.0.0.1:22",
                                         "10.0.0.1:0",
                                         "localhost:6881",
                                         "peer.example.org:6881"};
    for (const AddressSource source :
         {AddressSource::tracker, AddressSource::peer_exchange, AddressSource::dht}) {
        for (const auto& text : yes) {
            CAPTURE(text);
            CHECK(may_dial(at(text), source));
        }
        for (const auto& text : no) {
            CAPTURE(text);
            CHECK_FALSE(may_dial(at(text), source));
        }
    }
}

TEST_CASE("who is on loopback may name loopback, and nothing more") {
    const auto teller = TellerPlace::on_loopback;
    CHECK(may_dial(at("127.0.0.1:6881"), AddressSource::tracker, teller));
    CHECK(may_dial(at("[::1]:6881"), AddressSource::peer_exchange, teller));
    CHECK_FALSE(may_dial(at("127.0.0.1:22"), AddressSource::tracker, teller));
    CHECK_FALSE(may_dial(at("169.254.1.1:6881"), AddressSource::tracker, teller));
    CHECK_FALSE(may_dial(at("0.0.0.0:6881"), AddressSource::tracker, teller));
    CHECK_FALSE(may_dial(at("localhost:6881"), AddressSource::tracker, teller));
}

TEST_CASE("what LAN discovery saw itself may be on the link or on this host") {
    CHECK(may_dial(at("169.254.1.1:6881"), AddressSource::lan));
    CHECK(may_dial(at("[fe80::1]:6881"), AddressSource::lan));
    CHECK(may_dial(at("127.0.0.1:6881"), AddressSource::lan));
    CHECK_FALSE(may_dial(at("224.0.0.1:6881"), AddressSource::lan));
    CHECK_FALSE(may_dial(at("10.0.0.1:25"), AddressSource::lan));
}

TEST_CASE("loopback is told apart in both families") {
    CHECK(is_loopback(at("127.0.0.1:1")));
    CHECK(is_loopback(at("[::1]:1")));
    CHECK_FALSE(is_loopback(at("10.0.0.1:1")));
    CHECK_FALSE(is_loopback(at("localhost:1")));
    CHECK(is_ip(at("10.0.0.1:1")));
    CHECK_FALSE(is_ip(at("localhost:1")));
}

TEST_CASE("hosts are counted by IPv4 address and by the /64 of an IPv6 address") {
    CHECK(host_key(at("10.0.0.1:1")) == host_key(at("10.0.0.1:2")));
    CHECK(host_key(at("10.0.0.1:1")) != host_key(at("10.0.0.2:1")));
    CHECK(host_key(at("[2001:db8::1]:1")) == host_key(at("[2001:db8::ffff:2]:1")));
    CHECK(host_key(at("[2001:db8::1]:1")) != host_key(at("[2001:db8:0:1::1]:1")));
}

}  // namespace swarmfs::transport
