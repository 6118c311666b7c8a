#pragma once
// Calls its owner at the earliest of the times it was asked to: who asks for a later one is served by
// the call before it, and asks again then.
// Thread: the executor's.

#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "engine/core/clock.hpp"

namespace swarmfs::node {

class WakeTimer {
public:
    WakeTimer(boost::asio::io_context& context, const Clock& clock)
        : timer_(context), clock_(clock) {}

    // `act` is called once, `after` from now or before; not after stop(), nor on an owner that is gone.
    // Requires: this is a part of the owner.
    template <class Owner>
    void wake(Duration after, std::weak_ptr<Owner> owner, void (Owner::*act)()) {
        const TimePoint at = clock_.now() + after;
        if (stopped_ || at >= wakes_at_) {
            return;
        }
        wakes_at_ = at;
        timer_.expires_after(after);
        timer_.async_wait(
            [this, owner = std::move(owner), act](const boost::system::error_code& failed) {
                const auto self = owner.lock();
                if (self && !failed && !stopped_) {
                    wakes_at_ = TimePoint::max();
                    (self.get()->*act)();
                }
            });
    }
    void stop() {
        stopped_ = true;
        timer_.cancel();
    }

private:
    boost::asio::steady_timer timer_;
    const Clock& clock_;
    TimePoint wakes_at_ = TimePoint::max();
    bool stopped_ = false;
};

}  // namespace swarmfs::node
