#include "engine/node/sibling_window.hpp"

#include <algorithm>

namespace swarmfs::node {
namespace {

constexpr std::size_t kPage = 64;  // names listed at a time

}  // namespace

// ---- the way ----

SiblingWalk::SiblingWalk(Siblings::Place after) : directory_(after.directory) {
    levels_.push_back({after.directory, std::move(after.name), {}, false});
}

std::optional<Sibling> SiblingWalk::next(Siblings& siblings, std::size_t& looks) {
    while (!levels_.empty() && looks > 0) {
        --looks;
        Level& level = levels_.back();
        if (level.page.empty()) {
            if (level.last_page) {
                if (!climb(siblings)) {
                    return std::nullopt;
                }
                continue;
            }
            auto page = siblings.list(level.directory, level.after, kPage);
            level.last_page = page.size() < kPage;
            level.page.assign(std::make_move_iterator(page.begin()),
                              std::make_move_iterator(page.end()));
            continue;
        }
        Sibling one = std::move(level.page.front());
        level.page.pop_front();
        level.after = one.name;
        if (one.kind == Sibling::Kind::directory) {
            levels_.push_back({one.inode, "", {}, false});
        } else if (one.kind == Sibling::Kind::file && one.content.size > 0) {
            directory_ = level.directory;
            return one;
        }
    }
    return std::nullopt;
}

// From the end of a directory to what follows it in its parent. Returns: false at the end of all.
bool SiblingWalk::climb(Siblings& siblings) {
    const std::uint64_t directory = levels_.back().directory;
    levels_.pop_back();
    if (!levels_.empty()) {
        return true;
    }
    auto place = siblings.place_of(directory);
    if (!place) {
        return false;
    }
    levels_.push_back({place->directory, std::move(place->name), {}, false});
    return true;
}

// ---- the window ----

SiblingWindow::Plan SiblingWindow::on_read(const Read& read, TimePoint now) {
    Plan plan;
    for (std::size_t i = runs_.size(); i-- > 0;) {
        if (now - runs_[i].last_read > kIdleMax) {
            end_run(i, plan);
        }
    }
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        if (const auto found = runs_[i].numbers.find(read.inode); found != runs_[i].numbers.end()) {
            runs_[i].last_read = now;
            move_on(i, found->second, read, plan);
            return plan;
        }
    }
    if (!read.waited) {
        return plan;
    }
    for (auto start = starts_.begin(); start != starts_.end(); ++start) {
        if (starts(*start, read.inode)) {
            const bool leaves = start->place.directory != read.place.directory;
            starts_.erase(start);
            begin(read, leaves, now, plan);
            return plan;
        }
    }
    if (read.bytes <= kFileBytesMax) {
        starts_.push_back({read.place, std::nullopt});
        if (starts_.size() > kRunsMax) {
            starts_.pop_front();
        }
    }
    return plan;
}

SiblingWindow::Plan SiblingWindow::end() {
    Plan plan;
    while (!runs_.empty()) {
        end_run(runs_.size() - 1, plan);
    }
    starts_.clear();
    return plan;
}

std::size_t SiblingWindow::window_max() const {
    std::size_t most = 0;
    for (const Run& run : runs_) {
        most = std::max(most, run.window);
    }
    return most;
}

// Rule 2.
bool SiblingWindow::starts(Start& start, std::uint64_t inode) {
    if (!start.near) {
        start.near.emplace();
        SiblingWalk walk(start.place);
        std::size_t looks = kNearLooks;
        while (start.near->size() < kNear) {
            const auto one = walk.next(siblings_, looks);
            if (!one) {
                break;
            }
            start.near->push_back(one->inode);
        }
    }
    return std::find(start.near->begin(), start.near->end(), inode) != start.near->end();
}

void SiblingWindow::begin(const Read& read, bool leaves, TimePoint now, Plan& plan) {
    if (runs_.size() == kRunsMax) {
        const auto oldest = std::min_element(
            runs_.begin(), runs_.end(),
            [](const Run& left, const Run& right) { return left.last_read < right.last_read; });
        end_run(static_cast<std::size_t>(oldest - runs_.begin()), plan);
    }
    Run run{SiblingWalk(read.place)};
    run.directory = read.place.directory;
    run.leaves = leaves;
    run.last_read = now;
    fill_up(run, plan);
    run.grow_from = run.first + run.steps.size();
    runs_.push_back(std::move(run));
}

void SiblingWindow::move_on(std::size_t index, std::uint64_t number, const Read& read, Plan& plan) {
    Run& run = runs_[index];
    Step& step = run.steps[static_cast<std::size_t>(number - run.first)];
    step.read = true;
    if (number < run.next) {
        return;
    }
    for (; run.next <= number; ++run.next) {
        no_longer_ahead(run, run.steps[static_cast<std::size_t>(run.next - run.first)]);
    }
    if (step.directory != run.directory) {
        run.directory = step.directory;
        run.leaves = true;
    }
    if (read.waited && number >= run.grow_from && run.window < kWindowMax) {
        run.window *= 2;
        run.grow_from = run.first + run.steps.size();
    }
    // Rule 3.
    while (run.first + kPassedMax < run.next) {
        const Step gone = run.steps.front();
        run.steps.pop_front();
        ++run.first;
        run.numbers.erase(gone.inode);
        if (gone.read) {
            run.passed_over -= std::min<std::size_t>(run.passed_over, 1);
            continue;
        }
        ++run.passed_over;
        if (gone.ticket != 0) {
            plan.abandon.push_back(gone.ticket);
        }
    }
    if (run.passed_over >= kPassedOverMax) {
        end_run(index, plan);
        return;
    }
    fill_up(run, plan);
}

void SiblingWindow::fill_up(Run& run, Plan& plan) {
    if (run.files > run.window - run.window / 4) {
        return;
    }
    const std::uint64_t steps_max = run.next + 2 * run.window;  // stored ones take no room
    std::size_t looks = kLooks;
    while (run.files < run.window && run.first + run.steps.size() < steps_max) {
        if (!run.leaves && run.elsewhere >= kFirstWindow) {
            return;
        }
        if (!has_room(run, kFileBytesMax)) {
            return;
        }
        const auto one = run.walk.next(siblings_, looks);
        if (!one) {
            return;
        }
        Step step;
        step.inode = one->inode;
        step.directory = run.walk.directory();
        if (!run.numbers.emplace(step.inode, run.first + run.steps.size()).second) {
            continue;  // it was renamed, to where the way goes on
        }
        if (!run.leaves && step.directory != run.directory) {
            ++run.elsewhere;  // those that are not fetched, too: looking at them is work
        }
        if (one->content.size <= kFileBytesMax && !siblings_.stored(one->content)) {
            step.ticket = next_ticket_++;
            step.bytes = one->content.size;
            ++run.files;
            run.bytes += step.bytes;
            ++files_ahead_;
            bytes_ahead_ += step.bytes;
            plan.fetch.push_back({step.ticket, one->content, one->author});
        }
        run.steps.push_back(step);
    }
}

// Rule 7.
bool SiblingWindow::has_room(const Run& run, std::uint64_t bytes) const {
    return run.files < kFirstWindow ||
           (run.bytes + bytes <= kRunBytesMax && files_ahead_ < kAllFilesMax &&
            bytes_ahead_ + bytes <= kAllBytesMax);
}

void SiblingWindow::no_longer_ahead(Run& run, const Step& step) {
    if (step.ticket != 0) {
        --run.files;
        run.bytes -= step.bytes;
        --files_ahead_;
        bytes_ahead_ -= step.bytes;
    }
}

void SiblingWindow::end_run(std::size_t index, Plan& plan) {
    Run& run = runs_[index];
    for (const Step& step : run.steps) {
        if (step.ticket != 0 && !step.read) {
            plan.abandon.push_back(step.ticket);
        }
    }
    for (; run.next < run.first + run.steps.size(); ++run.next) {
        no_longer_ahead(run, run.steps[static_cast<std::size_t>(run.next - run.first)]);
    }
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace swarmfs::node
