#include "fs/notifier.hpp"

#include <algorithm>
#include <atomic>

#include <doctest/doctest.h>

#include "fs/file_system.hpp"
#include "tests/support/fake_volume.hpp"

using namespace swarmfs;
using namespace swarmfs::fs;
using namespace std::chrono_literals;
using node::kRootInode;
using test::FakeVolume;

namespace {

// A kernel that writes down what it is told.
class FakeKernel final : public KernelCache {
public:
    Told drop_name(node::Inode parent, std::string_view name) override {
        return note("drop " + std::to_string(parent) + "/" + std::string(name));
    }
    Told expire_name(node::Inode parent, std::string_view name) override {
        const Told told = note("expire " + std::to_string(parent) + "/" + std::string(name));
        return can_expire ? told : Told::unsupported;
    }
    Told drop_attributes(node::Inode inode) override {
        note("attributes " + std::to_string(inode));
        return unknown_times-- > 0 ? Told::unknown : Told::done;
    }
    Told drop_listing(node::Inode directory) override {
        return note("listing " + std::to_string(directory));
    }
    Told drop_all_names() override {
        note("everything");
        return has_epochs ? Told::done : Told::unsupported;
    }
    std::size_t count(const std::string& line) const {
        const std::scoped_lock lock(mutex);
        return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
    }

    mutable std::mutex mutex;
    std::vector<std::string> lines;  // guarded by mutex
    bool can_expire = true;
    bool has_epochs = true;
    std::atomic<int> unknown_times = 0;

private:
    Told note(std::string line) {
        const std::scoped_lock lock(mutex);
        lines.push_back(std::move(line));
        return Told::done;
    }
};

class NoPages final : public KernelPages {
public:
    bool put(node::Inode, ByteSpan) override { return false; }
};

struct Fixture {
    std::shared_ptr<FakeVolume> volume = std::make_shared<FakeVolume>();
    ManualClock clock;
    FakeKernel kernel;
    Notifier notifier{kernel};
    NoPages pages;
    FileSystem files{volume, {}, clock, notifier, pages};

    node::Inode look_up(const std::string& name) {
        return files.lookup(kRootInode, name)->status->attributes.inode;
    }
    bool told() { return notifier.wait_until_told(10s); }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("files' names are dropped, directories' only expired") {
    Fixture at;
    at.notifier.start(at.files);
    at.volume->remote_write("file", "x");
    at.volume->remote_directory("directory");
    CHECK(at.told());
    CHECK(at.kernel.lines == Lines{"drop 1/file", "listing 1", "expire 1/directory", "listing 1"});
}

TEST_CASE("a library that cannot expire drops directories, too") {
    Fixture at;
    at.kernel.can_expire = false;
    at.notifier.start(at.files);
    at.volume->remote_directory("directory");
    CHECK(at.told());
    CHECK(at.kernel.lines == Lines{"expire 1/directory", "drop 1/directory", "listing 1"});
}

TEST_CASE("an inode whose answer is still on its way is told again until it is known") {
    Fixture at;
    at.volume->remote_write("file", "x");
    const node::Inode inode = at.look_up("file");
    at.kernel.unknown_times = 3;
    at.notifier.start(at.files);
    at.volume->remote_mode("file", 0600);
    CHECK(at.told());
    CHECK(at.kernel.count("attributes " + std::to_string(inode)) == 4);
}

TEST_CASE("an inode the kernel has forgotten is told once") {
    Fixture at;
    at.volume->remote_write("file", "x");
    const node::Inode inode = at.look_up("file");
    at.kernel.unknown_times = 1'000'000;
    at.volume->remote_mode("file", 0600);  // waits in the queue
    at.files.forget(inode, 1);
    at.notifier.start(at.files);
    CHECK(at.told());
    CHECK(at.kernel.count("attributes " + std::to_string(inode)) == 1);
}

TEST_CASE("more than the queue holds makes the kernel forget everything") {
    Fixture at;
    at.volume->remote_write("known/file", "x");
    const node::Inode known = at.look_up("known");
    std::vector<std::string> names;
    for (std::size_t i = 0; i <= Notifier::kQueueMax; ++i) {
        names.push_back(std::to_string(i));
    }
    SUBCASE("by an epoch") {
        at.volume->remote_write_many("known", names);
        at.notifier.start(at.files);
        CHECK(at.told());
        CHECK(at.kernel.count("everything") == 1);
        CHECK(at.kernel.count("listing " + std::to_string(known)) == 1);
        CHECK(at.kernel.count("listing 1") == 1);
        CHECK(at.kernel.count("drop 1/known") == 0);
    }
    SUBCASE("or name by name where the kernel has none") {
        at.kernel.has_epochs = false;
        at.volume->remote_write_many("known", names);
        at.notifier.start(at.files);
        CHECK(at.told());
        CHECK(at.kernel.count("expire 1/known") == 1);
        CHECK(at.kernel.count("drop " + std::to_string(known) + "/65536") == 1);
        CHECK(at.kernel.count("listing " + std::to_string(known)) == 1);
    }
}

TEST_CASE("nothing is told after stop") {
    Fixture at;
    at.notifier.start(at.files);
    at.notifier.stop();
    at.volume->remote_write("file", "x");
    CHECK(at.kernel.lines.empty());
}
