#include "engine/async/service_notify.hpp"
#include "engine/async/service_listener.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

namespace swarmfs::async {
namespace {

// A service manager, under the name that NOTIFY_SOCKET has while this lives.
class Manager {
public:
    Manager() { ::setenv("NOTIFY_SOCKET", listener_.name().c_str(), 1); }
    ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    ServiceListener::Message take() {
        auto message = listener_.take();
        REQUIRE(message);
        return *std::move(message);
    }
    bool nothing_waits() { return !listener_.take(); }

private:
    ServiceListener listener_ = std::move(ServiceListener::open().value());
};

}  // namespace

TEST_CASE("a service says how it is doing, and what is to be kept for it") {
    CHECK_FALSE(notify_service("READY=1"));
    Manager manager;
    CHECK(notify_service("READY=1"));
    const auto ready = manager.take();
    CHECK(ready.text == "READY=1");
    CHECK(ready.descriptor == -1);
    CHECK(manager.nothing_waits());
    const int original = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(keep_descriptor(original, "mount-1"));
    const auto given = manager.take();
    CHECK(given.text == "FDSTORE=1\nFDNAME=mount-1");
    CHECK(given.descriptor >= 0);
    CHECK(forget_descriptor("mount-1"));
    CHECK(manager.take().text == "FDSTOREREMOVE=1\nFDNAME=mount-1");
    ::close(given.descriptor);
    ::close(original);
}

// In a child: they take the places from 3 on, which are somebody else's here.
TEST_CASE("the next run finds what was kept, under its names, and only once") {
    const pid_t child = ::fork();
    if (child == 0) {
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
            ::_exit(1);
        }
        pass_kept_descriptors({{pipe[0], "reads"}, {pipe[1], "writes"}});
        const auto kept = take_kept_descriptors();
        char got = 0;
        const bool works = kept.size() == 2 && kept[0].name == "reads" &&
                           kept[1].name == "writes" && kept[0].descriptor == 3 &&
                           ::write(kept[1].descriptor, "x", 1) == 1 &&
                           ::read(kept[0].descriptor, &got, 1) == 1 && got == 'x' &&
                           (::fcntl(kept[1].descriptor, F_GETFD) & FD_CLOEXEC) != 0;
        const bool once = take_kept_descriptors().empty() && std::getenv("LISTEN_FDS") == nullptr;
        ::setenv("LISTEN_PID", "1", 1);
        ::setenv("LISTEN_FDS", "2", 1);
        const bool not_for_others = take_kept_descriptors().empty();
        ::_exit(works && once && not_for_others ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

}  // namespace swarmfs::async
