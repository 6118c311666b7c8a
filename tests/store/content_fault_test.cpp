// What the content store does when its disk fails, fills up, or loses power, and when the node
// dies.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/store/content_fixture.hpp"
#include "tests/store/crash_disk.hpp"
#include "tests/store/faulty_disk.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

// One run through everything that writes. Returns: what was acknowledged as kept.
struct Run {
    explicit Run(Home& with) : home(with) {}

    void go() {
        for (int round = 0; round < 3; ++round) {
            if (!home.try_open()) {
                return;
            }
            keep(random_bytes(70'000, 1 + static_cast<std::uint64_t>(round)));
            keep(random_bytes(300, 10 + static_cast<std::uint64_t>(round)));
            edit(round);
            fetch();
            [[maybe_unused]] const auto saved = home.contents->save();
            if (round == 1) {
                [[maybe_unused]] const auto synced = home.contents->sync();
                [[maybe_unused]] const auto flushed = home.database->flush();
                [[maybe_unused]] const auto removed = home.contents->remove(fetched.id());
            }
        }
    }
    void keep(Bytes bytes) {
        if (home.try_write(bytes)) {
            kept.push_back(std::move(bytes));
        }
    }
    void edit(int round) {
        if (kept.empty() || !home.disk.make_folder(home.folder / "staging")) {
            return;
        }
        Bytes twin = kept.front();
        InodeRecord opened;
        opened.content = tree_of(twin).id();
        auto staged = StagedFile::create(home.disk, home.folder / "staging", ++number, {}, opened);
        const Bytes edit = random_bytes(100, 20 + static_cast<std::uint64_t>(round));
        if (!staged || !(*staged)->write(30'000, edit, 1)) {
            return;
        }
        twin.resize(std::max<std::size_t>(twin.size(), 30'000 + edit.size()));
        std::copy(edit.begin(), edit.end(), twin.begin() + 30'000);
        auto fresh = home.contents->prepare_staged(**staged);
        if (fresh && home.contents->keep(std::move(*fresh))) {
            kept.push_back(std::move(twin));
        }
    }
    void fetch() {
        auto content = home.contents->open(fetched.id());
        if (!content) {
            return;
        }
        for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
            if (const auto given = fetched.give_chunk(**content, ChunkIndex(chunk)); !given) {
                CHECK((given.error().code == Code::io || given.error().code == Code::no_space));
            }
        }
        readable_bytes(**content, fetched.bytes());
    }

    Home& home;
    std::vector<Bytes> kept;
    Source fetched{random_bytes(3 * kChunkBytes - 5, 99)};
    static inline std::uint64_t number = 0;
};

}  // namespace

TEST_CASE(
    "whichever persistence call fails, contents are whole or absent, and what was kept is kept") {
    for (const Fault fault : {Fault::io, Fault::no_space, Fault::short_write}) {
        for (const bool lasting : {false, true}) {
            bool met = true;
            // Early calls one by one, later ones in growing steps: they repeat.
            for (std::uint64_t nth = 0; met; nth += 1 + nth / 15) {
                CAPTURE(nth);
                CAPTURE(lasting);
                FaultyDisk disk;
                Home home(disk);
                if (fault != Fault::no_space) {  // both ways of making a new version are tried
                    home.store_options.layered_bytes_min = 0;
                }
                disk.fail_at(nth, fault, lasting);
                Run run(home);
                run.go();
                met = disk.met();
                disk.heal();
                home.open();
                for (const Bytes& bytes : run.kept) {
                    CHECK(holds(*home.get(tree_of(bytes).id()), bytes));
                }
                const auto content = home.get(run.fetched.id());
                CHECK(readable_bytes(*content, run.fetched.bytes()) == content->stored_bytes());
                run.fetched.give_all(*content);
                CHECK(holds(*content, run.fetched.bytes()));
            }
        }
    }
}

TEST_CASE("a full disk refuses leaves, keeps what is stored readable, and needs no restart") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(4 * kChunkBytes, 1));
    const auto content = home.get(source.id());
    REQUIRE(source.give_chunk(*content, ChunkIndex(0)).ok());
    disk.fail_at(0, Fault::short_write, true);
    const auto refused = source.give_chunk(*content, ChunkIndex(1));
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Code::no_space);
    CHECK(content->leaf_mask(ChunkIndex(1)) == 0);
    CHECK(readable_bytes(*content, source.bytes()) == kChunkBytes);
    CHECK(home.contents->save().error().code == Code::no_space);
    disk.heal();
    source.give_all(*content);
    REQUIRE(home.contents->save().ok());
    home.open();
    CHECK(holds(*home.get(source.id()), source.bytes()));
}

TEST_CASE("a crash between the batch and the move of the files is made good") {
    SystemDisk disk;
    for (const bool reopened : {true, false}) {
        Home home(disk);
        home.open();
        const Bytes bytes = random_bytes(500'000, 2);
        auto writer = home.contents->begin_writer();
        REQUIRE(writer.append(bytes).ok());
        auto fresh = writer.finish();
        REQUIRE(fresh.ok());
        const ContentId id = fresh->id();
        Batch batch = home.database->begin();
        ContentLedger ledger(batch);
        REQUIRE(home.contents->record(ledger, *fresh).ok());
        REQUIRE(home.database->commit(std::move(batch), Durability::process_crash).ok());
        CHECK_FALSE(std::filesystem::exists(home.data_path(id)));
        if (reopened) {
            home.open();
        } else {
            REQUIRE(home.contents->place(std::move(*fresh)).ok());
        }
        CHECK(std::filesystem::exists(home.data_path(id)));
        CHECK(holds(*home.get(id), bytes));
        home.open();
        CHECK(holds(*home.get(id), bytes));
    }
}

TEST_CASE("a content whose batch was given up is not there, and can be made again") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(500'000, 2);
    auto writer = home.contents->begin_writer();
    REQUIRE(writer.append(bytes).ok());
    auto fresh = writer.finish();
    const ContentId id = fresh->id();
    {
        Batch batch = home.database->begin();
        ContentLedger ledger(batch);
        REQUIRE(home.contents->record(ledger, *fresh).ok());
    }
    home.contents->discard(std::move(*fresh));
    CHECK(home.get(id)->stored_bytes() == 0);
    CHECK(disk.list(home.folder / "content" / "incoming")->empty());
    CHECK(home.write(bytes) == id);
    CHECK(holds(*home.get(id), bytes));
}

TEST_CASE("what kill -9 interrupts: everything acknowledged is there, and nothing wrong is shown") {
    SystemDisk disk;
    Home home(disk);
    SeededDice dice(3);
    std::vector<std::uint64_t> acknowledged;
    const auto bytes_of = [](std::uint64_t seed) {
        return random_bytes(seed % 3 == 0 ? seed % 4000 + 1 : seed % 90'000 + 4097, seed);
    };
    const Source fetched(random_bytes(30 * kChunkBytes, 4));
    std::uint64_t next = 1;
    for (int round = 0; round < 10; ++round) {
        int told[2];
        REQUIRE(::pipe(told) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            home.store_options.save_after = std::chrono::milliseconds(1);
            if (!home.try_open()) {
                ::_exit(1);
            }
            auto content = home.contents->open(fetched.id());
            for (std::uint64_t seed = next;; ++seed) {
                if (!home.try_write(bytes_of(seed)) ||
                    !fetched.give_chunk(**content, ChunkIndex(seed % 30)) ||
                    ::write(told[1], &seed, sizeof(seed)) != sizeof(seed)) {
                    ::_exit(1);
                }
            }
        }
        ::close(told[1]);
        const std::uint64_t until = next + 1 + dice.below(20);
        std::uint64_t seed = 0;
        bool killed = false;
        while (::read(told[0], &seed, sizeof(seed)) == sizeof(seed)) {
            acknowledged.push_back(seed);
            if (seed >= until && !killed) {
                ::kill(child, SIGKILL);
                killed = true;
            }
        }
        ::close(told[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));
        next = seed + 2;

        home.open();
        for (const std::uint64_t each : acknowledged) {
            const Bytes bytes = bytes_of(each);
            CHECK(holds(*home.get(tree_of(bytes).id()), bytes));
        }
        const auto content = home.get(fetched.id());
        CHECK(readable_bytes(*content, fetched.bytes()) == content->stored_bytes());
        home.close();
    }
}

namespace {

struct Survival {
    int lost = 0;              // said to be synced, and not whole
    std::uint64_t rotten = 0;  // said to be stored, and not matching when read
};

Survival survive_power_losses(Syncs syncs) {
    Survival survival;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CrashDisk disk(syncs);
        Home home(disk);
        SeededDice dice(seed);
        std::vector<Bytes> written;
        std::size_t safe = 0;
        const Source fetched(random_bytes(6 * kChunkBytes - 1, seed));
        for (int round = 0; round < 2; ++round) {
            home.open();
            for (std::uint64_t step = 3 + dice.below(6); step > 0; --step) {
                const std::uint64_t kind = dice.below(4);
                if (kind == 0) {
                    written.push_back(random_bytes(20'000 + dice.below(100'000), dice.u64()));
                    home.write(written.back());
                } else if (kind == 1) {
                    REQUIRE(fetched.give_chunk(*home.get(fetched.id()), ChunkIndex(dice.below(6)))
                                .ok());
                } else if (kind == 2) {
                    REQUIRE(home.contents->save().ok());
                    REQUIRE(home.database->flush().ok());  // masks outlive bytes, at worst
                } else {
                    REQUIRE(home.contents->sync().ok());
                    REQUIRE(home.database->sync().ok());
                    safe = written.size();
                }
            }
            disk.stop_everything();
            home.close();
            disk.lose_power(dice);
            home.open();
            std::vector<Bytes> whole;
            for (std::size_t i = 0; i < written.size(); ++i) {
                const auto content = home.get(tree_of(written[i]).id());
                const std::uint64_t said = content->stored_bytes();
                const std::uint64_t right = readable_bytes(*content, written[i]);
                survival.lost += i < safe && right < written[i].size() ? 1 : 0;
                survival.rotten += said - right;
                if (right == written[i].size()) {
                    whole.push_back(written[i]);
                }
            }
            written = std::move(whole);
            safe = std::min(safe, written.size());
            const auto content = home.get(fetched.id());
            survival.rotten += content->stored_bytes() - readable_bytes(*content, fetched.bytes());
            home.close();
        }
    }
    return survival;
}

}  // namespace

TEST_CASE("what was synced survives power loss, and doubt is settled before anything is believed") {
    const Survival survival = survive_power_losses(Syncs::work);
    CHECK(survival.lost == 0);
    CHECK(survival.rotten == 0);
}

TEST_CASE("the power loss test for contents bites: with syncs ignored, synced contents are lost") {
    CHECK(survive_power_losses(Syncs::are_ignored).lost > 0);
}

TEST_CASE("a staged file whose sync was acknowledged survives power loss through its publication") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        CrashDisk disk(Syncs::work);
        Home home(disk);
        SeededDice dice(seed);
        home.open();
        const Path staging = home.folder / "staging";
        REQUIRE(disk.make_folder(staging).ok());
        auto made = StagedFile::create(disk, staging, 1, {}, {});
        REQUIRE(made.ok());
        StagedFile& staged = **made;
        const Bytes bytes = random_bytes(50'000, seed);
        const ContentId id = tree_of(bytes).id();
        REQUIRE(staged.write(0, bytes, 1).ok());
        REQUIRE(staged.sync().ok());
        REQUIRE(
            home.database
                ->commit(Changes{{staging_key(1), staged.encoded_row()}}, Durability::power_loss)
                .ok());
        auto fresh = home.contents->prepare_staged(staged);
        REQUIRE(fresh.ok());
        if (dice.below(3) > 0) {
            Batch batch = home.database->begin();
            ContentLedger ledger(batch);
            REQUIRE(home.contents->record(ledger, *fresh).ok());
            batch.erase(staging_key(1));
            REQUIRE(home.database->commit(std::move(batch), Durability::process_crash).ok());
            if (dice.below(2) == 0) {
                REQUIRE(home.contents->place(std::move(*fresh)).ok());
            }
            if (dice.below(2) == 0) {
                REQUIRE(home.database->flush().ok());
            }
            if (dice.below(3) == 0) {
                REQUIRE(home.contents->sync().ok());
            }
        }
        disk.stop_everything();
        home.close();
        disk.lose_power(dice);
        home.open();
        // It is either a content now, or still the staged file it was.
        const auto row = home.database->reader().get(staging_key(1));
        if (row) {
            auto again = StagedFile::recover(disk, staging, *decode_staging_row(*row));
            REQUIRE(again.ok());
            Bytes read(bytes.size());
            REQUIRE((*again)->read(0, read).ok());
            CHECK(read == bytes);
        } else {
            CHECK(holds(*home.get(id), bytes));
        }
        home.close();
    }
}

TEST_CASE("synced bytes that share leaves with the version before survive power loss as well") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        CrashDisk disk(Syncs::work);
        Home home(disk);
        SeededDice dice(seed);
        const bool layered = dice.below(2) == 0;
        if (layered) {
            home.store_options.layered_bytes_min = 0;
        }
        home.open();
        const Source base(random_bytes(3 * kChunkBytes, seed));
        const bool whole = dice.below(2) == 0;
        for (std::uint64_t chunk = 0; chunk < (whole ? 3 : 1); ++chunk) {
            REQUIRE(base.give_chunk(*home.get(base.id()), ChunkIndex(chunk)).ok());
        }
        REQUIRE(home.contents->sync().ok());
        const Path staging = home.folder / "staging";
        REQUIRE(disk.make_folder(staging).ok());
        InodeRecord opened;
        opened.content = base.id();
        auto made = StagedFile::create(disk, staging, 1, {}, opened);
        REQUIRE(made.ok());
        StagedFile& staged = **made;
        const Bytes bytes = random_bytes(1000, seed + 1);
        REQUIRE(staged.write(20'000, bytes, 1).ok());
        REQUIRE(staged.sync().ok());
        auto fresh = home.contents->prepare_staged(staged);
        REQUIRE(fresh.ok());
        const ContentId id = fresh->id();
        Batch batch = home.database->begin();
        ContentLedger ledger(batch);
        REQUIRE(home.contents->record(ledger, *fresh).ok());
        REQUIRE(home.database->commit(std::move(batch), Durability::power_loss).ok());
        REQUIRE(home.contents->place(std::move(*fresh)).ok());
        CHECK((home.get(id)->base() != nullptr) == layered);
        disk.stop_everything();
        home.close();
        disk.lose_power(dice);
        home.open();
        const auto read = try_read(*home.get(id), 20'000, bytes.size());
        REQUIRE_MESSAGE(read.ok(), (read ? "" : read.error().message));
        CHECK(*read == bytes);
        Bytes all = base.bytes();
        std::copy(bytes.begin(), bytes.end(), all.begin() + 20'000);
        CHECK((!whole || holds(*home.get(id), all)));
        home.close();
    }
}
