#include "tracker/settings.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/temporary_directory.hpp"

using namespace swarmfs;
using namespace swarmfs::tracker;

namespace {

struct Environment {
    Environment(const char* name_in, const char* value) : name(name_in) {
        ::setenv(name, value, 1);
    }
    ~Environment() { ::unsetenv(name); }
    const char* name;
};

std::string written(const test::TemporaryDirectory& folder, const std::string& text) {
    const std::string file = folder.file("tracker.toml");
    std::ofstream(file) << text;
    return file;
}

}  // namespace

TEST_CASE("a flag goes before the environment, that before the file, that before the default") {
    const test::TemporaryDirectory folder;
    const std::string file =
        written(folder, "listen = \"127.0.0.1:1\"\ndata = \"/file\"\nthreads = 3\n");
    SettingsOverrides overrides;
    overrides.config = file;
    CHECK(load_settings({})->listen == "[::]:8080");
    CHECK(load_settings(overrides)->listen == "127.0.0.1:1");
    CHECK(load_settings(overrides)->threads == 3);
    {
        const Environment listen("SWARMFS_TRACKER_LISTEN", "127.0.0.1:2");
        const Environment threads("SWARMFS_TRACKER_THREADS", "5");
        CHECK(load_settings(overrides)->listen == "127.0.0.1:2");
        CHECK(load_settings(overrides)->threads == 5);
        CHECK(load_settings(overrides)->data == "/file");
        overrides.listen = "127.0.0.1:3";
        CHECK(load_settings(overrides)->listen == "127.0.0.1:3");
    }
    const Environment config("SWARMFS_TRACKER_CONFIG", file.c_str());
    CHECK(load_settings({})->threads == 3);
}

TEST_CASE("a setting that is wrong is named, with its place") {
    const test::TemporaryDirectory folder;
    SettingsOverrides overrides;
    const auto message_of = [&](const std::string& text) {
        overrides.config = written(folder, text);
        const auto settings = load_settings(overrides);
        REQUIRE(!settings.ok());
        CHECK(settings.error().code == Code::configuration);
        CHECK(settings.error().message.find("tracker.toml, line ") != std::string::npos);
        return settings.error().message;
    };
    CHECK(message_of("\nlissen = 1\n").find("line 2: unknown key \"lissen\"; known: listen") !=
          std::string::npos);
    CHECK(message_of("threads = 0").find("threads must be a number") != std::string::npos);
    CHECK(message_of("threads = \"two\"").find("threads must be") != std::string::npos);
    CHECK(message_of("listen = 8080").find("listen must be a string") != std::string::npos);
    (void)message_of("listen = ");
    overrides.config = "/nowhere/tracker.toml";
    CHECK(load_settings(overrides).error().code == Code::configuration);
    const Environment threads("SWARMFS_TRACKER_THREADS", "many");
    CHECK(load_settings({}).error().message.find("SWARMFS_TRACKER_THREADS") != std::string::npos);
}
