#include "engine/swarm/read_window.hpp"

#include <algorithm>

#include "engine/core/assert.hpp"

namespace swarmfs::swarm {

bool WindowBudget::take(std::uint64_t bytes) {
    if (bytes > max_ - used_) {
        return false;
    }
    used_ += bytes;
    return true;
}

ReadWindow::Plan ReadWindow::on_read(std::uint64_t offset, std::uint64_t length, bool waited,
                                     TimePoint now) {
    SWARM_ASSERT(length > 0 && offset <= size_ && length <= size_ - offset);
    Plan plan;
    const std::uint64_t end = offset + length;
    if (Run* run = run_for(offset)) {
        const bool continues =
            offset <= run->next + kDisorderMax && end + kDisorderMax >= run->next;
        run->last_read = now;
        run->next = std::max(run->next, end);
        advance(*run, continues, waited, plan);
    } else {
        Run& fresh = fresh_run(plan);
        fresh.used = true;
        fresh.next = end;
        fresh.ahead_end = end;
        fresh.last_read = now;
    }
    if (!tail_fetched_ && offset + kTailTrigger >= size_) {
        tail_fetched_ = true;
        plan.fetch.push_back({size_ - std::min(size_, kTailBytes), size_});
    }
    return plan;
}

ReadWindow::Run* ReadWindow::run_for(std::uint64_t offset) {
    Run* nearest = nullptr;
    std::uint64_t nearest_distance = 0;
    for (Run& run : runs_) {
        if (!run.used) {
            continue;
        }
        const bool behind = offset < run.next;
        const std::uint64_t distance = behind ? run.next - offset : offset - run.next;
        if (distance > (behind ? kBehindMax : kAheadMax)) {
            continue;
        }
        if (nearest == nullptr || distance < nearest_distance ||
            (distance == nearest_distance && run.last_read > nearest->last_read)) {
            nearest = &run;
            nearest_distance = distance;
        }
    }
    return nearest;
}

ReadWindow::Run& ReadWindow::fresh_run(Plan& plan) {
    Run* oldest = &runs_.front();
    for (Run& run : runs_) {
        if (!run.used) {
            return run;
        }
        if (run.last_read < oldest->last_read) {
            oldest = &run;
        }
    }
    if (oldest->ahead_end > oldest->next) {
        plan.abandon = ByteRange{oldest->next, oldest->ahead_end};
    }
    resize(*oldest, 0);
    *oldest = Run{};
    return *oldest;
}

void ReadWindow::advance(Run& run, bool continues, bool waited, Plan& plan) {
    run.ahead_end = std::max(run.ahead_end, run.next);
    if (run.window == 0) {
        if (!continues) {
            return;
        }
        resize(run, kFirstWindow);
        run.grow_from = run.ahead_end;
    } else if (waited && run.next > run.grow_from && run.window < kWindowMax) {
        run.grow_from = run.ahead_end;
        resize(run, std::min(run.window * 2, kWindowMax));
    }
    if (run.window == 0 || run.ahead_end - run.next >= run.window / 2) {
        return;
    }
    const std::uint64_t target = std::min(run.next + run.window, size_);
    if (target > run.ahead_end) {
        plan.fetch.push_back({run.ahead_end, target});
        run.ahead_end = target;
    }
}

// Rule 6.
void ReadWindow::resize(Run& run, std::uint64_t window) {
    if (window <= run.window) {
        budget_.give(run.window - window);
        run.window = window;
        return;
    }
    if (budget_.take(window - run.window)) {
        run.window = window;
        return;
    }
    budget_.give(run.window - run.window / 2);
    run.window /= 2;
}

std::vector<ByteRange> ReadWindow::end() {
    std::vector<ByteRange> unwanted;
    for (Run& run : runs_) {
        if (run.used && run.ahead_end > run.next) {
            unwanted.push_back({run.next, run.ahead_end});
        }
        resize(run, 0);
        run = Run{};
    }
    tail_fetched_ = false;
    return unwanted;
}

std::size_t ReadWindow::runs() const {
    return static_cast<std::size_t>(
        std::count_if(runs_.begin(), runs_.end(), [](const Run& run) { return run.used; }));
}

std::uint64_t ReadWindow::window_bytes() const {
    std::uint64_t bytes = 0;
    for (const Run& run : runs_) {
        bytes += run.window;
    }
    return bytes;
}

}  // namespace swarmfs::swarm
