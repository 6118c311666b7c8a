// Two members' catalogs kept alike over a line that loses frames, in a time of the test's own.
#include "engine/node/catalog_sync.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include "tests/node/no_swarm.hpp"
#include "tests/node/trees.hpp"

namespace swarmfs::node {
namespace {

using catalog::testing::Message;
using catalog::testing::Swarm;
using test::TreeMember;

// Carries catalog frames to another member's sync, and nothing else.
class Line final : public test::NoSwarm {
public:
    CatalogSync* own = nullptr;
    CatalogSync* other = nullptr;
    NodeId self;
    std::function<bool(swarm::CatalogFrame& frame)> passes = [](swarm::CatalogFrame&) {
        return true;
    };
    std::size_t frames = 0;

    bool send_catalog(const NodeId&, swarm::CatalogFrame frame) override {
        ++frames;
        if (!passes(frame)) {
            return true;
        }
        // What fails for now is logged there and forgotten.
        const auto taken = frame.kind == swarm::CatalogFrame::Kind::header
                               ? other->on_header(self, frame.bytes)
                               : other->on_entries(self, frame.bytes);
        CHECK((taken.ok() || taken.error().whose != Whose::peer));
        return true;
    }
    void broadcast_vector() override { other->on_vector(self, own->our_vector()); }

    bool connected_to(const NodeId&) const override { return true; }
};

struct End {
    End(boost::asio::io_context& engine, const catalog::testing::Swarm& swarm, std::uint64_t seed)
        : member(swarm, seed), sync(engine, member.tree(), member.clock) {
        line.own = &sync;
        line.self = member.key().public_key();
        sync.attach(&line);
    }
    void make(const std::string& name) {
        REQUIRE(member.make(name).ok());
        REQUIRE(member.tree().seal().ok());
        sync.on_published();
    }

    TreeMember member;
    Line line;
    CatalogSync sync;
};

struct Pair {
    boost::asio::io_context engine;
    catalog::testing::Swarm swarm;
    End alice{engine, swarm, 1};
    End bob{engine, swarm, 2};

    Pair() {
        alice.line.other = &bob.sync;
        bob.line.other = &alice.sync;
        alice.line.broadcast_vector();
        bob.line.broadcast_vector();
    }
    // Time passes, and everybody looks after things and says how far he is.
    void pass(Duration time) {
        for (End* end : {&alice, &bob}) {
            end->member.clock.advance(time);
            end->sync.look_after();
        }
        bob.line.broadcast_vector();
        alice.line.broadcast_vector();
    }
};

}  // namespace

TEST_CASE("a member shows a version where its tree has it now, and nothing at what is no path") {
    Pair pair;
    pair.alice.make("file");
    const auto record = pair.alice.member.tree().view().names.resolve("file");
    REQUIRE(record.ok());
    REQUIRE(record->dot);
    const protocol::VectorItem version{record->dot->author, record->dot->sequence};
    for (End* end : {&pair.alice, &pair.bob}) {
        CHECK(end->sync.shows(version, "file"));
        CHECK_FALSE(end->sync.shows({version.author, version.sequence + 1}, "file"));
        CHECK_FALSE(end->sync.shows(
            {{version.author.node, version.author.incarnation ^ 1}, version.sequence}, "file"));
        CHECK_FALSE(end->sync.shows(version, "other"));
        for (const std::string& path :
             {std::string(), std::string("/file"), std::string("file/"), std::string("./file"),
              std::string("file/file"), std::string(4096, 'x'), std::string(4096, '/')}) {
            CHECK_FALSE(end->sync.shows(version, path));
            CHECK_FALSE(end->sync.shows({}, path));
        }
    }
    pair.alice.make("file2");
    CHECK(pair.bob.sync.shows(version, "file"));
}

TEST_CASE("a catalog frame that the other side could not keep is sent again") {
    Pair pair;
    SUBCASE("a header") {
        pair.alice.line.passes = [lost = false](swarm::CatalogFrame&) mutable {
            return std::exchange(lost, true);
        };
    }
    SUBCASE("entries") {
        pair.alice.line.passes = [](swarm::CatalogFrame& frame) {
            return frame.kind == swarm::CatalogFrame::Kind::header;
        };
    }
    SUBCASE("everything, since the sender's clock was ahead") {
        pair.alice.member.clock.advance(std::chrono::minutes(15));
    }
    pair.alice.make("name");
    CHECK_FALSE(pair.bob.member.shows("name"));
    pair.alice.line.passes = [](swarm::CatalogFrame&) { return true; };
    for (int turn = 0; turn < 60 && !pair.bob.member.shows("name"); ++turn) {
        pair.pass(kLagPatience);
    }
    CHECK(pair.bob.member.shows("name"));
    CHECK(pair.alice.member.vector() == pair.bob.member.vector());
}

TEST_CASE("what was lost of one author comes again while another publishes all the time") {
    Pair pair;
    TreeMember carol(pair.swarm, 3);
    pair.alice.line.passes = [](swarm::CatalogFrame&) { return false; };
    pair.alice.make("name");
    pair.alice.line.passes = [](swarm::CatalogFrame&) { return true; };
    for (int turn = 0; turn < 10; ++turn) {
        REQUIRE(carol.make(std::to_string(turn)).ok());
        REQUIRE(carol.tree().seal().ok());
        REQUIRE(pair.alice.member.pull_from(carol).ok());
        pair.alice.sync.on_published();
        REQUIRE(pair.bob.member.shows(std::to_string(turn)));
        pair.pass(std::chrono::seconds(2));
    }
    CHECK(pair.bob.member.shows("name"));
}

TEST_CASE("what the other side refuses every time is sent more and more rarely") {
    Pair pair;
    pair.alice.line.passes = [](swarm::CatalogFrame&) { return false; };
    pair.alice.make("name");
    pair.alice.line.frames = 0;
    constexpr auto kStep = std::chrono::seconds(2);
    for (Duration past{}; past < std::chrono::hours(10); past += kStep) {
        pair.pass(kStep);
    }
    CHECK(pair.alice.line.frames / 2 >= 60);
    CHECK(pair.alice.line.frames / 2 <= 70);
}

TEST_CASE("a body that one member withholds is fetched from another") {
    Pair pair;
    pair.alice.line.passes = [](swarm::CatalogFrame& frame) {
        if (frame.kind == swarm::CatalogFrame::Kind::entries) {
            auto entries = *catalog::decode_entries(frame.bytes);
            const Bytes stub = catalog::encode_stub(*catalog::stub_of_item(entries.items.at(0)));
            entries.items[0] = {catalog::ItemForm::stub, stub};
            frame.bytes = catalog::encode_entries(entries);
        }
        return true;
    };
    pair.alice.make("name");
    CHECK_FALSE(pair.bob.member.shows("name"));
    CHECK(pair.bob.member.vector() == pair.alice.member.vector());
    End carol(pair.engine, pair.swarm, 3);
    REQUIRE(carol.member.pull_from(pair.alice.member).ok());
    carol.line.other = &pair.bob.sync;
    pair.bob.line.other = &carol.sync;
    pair.bob.line.broadcast_vector();  // as at the beginning of a session
    CHECK(pair.bob.member.shows("name"));
}

TEST_CASE("versions that were replaced long ago shrink without anybody asking") {
    Pair pair;
    const auto version_of = [&](std::uint64_t sequence) {
        const auto view = pair.alice.member.vector();
        return pair.alice.member.tree().view().catalog.version(
            {view.numbers().begin()->first, sequence});
    };
    pair.alice.make("name");
    REQUIRE(pair.alice.member.tree()
                .change(
                    [](store::Namespace& names, KeyValueWriter&) {
                        return names.remove_directory(store::kRootInode, "name");
                    },
                    Tree::Origin::volume)
                .ok());
    REQUIRE(pair.alice.member.tree().seal().ok());
    pair.pass(std::chrono::hours(24 * 7));
    CHECK(version_of(1).has_value());
    pair.pass(std::chrono::hours(1));
    CHECK_FALSE(version_of(1).has_value());
    CHECK(version_of(2).has_value());
}

}  // namespace swarmfs::node
