#include "engine/http/connection_book.hpp"

#include <algorithm>

namespace swarmfs::http {
namespace {

// A connection that is told to go leaves a moment later; until then both count. This many may
// overlap before newcomers are turned away instead.
constexpr std::size_t kLeavingAtOnceMax = 64;

}  // namespace

std::string host_key(const std::string& address) {
    if (address.find(':') == std::string::npos) {
        return address;
    }
    // Addresses come from the kernel in their shortest form: the /64 is what stands before the
    // fourth colon, or before "::" when that comes first.
    std::size_t colons = 0;
    for (std::size_t i = 0; i < address.size(); ++i) {
        if (address[i] != ':') {
            continue;
        }
        if (++colons == 4 || (i + 1 < address.size() && address[i + 1] == ':')) {
            // "::1" and other zero networks are single hosts, or as good as.
            return i == 0 ? address : address.substr(0, i) + "/64";
        }
    }
    return address;
}

bool ConnectionBook::enter(const std::string& host, BookedConnection* connection) {
    const std::lock_guard lock(mutex_);
    Connections& same_host = by_host_[host];
    bool room = true;
    if (same_host.size() >= per_host_max_) {
        room = same_host.size() < per_host_max_ + kLeavingAtOnceMax && push_out_one(same_host);
    } else if (size_ >= total_max_) {
        const auto busiest = std::max_element(
            by_host_.begin(), by_host_.end(),
            [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
        room = size_ < total_max_ + kLeavingAtOnceMax && push_out_one(busiest->second);
    }
    if (!room) {
        if (same_host.empty()) {
            by_host_.erase(host);
        }
        return false;
    }
    same_host.push_back(connection);
    ++size_;
    return true;
}

bool ConnectionBook::push_out_one(const Connections& among) {
    BookedConnection* longest = nullptr;
    TimePoint since = TimePoint::max();
    for (BookedConnection* connection : among) {
        const TimePoint waiting = connection->waiting_since();
        if (waiting < since) {
            longest = connection;
            since = waiting;
        }
    }
    if (longest == nullptr) {
        return false;
    }
    longest->push_out();
    ++pushed_out_;
    return true;
}

void ConnectionBook::leave(const std::string& host, BookedConnection* connection) {
    const std::lock_guard lock(mutex_);
    const auto found = by_host_.find(host);
    Connections& same_host = found->second;
    const auto place = std::find(same_host.begin(), same_host.end(), connection);
    *place = same_host.back();
    same_host.pop_back();
    --size_;
    if (same_host.empty()) {
        by_host_.erase(found);
    }
    if (size_ == 0) {
        emptied_.notify_all();
    }
}

void ConnectionBook::wait_until_empty(Duration patience) {
    std::unique_lock lock(mutex_);
    (void)emptied_.wait_for(lock, patience, [this] { return size_ == 0; });
}

std::size_t ConnectionBook::size() const {
    const std::lock_guard lock(mutex_);
    return size_;
}

std::uint64_t ConnectionBook::pushed_out() const {
    const std::lock_guard lock(mutex_);
    return pushed_out_;
}

}  // namespace swarmfs::http
