#include "tracker/tracker.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "engine/async/deadline.hpp"
#include "engine/async/io_threads.hpp"
#include "engine/async/task_group.hpp"
#include "engine/crypto/random.hpp"
#include "engine/http/server.hpp"
#include "tracker/api.hpp"

namespace swarmfs::tracker {

namespace {

constexpr Duration kSweepEvery = std::chrono::seconds(1);

class RunningTracker final : public Tracker {
public:
    RunningTracker(std::unique_ptr<Storage> storage, const Settings& settings, const Clock& clock)
        : storage_(std::move(storage)),
          registry_(
              {settings.peers_max, settings.peers_per_swarm_max, settings.peers_per_address_max},
              {settings.contents_max}, clock, registry_dice_),
          changes_(*storage_, clock, changes_dice_),
          threads_(1, "tracker"),
          housekeeping_(threads_.executor(0)) {}

    ~RunningTracker() override { drain(Duration::zero()); }

    Result<> serve(const Settings& settings, const Clock& clock) {
        http::ServerOptions options;
        options.listen = settings.listen;
        options.threads = settings.threads;
        options.connections_max = settings.connections_max;
        options.connections_per_address_max = settings.connections_per_address_max;
        options.refusal = [](unsigned status, const std::string& code, const std::string& detail) {
            return problem_response({status, code, detail});
        };
        SWARM_TRY(server_, http::Server::start(make_routes({registry_, changes_, *storage_}),
                                               std::move(options), clock));
        boost::asio::post(threads_.context(0), [this] { housekeeping_.spawn(sweep()); });
        return done();
    }

    std::uint16_t port() const override { return server_->port(); }
    std::string listening_on() const override { return server_->listening_on(); }

    std::string summary() const override {
        const RegistryCounts held = registry_.counts();
        const http::ServerCounts served = server_->counts();
        const auto mib = [](std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; };
        return std::to_string(held.peers) + " peers, " + std::to_string(held.contents) +
               " contents, " + std::to_string(served.connections) + " connections (" +
               std::to_string(served.pushed_out) + " pushed out so far), " +
               std::to_string(served.requests) + " requests answered, " + mib(served.body_bytes) +
               " of bodies and " + mib(served.answer_bytes) + " of answers under way";
    }

    void drain(Duration patience) override {
        if (drained_) {
            return;
        }
        drained_ = true;
        if (server_) {
            server_->drain(patience);
        }
        housekeeping_.stop_and_wait();
    }

private:
    async::Task<> sweep() {
        while (true) {
            co_await async::delay(kSweepEvery);
            registry_.sweep();
        }
    }

    std::unique_ptr<Storage> storage_;
    crypto::SystemDice registry_dice_;
    crypto::SystemDice changes_dice_;
    Registry registry_;
    Changes changes_;
    async::IoThreads threads_;
    async::TaskGroup housekeeping_;
    std::unique_ptr<http::Server> server_;
    bool drained_ = false;
};

}  // namespace

Result<std::unique_ptr<Tracker>> Tracker::start(const Settings& settings, const Clock& clock) {
    SWARM_TRY(std::unique_ptr<Storage> storage,
              open_lmdb_storage(settings.data, settings.storage_max_mib << 20));
    return start_on(std::move(storage), settings, clock);
}

Result<std::unique_ptr<Tracker>> Tracker::start_on(std::unique_ptr<Storage> storage,
                                                   const Settings& settings, const Clock& clock) {
    auto tracker = std::make_unique<RunningTracker>(std::move(storage), settings, clock);
    SWARM_CHECK(tracker->serve(settings, clock));
    return std::unique_ptr<Tracker>(std::move(tracker));
}

}  // namespace swarmfs::tracker
