#include "tracker/committer.hpp"

#include "engine/core/log.hpp"

namespace swarmfs::tracker {

Committer::Committer(Storage& storage, const Clock& clock, Moved moved, std::size_t swarms_max)
    : storage_(storage),
      clock_(clock),
      moved_(std::move(moved)),
      swarms_max_(swarms_max),
      thread_([this] { run(); }) {}

Committer::~Committer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Result<> Committer::submit(const SwarmId& swarm, std::vector<Bytes> messages,
                           const std::string& host, Done done) {
    Job job{swarm, std::move(messages), 0, host, std::move(done), std::vector<Refused>{}};
    for (const Bytes& message : job.messages) {
        job.bytes += message.size();
    }
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || !waiting_bytes_.take(host, job.bytes)) {
            return caller_error(Code::busy, "too much waits to be written; try again");
        }
        waiting_.push_back(std::move(job));
    }
    changed_.notify_all();
    return swarmfs::done();
}

std::vector<Committer::Job> Committer::take_batch() {
    std::vector<Job> batch;
    std::size_t bytes = 0;
    std::unique_lock lock(mutex_);
    (void)changed_.wait_for(lock, kCompactEvery, [this] { return stopping_ || !waiting_.empty(); });
    while (!waiting_.empty() && bytes < kBatchBytesMax) {
        bytes += waiting_.front().bytes;
        waiting_bytes_.give_back(waiting_.front().host, waiting_.front().bytes);
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    return batch;
}

void Committer::run() {
    TimePoint compact_at = clock_.now() + kCompactEvery;
    while (true) {
        std::vector<Job> batch = take_batch();
        if (!batch.empty()) {
            commit(std::move(batch));
        } else {
            const std::lock_guard lock(mutex_);
            if (stopping_) {
                return;
            }
        }
        if (clock_.now() >= compact_at) {
            compact();
            compact_at = clock_.now() + kCompactEvery;
        }
    }
}

void Committer::commit(std::vector<Job> batch) {
    for (;;) {
        std::vector<Job*> rest;
        for (Job& job : batch) {
            if (job.unfinished()) {
                rest.push_back(&job);
            }
        }
        if (rest.empty()) {
            break;
        }
        write_apart(rest);
        advance_swarms(rest, batch);
    }
    for (Job& job : batch) {
        if (!job.outcome.ok() && job.outcome.error().whose == Whose::disk) {
            log_error("tracker", "changes could not be kept: " + job.outcome.error().message);
        }
        job.done(std::move(job.outcome));
    }
}

// Together if that can be, else each alone.
void Committer::write_apart(std::span<Job* const> jobs) {
    const Result<> together = write(jobs);
    if (together.ok()) {
        return;
    }
    for (Job* const& job : jobs) {
        const Result<> alone = jobs.size() > 1 ? write({&job, 1}) : together;
        if (!alone.ok()) {
            job->outcome = alone.error();
        }
    }
}

// One change of the storage.
Result<> Committer::write(std::span<Job* const> jobs) {
    std::vector<Result<Taken>> pieces;
    SWARM_CHECK(storage_.write([&](KeyValueWriter& rows) -> Result<> {
        for (const Job* job : jobs) {
            const auto messages = std::span(job->messages).subspan(job->taken);
            pieces.push_back(
                take_messages(rows, job->swarm, messages, clock_.wall_ms(), swarms_max_));
            if (!pieces.back().ok() && pieces.back().error().whose == Whose::disk) {
                return pieces.back().error();
            }
        }
        return done();
    }));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i]->note(std::move(pieces[i]));
    }
    return done();
}

void Committer::Job::note(Result<Taken> piece) {
    if (!piece.ok()) {
        outcome = std::move(piece).error();
        return;
    }
    for (Refused& refused : piece->refused) {
        refused.index += taken;
        outcome->push_back(std::move(refused));
    }
    taken += piece->count;
}

void Committer::advance_swarms(std::span<Job* const> jobs, std::span<Job> batch) {
    std::map<SwarmId, Result<>> advanced;
    for (Job* job : jobs) {
        if (job->outcome.ok() && !advanced.contains(job->swarm)) {
            advanced.emplace(job->swarm, advance_all(job->swarm, batch));
        }
    }
    for (Job* job : jobs) {
        if (job->outcome.ok() && !advanced.at(job->swarm).ok()) {
            job->outcome = advanced.at(job->swarm).error();
        }
    }
}

Result<> Committer::advance_all(const SwarmId& swarm, std::span<Job> batch) {
    Advanced advanced;
    do {
        SWARM_CHECK(storage_.write([&](KeyValueWriter& rows) -> Result<> {
            SWARM_TRY(advanced, advance(rows, swarm));
            return done();
        }));
        for (const catalog::Applied& refused : advanced.refused) {
            report(swarm, refused, batch);
        }
        if (advanced.anything) {
            moved_(swarm);
        }
    } while (advanced.more);
    return done();
}

// Tells those who sent the publication's header just now, and the operator.
void Committer::report(const SwarmId& swarm, const catalog::Applied& refused,
                       std::span<Job> batch) {
    log_warning("tracker", "a publication of " + refused.author.node.short_hex() +
                               " was refused: " + refused.refused->message);
    for (Job& job : batch) {
        for (std::size_t i = 0; job.swarm == swarm && i < job.messages.size(); ++i) {
            const auto sent = catalog::is_header_message(job.messages[i])
                                  ? catalog::decode_trusted_header(job.messages[i])
                                  : Result<catalog::SignedHeader>(Error{});
            if (job.outcome.ok() && sent.ok() && sent->header.author == refused.author &&
                sent->header.last == refused.last) {
                job.outcome->push_back({i, refused.refused->message});
            }
        }
    }
}

void Committer::compact() {
    const Result<> compacted = storage_.write([&](KeyValueWriter& rows) -> Result<> {
        SWARM_TRY(compacted_, compact_next(rows, compacted_, clock_.wall_ms()));
        return done();
    });
    if (!compacted.ok()) {
        log_warning("tracker", "old entries could not be shrunk: " + compacted.error().message);
    }
}

}  // namespace swarmfs::tracker
