#include "fs/supervisor.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <sstream>

#include "engine/node/service.hpp"

namespace swarmfs::fs {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kKeptMax = 1024;  // mounts of one node

// As RestartPreventExitStatus= in the systemd units: wrong usage, damaged data, missing permission, bad
// configuration. And a home that another node has: that one is well.
constexpr std::array kNotAgain = {EX_OK, EX_USAGE, EX_DATAERR, EX_NOPERM, EX_CONFIG, EX_TEMPFAIL};

void say(const std::string& what) {
    std::fprintf(stderr, "swarmfsd: %s\n", what.c_str());
}

class Supervisor {
public:
    explicit Supervisor(const std::vector<std::string>& words) : words_(words) {}
    ~Supervisor() {
        for (const node::KeptDescriptor& kept : kept_) {
            ::close(kept.descriptor);
        }
        if (signals_ >= 0) {
            ::close(signals_);
        }
    }
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    int run();

private:
    Result<> prepare();
    bool may_start();
    pid_t start();
    [[noreturn]] void become_program();
    void watch(pid_t child);
    void take(const node::ServiceListener::Message& message);
    void pass_signal(pid_t child);

    const std::vector<std::string> words_;
    std::optional<node::ServiceListener> listener_;  // fixed by prepare
    int signals_ = -1;                               // signalfd
    std::vector<node::KeptDescriptor> kept_;
    std::deque<SteadyClock::time_point> starts_;
    bool ready_ = false;  // this run said so, or gave something to keep
    int not_ready_ = 0;   // runs in a row that did not
    bool asked_to_end_ = false;
};

Result<> Supervisor::prepare() {
    sigset_t passed;
    sigemptyset(&passed);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&passed, number);
    }
    ::sigprocmask(SIG_BLOCK, &passed, nullptr);
    signals_ = ::signalfd(-1, &passed, SFD_CLOEXEC);
    SWARM_TRY(auto listener, node::ServiceListener::open());
    listener_.emplace(std::move(listener));
    return signals_ >= 0 ? done() : disk_error_from_errno(errno, "taking signals");
}

bool Supervisor::may_start() {
    const auto now = SteadyClock::now();
    while (!starts_.empty() && now - starts_.front() > kStartsWithin) {
        starts_.pop_front();
    }
    not_ready_ = ready_ ? 0 : not_ready_ + 1;  // the first start counts as one, too
    ready_ = false;
    starts_.push_back(now);
    return not_ready_ <= kNotReadyMax && starts_.size() <= static_cast<std::size_t>(kStartsMax);
}

// In the child.
void Supervisor::become_program() {
    node::pass_kept_descriptors(kept_);
    ::setenv("NOTIFY_SOCKET", listener_->name().c_str(), 1);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::vector<std::string> copies = words_;
    std::vector<char*> arguments;
    for (std::string& word : copies) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    std::perror(arguments[0]);
    ::_exit(EX_OSERR);
}

pid_t Supervisor::start() {
    const pid_t child = ::fork();
    if (child == 0) {
        become_program();
    }
    return child;
}

void Supervisor::take(const node::ServiceListener::Message& message) {
    bool store = false;
    bool remove = false;
    std::string name;
    std::string others;
    std::istringstream lines(message.text);
    for (std::string line; std::getline(lines, line);) {
        if (line == "FDSTORE=1") {
            store = true;
        } else if (line == "FDSTOREREMOVE=1") {
            remove = true;
        } else if (line.starts_with("FDNAME=")) {
            name = line.substr(7);
        } else {
            ready_ = ready_ || line == "READY=1";
            others += line + "\n";
        }
    }
    if (!others.empty()) {
        node::notify_service(others.substr(0, others.size() - 1));
    }
    ready_ = ready_ || store;
    if (store || remove) {
        std::erase_if(kept_, [&](const node::KeptDescriptor& kept) {
            return kept.name == name && ::close(kept.descriptor) == 0;
        });
    }
    const bool keeps = store && message.descriptor >= 0 && kept_.size() < kKeptMax &&
                       name.find(':') == std::string::npos;
    if (keeps) {
        kept_.push_back({message.descriptor, name});
    } else if (message.descriptor >= 0) {
        ::close(message.descriptor);
    }
}

void Supervisor::pass_signal(pid_t child) {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof(info)) == sizeof(info)) {
        asked_to_end_ = asked_to_end_ || info.ssi_signo != SIGHUP;
        ::kill(child, static_cast<int>(info.ssi_signo));
    }
}

// Until the child has ended.
void Supervisor::watch(pid_t child) {
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    for (;;) {
        std::array<pollfd, 3> watched = {
            {{process, POLLIN, 0}, {listener_->descriptor(), POLLIN, 0}, {signals_, POLLIN, 0}}};
        if (::poll(watched.data(), watched.size(), -1) < 0) {
            continue;
        }
        // What it said before it died counts.
        if ((watched[1].revents & POLLIN) != 0) {
            if (const auto message = listener_->take()) {
                take(*message);
            }
        } else if ((watched[2].revents & POLLIN) != 0) {
            pass_signal(child);
        } else if ((watched[0].revents & POLLIN) != 0) {
            break;
        }
    }
    ::close(process);
}

int Supervisor::run() {
    if (const auto prepared = prepare(); !prepared.ok()) {
        say("cannot be supervised: " + prepared.error().message);
        return EX_OSERR;
    }
    for (;;) {
        if (!may_start()) {
            say("it ends again and again; its mounts end, too. The lines above say why.");
            return EX_SOFTWARE;
        }
        const pid_t child = start();
        if (child < 0) {
            say(std::string("cannot be started: ") + std::strerror(errno));
            return EX_OSERR;
        }
        watch(child);
        int status = 0;
        ::waitpid(child, &status, 0);
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (asked_to_end_ ||
            std::find(kNotAgain.begin(), kNotAgain.end(), code) != kNotAgain.end()) {
            return code;
        }
        say((WIFEXITED(status) ? "ended with exit code " + std::to_string(code)
                               : std::string("was ended by ") + ::strsignal(WTERMSIG(status))) +
            "; starting it again");
    }
}

}  // namespace

int supervise(const std::vector<std::string>& words) {
    return Supervisor(words).run();
}

}  // namespace swarmfs::fs
