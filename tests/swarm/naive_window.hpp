#pragma once
// ReadWindow's rules, judged from outside by what it plans. Its twin in tests and in window_fuzz.

#include <algorithm>
#include <string>
#include <vector>

#include "engine/swarm/read_window.hpp"

namespace swarmfs::test {

class WindowJudge {
public:
    explicit WindowJudge(std::uint64_t size) : size_(size) {}

    // Returns: what is wrong with the plan that answered this read; empty when nothing is.
    std::string judge(std::uint64_t offset, std::uint64_t length,
                      const swarm::ReadWindow::Plan& plan) {
        using W = swarm::ReadWindow;
        ++time_;
        Run* run = nearest(offset);
        const bool is_tail = offset + W::kTailTrigger >= size_ && !tail_;
        std::vector<swarm::ByteRange> fetch = plan.fetch;
        if (is_tail) {
            tail_ = true;
            if (fetch.empty() || fetch.back().end != size_) {
                return "a read of the end does not fetch the tail";
            }
            fetch.pop_back();
        }
        for (const swarm::ByteRange& range : plan.fetch) {
            if (range.begin >= range.end || range.end > size_) {
                return "a range beyond the content";
            }
        }
        if (run == nullptr) {
            if (runs_.size() == W::kRunsMax) {
                runs_.erase(std::min_element(runs_.begin(), runs_.end(), older));
            } else if (plan.abandon) {
                return "a run gave way although there was room";
            }
            runs_.push_back({offset + length, time_, 0});
            return fetch.empty() ? "" : "a first read fetches ahead";
        }
        run->last = time_;
        run->next = std::max(run->next, offset + length);
        if (fetch.size() > 1) {
            return "one read moves one window";
        }
        for (const swarm::ByteRange& range : fetch) {
            if (range.begin < run->fetched) {
                return "a range is fetched twice";
            }
            if (range.end > run->next + W::kWindowMax) {
                return "a window beyond its maximum";
            }
            run->fetched = range.end;
        }
        return "";
    }
    std::size_t runs() const { return runs_.size(); }

private:
    struct Run {
        std::uint64_t next = 0;
        std::uint64_t last = 0;
        std::uint64_t fetched = 0;
    };
    static bool older(const Run& a, const Run& b) { return a.last < b.last; }

    Run* nearest(std::uint64_t offset) {
        Run* best = nullptr;
        std::uint64_t best_distance = 0;
        for (Run& run : runs_) {
            const bool behind = offset < run.next;
            const std::uint64_t distance = behind ? run.next - offset : offset - run.next;
            if (distance >
                (behind ? swarm::ReadWindow::kBehindMax : swarm::ReadWindow::kAheadMax)) {
                continue;
            }
            if (best == nullptr || distance < best_distance ||
                (distance == best_distance && run.last > best->last)) {
                best = &run;
                best_distance = distance;
            }
        }
        return best;
    }

    const std::uint64_t size_;
    std::uint64_t time_ = 0;
    bool tail_ = false;
    std::vector<Run> runs_;
};

}  // namespace swarmfs::test
