#include "tracker/committer.hpp"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

#include "engine/core/wire.hpp"
#include "tests/catalog/members.hpp"

using namespace swarmfs;
using namespace swarmfs::tracker;
using namespace swarmfs::catalog::testing;

namespace {

// A storage whose first change waits for the test, so that what follows becomes one batch; and that
// finds no room for one key.
class GatedStorage final : public Storage {
public:
    Result<> read(const Look& look) const override { return under_->read(look); }
    Result<> write(const Change& change) override {
        {
            std::unique_lock lock(mutex_);
            ++writes_;
            changed_.notify_all();
            changed_.wait(lock, [this] { return open_; });
        }
        return under_->write([&](KeyValueWriter& rows) -> Result<> {
            SWARM_CHECK(change(rows));
            bool full = false;
            rows.scan(too_large, too_large, [&full](ByteSpan, ByteSpan) {
                full = true;
                return false;
            });
            return full && !too_large.empty() ? Result<>(disk_error(Code::no_space, "full"))
                                              : done();
        });
    }
    void wait_until_writing() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return writes_ > 0; });
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

    Bytes too_large;  // a prefix

private:
    std::unique_ptr<Storage> under_ = make_memory_storage();
    std::mutex mutex_;
    std::condition_variable changed_;
    int writes_ = 0;
    bool open_ = false;
};

Swarm swarm_of(std::uint64_t seed) {
    return {test_key(seed), SwarmId{test_key(seed).public_key().bytes}};
}

std::vector<Bytes> publication_of(const Swarm& swarm, std::uint64_t seed) {
    Member member(swarm, seed);
    member.write(file_entry("a file", 1));
    member.seal();
    std::vector<Bytes> messages;
    for (auto& [kind, bytes] : member.messages_for({})) {
        messages.push_back(std::move(bytes));
    }
    return messages;
}

// Pushes one publication of each swarm in one batch.   Returns: the code of each failure.
std::vector<std::optional<Code>> push_together(GatedStorage& storage,
                                               const std::vector<Swarm>& swarms,
                                               std::size_t swarms_max) {
    static const ManualClock clock(kStartMs);
    std::vector<std::optional<Code>> outcomes(swarms.size());
    Committer committer(
        storage, clock, [](const SwarmId&) {}, swarms_max);
    const auto push = [&](std::size_t i) {
        const auto taken =
            committer.submit(swarms[i].id, publication_of(swarms[i], 50 + i), "host",
                             [&outcomes, i](const Result<std::vector<Refused>>& result) {
                                 if (!result.ok()) {
                                     outcomes[i] = result.error().code;
                                 } else {
                                     CHECK(result->empty());
                                 }
                             });
        REQUIRE(taken.ok());
    };
    push(0);
    storage.wait_until_writing();
    for (std::size_t i = 1; i < swarms.size(); ++i) {
        push(i);
    }
    storage.open();
    return outcomes;  // the committer ends first, when all are answered
}

}  // namespace

TEST_CASE("a swarm for which there is no room is refused alone, not with its whole batch") {
    GatedStorage storage;
    const std::vector<Swarm> swarms = {swarm_of(1), swarm_of(2), swarm_of(3), swarm_of(1)};
    auto outcomes = std::vector<std::optional<Code>>();
    outcomes = push_together(storage, swarms, 2);
    CHECK(outcomes[0] == std::nullopt);
    CHECK(outcomes[1] == std::nullopt);
    CHECK(outcomes[2] == Code::no_space);
    CHECK(outcomes[3] == std::nullopt);
}

TEST_CASE("what one exchange breaks in a batch, the others do not suffer") {
    GatedStorage storage;
    const std::vector<Swarm> swarms = {swarm_of(1), swarm_of(2), swarm_of(3)};
    storage.too_large = {'C'};
    storage.too_large.insert(storage.too_large.end(), swarms[1].id.bytes.begin(),
                             swarms[1].id.bytes.end());
    const auto outcomes = push_together(storage, swarms, 100);
    CHECK(outcomes[0] == std::nullopt);
    CHECK(outcomes[1] == Code::no_space);
    CHECK(outcomes[2] == std::nullopt);
}

TEST_CASE("one host cannot make all others wait") {
    GatedStorage storage;
    const ManualClock clock(kStartMs);
    Committer committer(storage, clock, [](const SwarmId&) {});
    const auto taken = [&](const std::string& host) {
        std::vector<Bytes> messages(1);
        messages[0].resize(1 << 20);
        return committer
            .submit(swarm_of(1).id, std::move(messages), host,
                    [](const Result<std::vector<Refused>>& result) { CHECK(result.ok()); })
            .ok();
    };
    CHECK(taken("flood"));
    storage.wait_until_writing();
    std::size_t megabytes = 0;
    while (taken("flood")) {
        REQUIRE(++megabytes < 20);
    }
    CHECK(megabytes >= 12);
    CHECK(taken("honest"));
    storage.open();
}

TEST_CASE("an empty swarm that was given nothing for a while yields to a new one") {
    const std::unique_ptr<Storage> storage = make_memory_storage();
    const auto take = [&](std::uint64_t seed, bool whole, std::uint64_t now_ms) {
        std::vector<Bytes> messages = publication_of(swarm_of(seed), seed);
        if (!whole) {
            messages.resize(1);  // a header, and none of its entries
        }
        bool taken = false;
        CHECK(storage
                  ->write([&](KeyValueWriter& rows) -> Result<> {
                      const auto result =
                          take_messages(rows, swarm_of(seed).id, messages, now_ms, 2);
                      taken = result.ok();
                      if (!taken) {
                          CHECK(result.error().code == Code::no_space);
                          return done();
                      }
                      CHECK(result->refused.empty());
                      Advanced advanced;
                      SWARM_TRY(advanced, advance(rows, swarm_of(seed).id));
                      CHECK(advanced.anything == whole);
                      return done();
                  })
                  .ok());
        return taken;
    };
    const std::uint64_t now_ms = kStartMs;
    CHECK(take(1, true, now_ms));
    CHECK(take(2, false, now_ms));
    CHECK(!take(3, true, now_ms + kEmptySwarmYieldsAfterMs - 1));
    CHECK(take(3, false, now_ms + kEmptySwarmYieldsAfterMs));
    // What is not empty stays, however long nobody comes.
    CHECK(take(2, true, now_ms + 2 * kEmptySwarmYieldsAfterMs));
    CHECK(!take(4, true, now_ms + 1000 * kEmptySwarmKeptMs));
}

TEST_CASE("an empty swarm is forgotten after a day, with all its rows") {
    const std::unique_ptr<Storage> storage = make_memory_storage();
    const std::uint64_t now_ms = kStartMs;
    std::vector<Bytes> header = publication_of(swarm_of(1), 1);
    header.resize(1);
    const auto rows_left = [&] {
        std::size_t rows_seen = 0;
        CHECK(storage
                  ->read([&](const KeyValueReader& rows) {
                      rows.scan({}, {}, [&](ByteSpan, ByteSpan) { return ++rows_seen > 0; });
                      return done();
                  })
                  .ok());
        return rows_seen;
    };
    const auto compact_at = [&](std::uint64_t time_ms) {
        CHECK(storage
                  ->write([&](KeyValueWriter& rows) -> Result<> {
                      SWARM_CHECK(compact_next(rows, std::nullopt, time_ms));
                      return done();
                  })
                  .ok());
    };
    CHECK(storage
              ->write([&](KeyValueWriter& rows) -> Result<> {
                  SWARM_CHECK(take_messages(rows, swarm_of(1).id, header, now_ms));
                  return done();
              })
              .ok());
    compact_at(now_ms + kEmptySwarmKeptMs - 1);
    CHECK(rows_left() > 2);
    compact_at(now_ms + kEmptySwarmKeptMs);
    CHECK(rows_left() == 1);  // how many swarms there are
}

TEST_CASE("one member fills an empty tracker in one exchange, however many may wait") {
    constexpr std::uint64_t kPublications = 3 * catalog::kParkedPerNodeMax;
    const std::unique_ptr<Storage> storage = make_memory_storage();
    const ManualClock clock(kStartMs);
    const Swarm swarm = swarm_of(1);
    Member member(swarm, 1);
    for (std::uint64_t i = 0; i < kPublications; ++i) {
        member.write(file_entry("file " + std::to_string(i), i));
        member.seal();
    }
    std::vector<Bytes> messages;
    for (auto& [kind, bytes] : member.messages_for({})) {
        messages.push_back(std::move(bytes));
    }
    messages.push_back({9, 9, 9});
    const std::size_t last = messages.size() - 1;
    {
        Committer committer(*storage, clock, [](const SwarmId&) {});
        const auto taken = committer.submit(swarm.id, std::move(messages), "host",
                                            [last](const Result<std::vector<Refused>>& result) {
                                                REQUIRE(result.ok());
                                                REQUIRE(result->size() == 1);
                                                CHECK(result->front().index == last);
                                            });
        REQUIRE(taken.ok());
    }
    REQUIRE(storage
                ->read([&](const KeyValueReader& rows) {
                    Bytes vector;
                    WireWriter out(vector);
                    catalog::write_vector(out, member.replica().vector());
                    CHECK(vector_of(rows, swarm.id) == vector);
                    return Result<>(done());
                })
                .ok());
}
