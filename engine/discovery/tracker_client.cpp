#include "engine/discovery/tracker_client.hpp"

#include <algorithm>

#include "engine/async/deadline.hpp"
#include "engine/async/task_group.hpp"
#include "engine/discovery/tracker_session.hpp"

namespace swarmfs::discovery {
namespace {

std::vector<std::string> distinct(const std::vector<std::string>& urls) {
    std::vector<std::string> kept;
    for (std::string url : urls) {
        while (!url.empty() && url.back() == '/') {
            url.pop_back();
        }
        if (kept.size() < kTrackersMax && std::find(kept.begin(), kept.end(), url) == kept.end()) {
            kept.push_back(std::move(url));
        }
    }
    return kept;
}

async::Task<> leave_within(Duration patience, TrackerSession* session) {
    (void)co_await async::run_within(patience, session->leave());
}

}  // namespace

struct TrackerClient::State {
    State(const Parts& parts_in, TrackerOptions options_in)
        : parts(parts_in), options(std::move(options_in)), tasks(parts_in.executor) {
        options.urls = distinct(options.urls);
        for (TrackerNumber number = 0; number < options.urls.size(); ++number) {
            sessions.push_back(std::make_unique<TrackerSession>(parts, options, number));
        }
    }

    const Parts parts;
    TrackerOptions options;
    async::TaskGroup tasks;
    std::vector<std::unique_ptr<TrackerSession>> sessions;
};

TrackerClient::TrackerClient(Parts parts, TrackerOptions options)
    : state_(std::make_unique<State>(parts, std::move(options))) {}

TrackerClient::~TrackerClient() = default;

void TrackerClient::start() {
    for (const auto& session : state_->sessions) {
        state_->tasks.spawn(session->run());
    }
}

async::Task<> TrackerClient::stop(Duration patience) {
    co_await async::uninterrupted();
    state_->tasks.cancel();
    co_await state_->tasks.join();
    async::TaskGroup leaving(state_->parts.executor);
    for (const auto& session : state_->sessions) {
        leaving.spawn(leave_within(patience, session.get()));
    }
    co_await leaving.join();
}

void TrackerClient::announce(std::vector<protocol::AnnouncedContent> contents) {
    for (const auto& session : state_->sessions) {
        session->announce(contents);
    }
}

void TrackerClient::catalog_changed() {
    for (const auto& session : state_->sessions) {
        session->catalog_changed();
    }
}

void TrackerClient::hurry() {
    for (const auto& session : state_->sessions) {
        session->hurry();
    }
}

std::vector<TrackerReport> TrackerClient::report() const {
    std::vector<TrackerReport> reports;
    for (const auto& session : state_->sessions) {
        reports.push_back(session->report());
    }
    return reports;
}

}  // namespace swarmfs::discovery
