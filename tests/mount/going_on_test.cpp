// A mount that outlives what served it: another table goes on with its descriptor.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include <doctest/doctest.h>

#include "tests/mount/mounted.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using namespace std::chrono_literals;

namespace {

// Runs of one node, one after the other, over one volume.
struct Runs {
    ~Runs() { table->stop(); }

    Result<std::shared_ptr<node::Volume>> volume_of(const std::string& name) const {
        if (name != "photos") {
            return caller_error(Code::not_found, "no such swarm");
        }
        return std::static_pointer_cast<node::Volume>(volume);
    }
    void next_run(std::vector<node::KeptDescriptor> kept) {
        table = std::make_unique<fs::MountTable>(home.path(), fs::MountOptions{}, clock, dice);
        const auto find = [this](const std::string& name) { return volume_of(name); };
        table->expect(kept, find);
        table->go_on(std::move(kept), find);
    }
    std::string note() const {
        for (const auto& entry : std::filesystem::directory_iterator(home.path() + "/mounts")) {
            return entry.path().string();
        }
        return "";
    }

    TemporaryDirectory home;
    TemporaryDirectory directory;
    SystemClock clock;
    SeededDice dice{1};
    std::shared_ptr<FakeVolume> volume = std::make_shared<FakeVolume>();
    std::unique_ptr<fs::MountTable> table =
        std::make_unique<fs::MountTable>(home.path(), fs::MountOptions{}, clock, dice);
};

}  // namespace

TEST_CASE("what is open goes on in the next run, and so does what waits") {
    Runs at;
    at.volume->remote_write("a.txt", "0123456789");
    at.volume->remote_write("b.txt", "later");
    REQUIRE(at.table->mount(at.volume, at.directory.path(), {}).ok());
    const int reader = ::open(at.directory.file("a.txt").c_str(), O_RDONLY);
    const int writer = ::open(at.directory.file("new").c_str(), O_RDWR | O_CREAT, 0600);
    REQUIRE(::write(writer, "before ", 7) == 7);
    at.volume->hold_reads(true);
    auto waits =
        std::async(std::launch::async, [&] { return read_file(at.directory.file("b.txt")); });
    REQUIRE(at.volume->wait_for_held(1));

    const std::size_t cancelled = at.volume->cancelled();
    at.next_run(at.table->pause());
    CHECK(at.volume->cancelled() == cancelled + 1);  // its answer was for nobody
    REQUIRE(at.volume->wait_for_held(1));            // asked again
    at.volume->hold_reads(false);
    at.volume->answer_held();
    CHECK(waits.get() == "later");
    char got[4] = {};
    CHECK(::pread(reader, got, 4, 3) == 4);
    CHECK(std::string(got, 4) == "3456");
    CHECK(::write(writer, "after", 5) == 5);
    struct stat status {};
    CHECK(::fstat(writer, &status) == 0);
    CHECK(status.st_size == 12);
    ::close(reader);
    ::close(writer);
    CHECK(at.volume->content("new") == "before after");
    CHECK(at.table->list().size() == 1);
    // And what is new is told, since the kernel may hold anything.
    at.volume->remote_write("a.txt", "another");
    CHECK(at.table->wait_until_told(10s));
    CHECK(read_file(at.directory.file("a.txt")) == "another");
    CHECK(at.table->unmount(at.directory.path(), fs::Detach::when_unused).ok());
    CHECK(at.note().empty());
}

TEST_CASE("names the kernel keeps from an earlier run are dropped, known or not") {
    Runs at;
    at.volume->remote_write("folder/a.txt", "one");
    REQUIRE(at.table->mount(at.volume, at.directory.path(), {}).ok());
    CHECK(read_file(at.directory.file("folder/a.txt")) == "one");
    CHECK_FALSE(read_file(at.directory.file("folder/absent")));
    auto kept = at.table->pause();
    // Nobody is there to tell the kernel.
    at.volume->remote_remove("folder/a.txt");
    at.volume->remote_write("folder/absent", "here");
    at.next_run(std::move(kept));
    CHECK(at.table->wait_until_told(10s));
    CHECK_FALSE(read_file(at.directory.file("folder/a.txt")));
    CHECK(read_file(at.directory.file("folder/absent")) == "here");
}

TEST_CASE("a mount that cannot go on ends, and its directory is free") {
    Runs at;
    at.volume->remote_write("a.txt", "one");
    REQUIRE(at.table->mount(at.volume, at.directory.path(), {}).ok());
    auto kept = at.table->pause();
    REQUIRE(kept.size() == 1);
    SUBCASE("nobody kept its descriptor") {
        ::close(kept[0].descriptor);
        kept.clear();
    }
    SUBCASE("its swarm was left") {
        std::string text = *read_file(at.note());
        text.replace(text.find("photos"), 6, "others");
        REQUIRE(write_file(at.note(), text));
    }
    SUBCASE("the kernel was answered otherwise") {
        std::string text = *read_file(at.note());
        const auto answer = text.find("init_answer");
        text[answer + 60] = text[answer + 60] == '0' ? '1' : '0';
        REQUIRE(write_file(at.note(), text));
    }
    SUBCASE("its note is damaged") {
        REQUIRE(write_file(at.note(), "{"));
        const auto mounted = find_mount(at.directory.path());
        REQUIRE(mounted);
        at.next_run(
            std::move(kept));  // it cannot tell where that was: the next mount there clears it
        CHECK(at.table->list().empty());
        CHECK(at.table->mount(at.volume, at.directory.path(), {}).ok());
        CHECK(read_file(at.directory.file("a.txt")) == "one");
        return;
    }
    at.next_run(std::move(kept));
    CHECK(at.table->list().empty());
    CHECK_FALSE(find_mount(at.directory.path()));
    CHECK(at.note().empty());
    CHECK(at.table->mount(at.volume, at.directory.path(), {}).ok());
    CHECK(read_file(at.directory.file("a.txt")) == "one");
}

TEST_CASE("a mount that was unmounted while nobody served it is not gone on with") {
    Runs at;
    REQUIRE(at.table->mount(at.volume, at.directory.path(), {}).ok());
    auto kept = at.table->pause();
    REQUIRE(shell("umount -l " + quoted(at.directory.path())).code == 0);
    at.next_run(std::move(kept));
    CHECK(at.table->list().empty());
    CHECK(at.note().empty());
}
