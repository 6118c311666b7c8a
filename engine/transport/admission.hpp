#pragma once
// Who may be half-open: accepted, but not yet proven to be anybody.
//
// Rules:
//   1. A newcomer is always let in. When its host has too many half-open links, one of that host's
//      is pushed out; when all hosts together have too many, one of the host that has most.
//   2. Pushed out is the one that has been silent longest; one that has said something only when
//      none is silent, the oldest first. A flood that says nothing so cannot push out a handshake.
// The handshake's deadline belongs to the session; this bounds how many wait for theirs.
// Pure but for its lock. Thread: any.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace swarmfs::transport {

// Chosen by us: each half-open link costs a descriptor and a few kilobytes. 5,000 silent ones of
// one host leave room for the one that speaks.
inline constexpr std::size_t kHalfOpenMax = 1024;
inline constexpr std::size_t kHalfOpenPerHostMax = 256;

class Admission {
private:
    struct Book;
    struct Guest;

public:
    // A place among the half-open. Left when it dies. Thread: its link's.
    class Pass {
    public:
        Pass() = default;
        Pass(Pass&& other) noexcept = default;
        Pass& operator=(Pass&& other) noexcept;
        ~Pass() { leave(); }

        // The link has said something. Cheap when it has before.
        void note_heard();
        // It is half-open no longer. May be repeated.
        void leave();
        // Whether this link is still to be closed, asked on its thread by what push_out posted.
        class Ticket {
        public:
            bool still_inside() const;

        private:
            friend class Admission;
            explicit Ticket(std::shared_ptr<Guest> guest) : guest_(std::move(guest)) {}
            std::shared_ptr<Guest> guest_;
        };

    private:
        friend class Admission;
        Pass(std::shared_ptr<Book> book, std::shared_ptr<Guest> guest)
            : book_(std::move(book)), guest_(std::move(guest)) {}
        std::shared_ptr<Book> book_;
        std::shared_ptr<Guest> guest_;
    };

    // Ends the link soon: posts to its thread, where it asks the ticket before it closes. Called
    // while the book is locked: must not call back.
    using PushOut = std::function<void(Pass::Ticket)>;

    explicit Admission(std::size_t total_max = kHalfOpenMax,
                       std::size_t per_host_max = kHalfOpenPerHostMax);
    ~Admission();

    Pass enter(const std::string& host, PushOut push_out);

    std::size_t size() const;
    std::uint64_t pushed_out() const;

private:
    std::shared_ptr<Book> book_;
};

}  // namespace swarmfs::transport
