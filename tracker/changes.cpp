#include "tracker/changes.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"

namespace swarmfs::tracker {

namespace asio = boost::asio;

namespace {

// Reading a large catalog takes milliseconds, which the threads that serve sockets do not have.
constexpr std::size_t kReaderThreads = 1;
// What a sender hands over between two looks at the bounds: a block or so.
constexpr std::size_t kPieceBytes = 16 * 1024;
constexpr std::size_t kCursorBytes = 16;
// Below 2^53, so that every reader of JSON holds it exactly.
constexpr unsigned kMoveBits = 50;

// What goes wrong with one request is a bug or exhausted memory; it costs that request only, whose
// reply dies unused and so says that it failed.
void survive(const std::function<void()>& work) {
    try {
        work();
    } catch (const std::exception& failure) {
        log_error("tracker", std::string("an exchange failed: ") + failure.what());
    }
}

}  // namespace

Changes::Changes(Storage& storage, const Clock& clock, Dice& dice)
    : storage_(storage),
      clock_(clock),
      first_move_(dice.below(std::uint64_t{1} << kMoveBits)),
      dice_(dice),
      aside_(std::make_unique<async::IoThreads>(1, "aside")),
      readers_(std::make_unique<async::IoThreads>(kReaderThreads, "catalog")),
      committer_(std::make_unique<Committer>(storage, clock, [this](const SwarmId& swarm) {
          const std::lock_guard lock(mutex_);
          ++moves_[swarm];
      })) {}

Changes::~Changes() {
    aside_.reset();
    committer_.reset();  // its last answers still go through the readers
    readers_.reset();
}

std::uint64_t Changes::moves_of(const SwarmId& swarm) const {
    const std::lock_guard lock(mutex_);
    const auto found = moves_.find(swarm);
    return first_move_ + (found == moves_.end() ? 0 : found->second);
}

bool Changes::aside(const std::string& host, std::size_t bytes, std::function<void()> work) {
    if (!aside_bytes_.take(host, bytes)) {
        return false;
    }
    asio::post(aside_->context(0), [this, host, bytes, work = std::move(work)] {
        survive(work);
        aside_bytes_.give_back(host, bytes);
    });
    return true;
}

void Changes::exchange(const SwarmId& swarm, protocol::ChangesRequest request,
                       const std::string& host, Answered answered) {
    WireReader vector(request.vector);
    (void)catalog::read_vector(vector);
    if (!vector.finished()) {
        answered(Problem{400, "bad_vector", "\"vector\" is no version vector"});
        return;
    }
    auto then_pull = [this, swarm, answered](protocol::ChangesRequest asked,
                                             std::vector<Refused> refused) {
        asio::post(
            readers_->context(readers_->next()), [this, swarm, answered, asked = std::move(asked),
                                                  refused = std::move(refused)]() mutable {
                survive([&] { pull(swarm, std::move(asked), std::move(refused), answered); });
            });
    };
    std::vector<Bytes> messages = std::move(request.messages);
    if (messages.empty()) {
        then_pull(std::move(request), {});
        return;
    }
    auto committed = [answered, then_pull,
                      asked = std::move(request)](Result<std::vector<Refused>> result) mutable {
        if (!result.ok()) {
            answered(problem_of(result.error()));
            return;
        }
        then_pull(std::move(asked), std::move(*result));
    };
    const Result<> taken =
        committer_->submit(swarm, std::move(messages), host, std::move(committed));
    if (!taken.ok()) {
        answered(problem_of(taken.error()));
    }
}

void Changes::pull(const SwarmId& swarm, protocol::ChangesRequest request,
                   std::vector<Refused> refused, const Answered& answered) {
    WireReader in(request.vector);
    const catalog::VersionVector theirs = catalog::read_vector(in);
    std::unique_ptr<catalog::Sender> sender = take_sender(request.cursor, swarm);
    if (!sender) {
        sender = std::make_unique<catalog::Sender>();
    }
    sender->learn(theirs);
    bool all = false;
    Result<protocol::ChangesAnswer> answer = collect(swarm, *sender, all);
    if (!answer.ok()) {
        answered(problem_of(answer.error()));
        return;
    }
    answer->refused = std::move(refused);
    if (!all) {
        answer->cursor = keep_sender(swarm, std::move(sender));
    }
    answered(std::move(*answer));
}

Result<protocol::ChangesAnswer> Changes::collect(const SwarmId& swarm, catalog::Sender& sender,
                                                 bool& all) {
    protocol::ChangesAnswer answer;
    std::size_t bytes = 0;
    const auto keep = [&](catalog::MessageKind, Bytes message) {
        bytes += message.size();
        answer.messages.push_back(std::move(message));
    };
    SWARM_CHECK(storage_.read([&](const KeyValueReader& rows) -> Result<> {
        answer.vector = vector_of(rows, swarm);
        return with_replica(rows, swarm, [&](const catalog::ReplicaReader& replica) -> Result<> {
            while (!all && bytes < protocol::kChangesBytesAim &&
                   answer.messages.size() < protocol::kChangesMessagesAim) {
                SWARM_TRY(all, sender.send(replica, kPieceBytes, keep));
            }
            return done();
        });
    }));
    return answer;
}

std::unique_ptr<catalog::Sender> Changes::take_sender(const std::string& cursor,
                                                      const SwarmId& swarm) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    while (!senders_.empty() && now - senders_.front().since > kSenderKept) {
        senders_.pop_front();
    }
    const auto found = std::find_if(senders_.begin(), senders_.end(), [&](const Kept& kept) {
        return kept.cursor == cursor && kept.swarm == swarm;
    });
    if (found == senders_.end()) {
        return nullptr;
    }
    std::unique_ptr<catalog::Sender> sender = std::move(found->sender);
    senders_.erase(found);
    return sender;
}

std::string Changes::keep_sender(const SwarmId& swarm, std::unique_ptr<catalog::Sender> sender) {
    const std::lock_guard lock(mutex_);
    if (senders_.size() >= kSendersMax) {
        senders_.pop_front();
    }
    Bytes name(kCursorBytes);
    dice_.fill(name);
    senders_.push_back({to_hex(name), swarm, clock_.now(), std::move(sender)});
    return senders_.back().cursor;
}

}  // namespace swarmfs::tracker
