#include "engine/transport/link.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <mutex>

#include "engine/async/block_on.hpp"
#include "engine/async/task_group.hpp"
#include "engine/core/dice.hpp"
#include "engine/transport/dial.hpp"
#include "engine/transport/listener.hpp"

namespace swarmfs::transport {

namespace {

using boost::asio::ip::tcp;

// Collects what a listener hands over.
class Guests {
public:
    OnLink take() {
        return [this](std::unique_ptr<Link> link) {
            const std::lock_guard lock(mutex_);
            links_.push_back(std::move(link));
            came_.notify_all();
        };
    }
    // Waits for the next link. Returns: null after ten seconds.
    std::unique_ptr<Link> next() {
        std::unique_lock lock(mutex_);
        if (!came_.wait_for(lock, std::chrono::seconds(10), [&] { return !links_.empty(); })) {
            return nullptr;
        }
        std::unique_ptr<Link> link = std::move(links_.front());
        links_.erase(links_.begin());
        return link;
    }

private:
    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<std::unique_ptr<Link>> links_;
};

async::Task<> drop(std::unique_ptr<Link> link) {
    link.reset();
    co_return;
}

// A link that is used and destroyed on its own thread.
struct Held {
    explicit Held(std::unique_ptr<Link> taken) : link(std::move(taken)) {
        REQUIRE(link != nullptr);
    }
    Held(Held&&) = default;
    ~Held() {
        if (link) {
            const async::Executor executor = link->executor();
            async::block_on(executor, drop(std::move(link)));
        }
    }
    template <class T>
    T run(async::Task<T> task) {
        return async::block_on(link->executor(), std::move(task));
    }
    std::unique_ptr<Link> link;
};

struct Pair {
    async::IoThreads threads{2, "test"};
    Guests guests;
    std::unique_ptr<Listener> listener;

    explicit Pair(ListenOptions options = {.listen = "127.0.0.1:0"}) {
        auto opened = Listener::open(threads, std::move(options), guests.take());
        REQUIRE(opened.ok());
        listener = std::move(*opened);
    }
    Result<std::unique_ptr<Link>> dial_it(std::size_t lane = 0) {
        return async::block_on(threads.executor(lane), dial(listener->address()));
    }
};

async::Task<Result<Bytes>> read_all(Link* link, std::size_t piece) {
    Bytes all;
    Bytes buffer(piece);
    while (true) {
        const Result<std::size_t> got = co_await link->read_some(buffer);
        if (!got.ok()) {
            co_return got.error();
        }
        if (*got == 0) {
            co_return all;
        }
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

async::Task<Result<>> write_all(Link* link, std::vector<ByteSpan> buffers) {
    Result<> written = co_await link->write(buffers);
    link->shut_down();
    co_return std::move(written);
}

async::Task<Result<std::size_t>> read_once(Link* link, Bytes* into) {
    Result<std::size_t> got = co_await link->read_some(*into);
    co_return std::move(got);
}

async::Task<> read_until_cancelled(Link* link, std::string* diary) {
    Bytes buffer(10);
    *diary += "reads ";
    (void)co_await link->read_some(buffer);
    *diary += "not reached";
}

async::Task<> cancel_reading(Link* link, std::string* diary) {
    async::TaskGroup group(link->executor());
    group.spawn(read_until_cancelled(link, diary));
    co_await async::delay(Duration(0));
    co_await async::delay(Duration(0));
    group.cancel();
    co_await group.join();
    *diary += "joined";
}

async::Task<> close_it(Link* link) {
    link->close();
    co_return;
}

async::Task<> prove(Link* link) {
    link->note_proven();
    co_return;
}

}  // namespace

TEST_CASE("what is gathered at one end is read in order at the other, then the end") {
    Pair pair;
    Held near(std::move(pair.dial_it().value()));
    Held far(pair.guests.next());
    SeededDice dice(1);
    std::vector<Bytes> pieces(200);
    std::vector<ByteSpan> buffers;
    Bytes expected;
    for (Bytes& piece : pieces) {
        piece.resize(dice.below(3) == 0 ? 0 : dice.below(40'000));
        dice.fill(piece);
        buffers.emplace_back(piece);
        expected.insert(expected.end(), piece.begin(), piece.end());
    }
    std::thread writer([&] { CHECK(near.run(write_all(near.link.get(), buffers)).ok()); });
    const auto got = far.run(read_all(far.link.get(), 10'000));
    writer.join();
    REQUIRE(got.ok());
    CHECK(*got == expected);
    // The other direction is open still.
    const Bytes answer = {1, 2, 3};
    CHECK(far.run(write_all(far.link.get(), {answer})).ok());
    CHECK(*near.run(read_all(near.link.get(), 10)) == answer);
}

TEST_CASE("links know their kind and the other end") {
    Pair pair;
    Held near(std::move(pair.dial_it().value()));
    Held far(pair.guests.next());
    CHECK(near.link->kind() == LinkKind::direct);
    CHECK(std::string(name_of(far.link->kind())) == "direct");
    CHECK(near.link->remote() == pair.listener->address());
    CHECK(far.link->remote().host == "127.0.0.1");
}

TEST_CASE("a cancelled reader leaves, and the link can be read no less afterwards") {
    Pair pair;
    Held near(std::move(pair.dial_it().value()));
    Held far(pair.guests.next());
    std::string diary;
    async::block_on(near.link->executor(), cancel_reading(near.link.get(), &diary));
    CHECK(diary == "reads joined");
}

TEST_CASE("closing ends both streams, here with an error and there with the end or an error") {
    Pair pair;
    Held near(std::move(pair.dial_it(1).value()));
    Held far(pair.guests.next());
    Bytes buffer(10);
    std::thread reader([&] {
        const auto got = near.run(read_once(near.link.get(), &buffer));
        REQUIRE_FALSE(got.ok());
        CHECK(got.error().whose == Whose::network);
    });
    async::block_on(near.link->executor(), async::delay(Duration(0)));
    async::block_on(near.link->executor(), close_it(near.link.get()));
    reader.join();
    CHECK(*far.run(read_once(far.link.get(), &buffer)) == 0);
    CHECK(near.run(read_once(near.link.get(), &buffer)).error().code == Code::cancelled);
}

TEST_CASE("a stream that ends in the middle of what was expected is an error, before it is not") {
    Pair pair;
    Held near(std::move(pair.dial_it().value()));
    Held far(pair.guests.next());
    const Bytes five = {1, 2, 3, 4, 5};
    REQUIRE(near.run(write_all(near.link.get(), {five})).ok());
    Bytes three(3);
    CHECK(*far.run(read_exactly(*far.link, three)));
    CHECK(three == Bytes{1, 2, 3});
    CHECK_FALSE(far.run(read_exactly(*far.link, three)).ok());
    CHECK_FALSE(*far.run(read_exactly(*far.link, three)));
}

TEST_CASE("nobody listening is unavailable at once") {
    Pair pair;
    const Address gone = pair.listener->address();
    pair.listener->close();
    const auto dialled = async::block_on(pair.threads.executor(0), dial(gone));
    REQUIRE_FALSE(dialled.ok());
    CHECK(dialled.error().whose == Whose::network);
    CHECK(dialled.error().code == Code::unavailable);
    CHECK(dialled.error().message.find(to_text(gone)) != std::string::npos);
}

TEST_CASE("a dial that is not answered ends at its limit") {
    // A full backlog swallows the packets of whoever comes next.
    boost::asio::io_context context;
    tcp::acceptor deaf(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    deaf.listen(0);
    async::IoThreads threads(1, "test");
    const Address address{"127.0.0.1", deaf.local_endpoint().port()};
    std::vector<Held> fillers;
    while (true) {
        auto dialled =
            async::block_on(threads.executor(0), dial(address, std::chrono::milliseconds(50)));
        if (!dialled.ok()) {
            CHECK(dialled.error().code == Code::timed_out);
            break;
        }
        fillers.emplace_back(std::move(*dialled));
        REQUIRE(fillers.size() < 20);
    }
}

TEST_CASE("names are looked up, and one that stands for nothing is unavailable") {
    Pair pair;
    const Address by_name{"localhost", pair.listener->address().port};
    CHECK(Held(async::block_on(pair.threads.executor(0), dial(by_name)).value()).link != nullptr);
    const auto nobody = async::block_on(pair.threads.executor(0), dial({"nobody.invalid", 1}));
    CHECK_FALSE(nobody.ok());
}

TEST_CASE("one listener takes both families where there is IPv6, and IPv4 where there is none") {
    Pair pair({.listen = "[::]:0"});
    const std::uint16_t port = pair.listener->address().port;
    CHECK(port != 0);
    Held v4(async::block_on(pair.threads.executor(0), dial({"127.0.0.1", port})).value());
    CHECK(Held(pair.guests.next()).link->remote().host == "127.0.0.1");
    auto v6 = async::block_on(pair.threads.executor(0), dial({"::1", port}));
    if (v6.ok()) {
        const Held held(std::move(*v6));
        CHECK(Held(pair.guests.next()).link->remote().host == "::1");
    } else {
        CHECK(v6.error().code == Code::unavailable);
    }
}

TEST_CASE("a port in use is a clear error") {
    Pair pair;
    async::IoThreads threads(1, "test");
    Guests guests;
    const auto second =
        Listener::open(threads, {.listen = to_text(pair.listener->address())}, guests.take());
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == Code::busy);
    CHECK(second.error().message.find("in use") != std::string::npos);
    CHECK(second.error().message.find("--port") != std::string::npos);
}

TEST_CASE("an address that is not this machine's, or not an address, is a configuration error") {
    async::IoThreads threads(1, "test");
    Guests guests;
    for (const char* listen : {"192.0.2.1:0", "nonsense", "127.0.0.1:70000", "nobody.invalid:0"}) {
        const auto opened = Listener::open(threads, {.listen = listen}, guests.take());
        REQUIRE_FALSE(opened.ok());
        CHECK(opened.error().code == Code::configuration);
    }
}

TEST_CASE("links are spread over the threads in turn") {
    Pair pair;
    std::vector<Held> near;
    std::vector<Held> far;
    for (int i = 0; i < 4; ++i) {
        near.emplace_back(std::move(pair.dial_it().value()));
        far.emplace_back(pair.guests.next());
    }
    CHECK(far[0].link->executor() != far[1].link->executor());
    CHECK(far[0].link->executor() == far[2].link->executor());
    CHECK(far[1].link->executor() == far[3].link->executor());
}

TEST_CASE("the oldest silent half-open link makes room, proven ones do not count") {
    Pair pair({.listen = "127.0.0.1:0", .half_open_per_host_max = 2});
    std::vector<Held> near;
    std::vector<Held> far;
    const auto connect = [&] {
        near.emplace_back(std::move(pair.dial_it().value()));
        far.emplace_back(pair.guests.next());
    };
    connect();
    async::block_on(far[0].link->executor(), prove(far[0].link.get()));
    connect();
    connect();
    CHECK(pair.listener->half_open() == 2);
    connect();
    CHECK(pair.listener->half_open() == 2);
    CHECK(pair.listener->pushed_out() == 1);
    Bytes buffer(1);
    CHECK(*near[1].run(read_once(near[1].link.get(), &buffer)) == 0);
    // The others still carry bytes.
    const Bytes one = {7};
    for (const std::size_t i : {0U, 2U, 3U}) {
        CHECK(far[i].run(write_all(far[i].link.get(), {one})).ok());
        CHECK(*near[i].run(read_once(near[i].link.get(), &buffer)) == 1);
    }
    far.clear();
    CHECK(pair.listener->half_open() == 0);
}

TEST_CASE(
    "a flood of silent links does not keep out one that speaks, and costs no more than its cap") {
    Pair pair({.listen = "127.0.0.1:0", .half_open_per_host_max = 32});
    Held near(std::move(pair.dial_it().value()));
    Held far(pair.guests.next());
    Bytes buffer(1);
    const Bytes one = {7};
    REQUIRE(near.run(write_all(near.link.get(), {one})).ok());
    REQUIRE(*far.run(read_once(far.link.get(), &buffer)) == 1);

    boost::asio::io_context context;
    const tcp::endpoint target(boost::asio::ip::address_v4::loopback(),
                               pair.listener->address().port);
    std::vector<tcp::socket> flood;
    std::vector<Held> waiting;
    for (int i = 0; i < 300; ++i) {
        flood.emplace_back(context);
        flood.back().connect(target);
        waiting.emplace_back(pair.guests.next());
    }
    CHECK(pair.listener->half_open() == 32);
    CHECK(pair.listener->pushed_out() == 300 + 1 - 32);
    CHECK(far.run(write_all(far.link.get(), {one})).ok());
    CHECK(*near.run(read_once(near.link.get(), &buffer)) == 1);
    // A newcomer in the middle of the flood is let in as well.
    Held late(std::move(pair.dial_it().value()));
    Held late_far(pair.guests.next());
    CHECK(late.run(write_all(late.link.get(), {one})).ok());
    CHECK(*late_far.run(read_once(late_far.link.get(), &buffer)) == 1);
}

TEST_CASE("a closed listener hands over nobody any more and frees its port") {
    Pair pair;
    Held near(std::move(pair.dial_it().value()));
    Held far(pair.guests.next());
    const Address address = pair.listener->address();
    pair.listener->close();
    pair.listener->close();
    CHECK_FALSE(pair.dial_it().ok());
    const Bytes one = {7};
    Bytes buffer(1);
    CHECK(far.run(write_all(far.link.get(), {one})).ok());
    CHECK(*near.run(read_once(near.link.get(), &buffer)) == 1);
    Guests guests;
    CHECK(Listener::open(pair.threads, {.listen = to_text(address)}, guests.take()).ok());
}

}  // namespace swarmfs::transport
