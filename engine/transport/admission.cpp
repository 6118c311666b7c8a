#include "engine/transport/admission.hpp"

#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "engine/core/assert.hpp"

namespace swarmfs::transport {

struct Admission::Guest {
    std::string host;
    PushOut push_out;
    std::uint64_t arrival = 0;
    // Guarded by the book's mutex.
    bool inside = false;
    bool heard = false;
    std::list<std::shared_ptr<Guest>>::iterator place;
    // The link's thread only.
    bool has_spoken = false;
    bool left = false;
};

struct Admission::Book {
    using Guests = std::list<std::shared_ptr<Guest>>;  // oldest first
    struct Host {
        Guests silent;
        Guests heard;
        std::size_t size() const { return silent.size() + heard.size(); }
        // Rule 2. Requires: size() > 0.
        const Guest& next_out() const { return *(silent.empty() ? heard : silent).front(); }
    };

    Book(std::size_t total, std::size_t per_host) : total_max(total), per_host_max(per_host) {}

    void erase(const std::shared_ptr<Guest>& guest) {
        const auto found = hosts.find(guest->host);
        SWARM_ASSERT(guest->inside && found != hosts.end());
        (guest->heard ? found->second.heard : found->second.silent).erase(guest->place);
        guest->inside = false;
        --size;
        if (found->second.size() == 0) {
            hosts.erase(found);
        }
    }

    void push_out_of(Host& host) {
        const std::shared_ptr<Guest> guest = *host.next_out().place;
        erase(guest);
        ++pushed_out;
        guest->push_out(Pass::Ticket(guest));
        guest->push_out = nullptr;
    }

    Host& fullest_host() {
        const auto fuller = [](const auto& a, const auto& b) {
            if (a.second.size() != b.second.size()) {
                return a.second.size() < b.second.size();
            }
            return a.second.next_out().arrival > b.second.next_out().arrival;
        };
        return std::max_element(hosts.begin(), hosts.end(), fuller)->second;
    }

    const std::size_t total_max;
    const std::size_t per_host_max;

    std::mutex mutex;  // guards the rest
    std::unordered_map<std::string, Host> hosts;
    std::size_t size = 0;
    std::uint64_t arrivals = 0;
    std::uint64_t pushed_out = 0;
};

Admission::Admission(std::size_t total_max, std::size_t per_host_max)
    : book_(std::make_shared<Book>(total_max, per_host_max)) {
    SWARM_ASSERT(total_max > 0 && per_host_max > 0);
}

Admission::~Admission() = default;

Admission::Pass Admission::enter(const std::string& host, PushOut push_out) {
    const std::lock_guard lock(book_->mutex);
    if (const auto known = book_->hosts.find(host);
        known != book_->hosts.end() && known->second.size() >= book_->per_host_max) {
        book_->push_out_of(known->second);
    } else if (book_->size >= book_->total_max) {
        book_->push_out_of(book_->fullest_host());
    }
    auto guest = std::make_shared<Guest>();
    guest->host = host;
    guest->push_out = std::move(push_out);
    guest->arrival = ++book_->arrivals;
    guest->inside = true;
    Book::Guests& silent = book_->hosts[host].silent;
    guest->place = silent.insert(silent.end(), guest);
    ++book_->size;
    return Pass(book_, std::move(guest));
}

std::size_t Admission::size() const {
    const std::lock_guard lock(book_->mutex);
    return book_->size;
}

std::uint64_t Admission::pushed_out() const {
    const std::lock_guard lock(book_->mutex);
    return book_->pushed_out;
}

Admission::Pass& Admission::Pass::operator=(Pass&& other) noexcept {
    leave();
    book_ = std::move(other.book_);
    guest_ = std::move(other.guest_);
    return *this;
}

void Admission::Pass::note_heard() {
    if (!guest_ || std::exchange(guest_->has_spoken, true)) {
        return;
    }
    const std::lock_guard lock(book_->mutex);
    if (guest_->inside) {
        Book::Host& host = book_->hosts.at(guest_->host);
        // Heard ones are ordered by when they were first heard, which is as good an age as any.
        host.heard.splice(host.heard.end(), host.silent, guest_->place);
        guest_->heard = true;
    }
}

void Admission::Pass::leave() {
    if (!guest_) {
        return;
    }
    guest_->left = true;
    {
        const std::lock_guard lock(book_->mutex);
        if (guest_->inside) {
            book_->erase(guest_);
            guest_->push_out = nullptr;
        }
    }
    guest_ = nullptr;
    book_ = nullptr;
}

bool Admission::Pass::Ticket::still_inside() const {
    return !guest_->left;
}

}  // namespace swarmfs::transport
