// What a node is told is understood or refused; nothing wrong passes silently.
#include "engine/node/settings.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.hpp"

namespace swarmfs::node {
namespace {

// A variable of the environment, while this lives.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* const name_;
};

Result<Settings> loaded(const test::TemporaryDirectory& home, const std::string& file = "") {
    std::ofstream(home.file("swarmfs.toml")) << file;
    SettingsOverrides overrides;
    overrides.home = home.path();
    return load_settings(overrides);
}

void refused(const Result<Settings>& settings, const std::string& where, const std::string& what) {
    REQUIRE(!settings.ok());
    CHECK(settings.error().code == Code::configuration);
    CHECK_MESSAGE(settings.error().message.find(where) != std::string::npos,
                  settings.error().message);
    CHECK_MESSAGE(settings.error().message.find(what) != std::string::npos,
                  settings.error().message);
}

}  // namespace

TEST_CASE("every key is read from the file, and the environment goes before it") {
    const test::TemporaryDirectory home;
    std::ofstream(home.file("key")) << "secret\nmore\n";
    const std::string file =
        "listen = \"127.0.0.1:1\"\nbootstrap = [\"a:1\", \"[::1]:2\"]\nread_timeout = 7\n"
        "peers = 40\n"
        "replicate = false\nreplicate_min_free = \"3 MiB\"\nreplicate_grace = 9\n"
        "log_level = \"debug\"\napi_key_file = \"" +
        home.file("key") + "\"\n[cache]\nmax_bytes = \"20 GiB\"\nmin_free = \"5 %\"\n";
    const auto settings = loaded(home, file);
    REQUIRE(settings.ok());
    CHECK(settings->listen == "127.0.0.1:1");
    CHECK(settings->bootstrap == std::vector<std::string>{"a:1", "[::1]:2"});
    CHECK(settings->read_timeout_ms == 7000);
    CHECK(settings->peers_max == 40);
    CHECK(!settings->replicate);
    CHECK(settings->replicate_min_free == MinFree{3 << 20, 0});
    CHECK(settings->replicate_grace == std::chrono::seconds(9));
    CHECK(settings->cache == CacheLimits{20ULL << 30, MinFree{0, 5}});
    CHECK(settings->log_level == "debug");
    CHECK(settings->api_key == "secret");
    const Variable level("SWARMFS_LOG_LEVEL", "error");
    const Variable peers("SWARMFS_BOOTSTRAP", "b:3,,c:4");
    CHECK(loaded(home, file)->log_level == "error");
    CHECK(loaded(home, file)->bootstrap == std::vector<std::string>{"b:3", "c:4"});
}

TEST_CASE("a value that cannot be meant is named with its file and line") {
    const test::TemporaryDirectory home;
    const std::string line_2 = home.file("swarmfs.toml") + ", line 2";
    for (const char* const wrong :
         {"log_level = \"loud\"", "log_level = \"off\"", "log_level = 3", "bootstrap = [\"foo\"]",
          "bootstrap = [\"foo:0\"]", "bootstrap = [\"::1:80\"]", "bootstrap = \"foo:1\"",
          "read_timeout = -1", "read_timeout = true", "peers = 1", "peers = 1001",
          "peers = \"many\"", "lisen = \"[::]:1\"", "listen = 1", "cache.max_bytes = \"1 MiB\"",
          "cache.max_bytes = 5", "cache.min_free = \"a lot\"", "cache.colour = \"red\""}) {
        CAPTURE(wrong);
        const std::string key(wrong, std::string(wrong).find(' '));
        refused(loaded(home, std::string("\n") + wrong + "\n"), line_2, key);
    }
    refused(loaded(home, "\nlog_level =\n"), line_2, "");
    refused(loaded(home, "api_key_file = \"" + home.file("no such") + "\"\n"), "api_key_file",
            home.file("no such"));
}

TEST_CASE("a value in the environment that cannot be meant is named with its variable") {
    const test::TemporaryDirectory home;
    {
        const Variable level("SWARMFS_LOG_LEVEL", "loud");
        refused(loaded(home), "SWARMFS_LOG_LEVEL", "\"loud\"");
    }
    const Variable peers("SWARMFS_BOOTSTRAP", "a:1,foo");
    refused(loaded(home), "SWARMFS_BOOTSTRAP", "\"foo\"");
}

TEST_CASE("a settings file that is no file is refused, none at all is fine") {
    const test::TemporaryDirectory home;
    SettingsOverrides overrides;
    overrides.home = home.path();
    CHECK(load_settings(overrides).ok());
    std::filesystem::create_directory(home.file("swarmfs.toml"));
    refused(load_settings(overrides), home.file("swarmfs.toml"), "no file");
}

}  // namespace swarmfs::node
