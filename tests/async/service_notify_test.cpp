#include "engine/async/service_notify.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/temporary_directory.hpp"

using namespace swarmfs;

TEST_CASE("a service tells systemd that it is ready, where systemd listens") {
    ::unsetenv("NOTIFY_SOCKET");
    CHECK(!async::notify_service("READY=1"));

    const test::TemporaryDirectory folder;
    const std::string path = folder.file("notify");
    const int listening = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(listening >= 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof(address.sun_path));
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    CHECK(async::notify_service("READY=1\nSTATUS=well"));
    std::array<char, 100> heard{};
    const ssize_t size = ::recv(listening, heard.data(), heard.size(), MSG_DONTWAIT);
    CHECK(std::string(heard.data(), size > 0 ? static_cast<std::size_t>(size) : 0) ==
          "READY=1\nSTATUS=well");
    ::close(listening);
    CHECK(!async::notify_service("READY=1"));  // nobody is there any more
    ::unsetenv("NOTIFY_SOCKET");
}
