#include "engine/node/home.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "engine/node/membership.hpp"
#include "engine/node/settings.hpp"
#include "engine/store/database.hpp"
#include "tests/support/temporary_directory.hpp"

namespace swarmfs::node {
namespace {

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

// Returns: the history this start may continue.
std::uint64_t start_once(const std::string& path, Dice& dice) {
    auto home = Home::open(path, dice);
    REQUIRE(home.ok());
    store::SystemDisk disk;
    auto database = store::Database::open(disk, store::Path((*home)->file("db")));
    REQUIRE(database.ok());
    return (*home)->recognize(**database, dice);
}

void copy_over(const std::string& from, const std::string& to) {
    std::filesystem::copy(from, to,
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
}

}  // namespace

TEST_CASE("a home keeps its key from one start to the next") {
    const test::TemporaryDirectory directory;
    SeededDice dice(1);
    NodeId first;
    {
        auto home = Home::open(directory.file("home"), dice);
        REQUIRE(home.ok());
        first = (*home)->key().public_key();
    }
    auto again = Home::open(directory.file("home"), dice);
    REQUIRE(again.ok());
    CHECK((*again)->key().public_key() == first);
}

TEST_CASE("a home is itself at every start, also after starts that failed, were cut or moved") {
    const test::TemporaryDirectory directory;
    SeededDice dice(1);
    const std::uint64_t first = start_once(directory.file("home"), dice);
    for (int start = 0; start < 5; ++start) {
        CHECK(start_once(directory.file("home"), dice) == first);
        // Found its port taken, or its tables damaged.
        REQUIRE(Home::open(directory.file("home"), dice).ok());
    }
    std::filesystem::rename(directory.file("home"), directory.file("moved"));
    CHECK(start_once(directory.file("moved"), dice) == first);
}

TEST_CASE("a copy of a home is another one, and itself from then on; so is what is put back") {
    const test::TemporaryDirectory directory;
    SeededDice dice(1);
    const std::string home = directory.file("home");
    const std::uint64_t first = start_once(home, dice);
    copy_over(home, directory.file("backup"));
    copy_over(home, directory.file("copy"));

    const std::uint64_t copy = start_once(directory.file("copy"), dice);
    CHECK(copy != first);
    CHECK(start_once(directory.file("copy"), dice) == copy);
    CHECK(start_once(home, dice) == first);

    copy_over(directory.file("backup"), home);  // into the same files
    const std::uint64_t restored = start_once(home, dice);
    CHECK(restored != first);
    CHECK(start_once(home, dice) == restored);

    // The tables alone, while the witness is left as it is.
    for (const auto& file : std::filesystem::directory_iterator(directory.file("backup/db"))) {
        if (file.path().filename() != "witness") {
            std::filesystem::copy(file.path(), home + "/db",
                                  std::filesystem::copy_options::overwrite_existing);
        }
    }
    CHECK(start_once(home, dice) != first);
}

TEST_CASE("a second node on one home leaves with a clear message") {
    const test::TemporaryDirectory directory;
    SeededDice dice(1);
    auto home = Home::open(directory.file("home"), dice);
    REQUIRE(home.ok());
    auto second = Home::open(directory.file("home"), dice);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == Code::try_again);
}

TEST_CASE("a key that others may read, or that is damaged, is refused") {
    const test::TemporaryDirectory directory;
    SeededDice dice(1);
    const std::string key = directory.file("home/node.key");
    REQUIRE(Home::open(directory.file("home"), dice).ok());

    ::chmod(key.c_str(), 0644);
    auto lax = Home::open(directory.file("home"), dice);
    REQUIRE_FALSE(lax.ok());
    CHECK(lax.error().code == Code::configuration);

    ::chmod(key.c_str(), 0600);
    write_file(key, "not a key\n");
    auto damaged = Home::open(directory.file("home"), dice);
    REQUIRE_FALSE(damaged.ok());
    CHECK(damaged.error().code == Code::configuration);
}

TEST_CASE("a membership comes back as it was saved, and a damaged one names its file") {
    const test::TemporaryDirectory directory;
    SeededDice dice(1);
    REQUIRE(Home::open(directory.file("home"), dice).ok());
    Membership m;
    m.name = "docs";
    m.swarm = SwarmId::from_hex(std::string(64, 'a')).value();
    m.grant = {1, 2, 3};
    m.trackers = {"http://localhost:8080"};
    m.owner = crypto::Seed::from_hex(std::string(64, 'b')).value();
    m.shares = {{"/srv/docs", "", {"manual"}}};
    REQUIRE(save_membership(directory.file("home"), m).ok());

    auto loaded = load_memberships(directory.file("home"));
    REQUIRE(loaded.ok());
    REQUIRE(loaded->size() == 1);
    CHECK(loaded->at(0).name == "docs");
    CHECK(loaded->at(0).grant == m.grant);
    CHECK(loaded->at(0).owner == m.owner);
    CHECK(loaded->at(0).shares.at(0).tags == m.shares.at(0).tags);

    write_file(directory.file("home/swarms/" + m.swarm.hex() + ".json"), "{\"version\": 1}");
    auto damaged = load_memberships(directory.file("home"));
    REQUIRE_FALSE(damaged.ok());
    CHECK(damaged.error().message.find(m.swarm.hex()) != std::string::npos);
}

TEST_CASE("swarm names are safe as names of directories and units") {
    CHECK(check_swarm_name("docs-2.x_y").ok());
    for (const char* bad : {"", ".hidden", "-rf", "a/b", "Upper", "sp ace", "ü"}) {
        CHECK_FALSE(check_swarm_name(bad).ok());
    }
    CHECK_FALSE(check_swarm_name(std::string(65, 'a')).ok());
}

TEST_CASE("an unknown key in swarmfs.toml is an error that names the key and the line") {
    const test::TemporaryDirectory directory;
    write_file(directory.file("swarmfs.toml"), "listen = \"127.0.0.1:7000\"\nlisen = \"x\"\n");
    SettingsOverrides overrides;
    overrides.home = directory.path();
    auto settings = load_settings(overrides);
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().code == Code::configuration);
    CHECK(settings.error().message.find("lisen") != std::string::npos);
    CHECK(settings.error().message.find("line 2") != std::string::npos);
}

TEST_CASE("a flag outranks the file") {
    const test::TemporaryDirectory directory;
    write_file(directory.file("swarmfs.toml"), "listen = \"127.0.0.1:7000\"\nread_timeout = 5\n");
    SettingsOverrides overrides;
    overrides.home = directory.path();
    overrides.port = 0;
    auto settings = load_settings(overrides);
    REQUIRE(settings.ok());
    CHECK(settings->listen == "127.0.0.1:0");
    CHECK(settings->read_timeout_ms == 5000);
}

}  // namespace swarmfs::node
