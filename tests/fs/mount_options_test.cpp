#include "fs/mount_options.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace swarmfs;
using namespace swarmfs::fs;
using nlohmann::json;
using namespace std::chrono_literals;

TEST_CASE("mount options say who owns, who sees and how long a read waits") {
    const auto options = parse_mount_options(json{{"ro", true},
                                                  {"allow_other", true},
                                                  {"uid", "1000"},
                                                  {"gid", "100"},
                                                  {"umask", "027"},
                                                  {"read_timeout", "2m"},
                                                  {"nonempty", true}},
                                             {});
    REQUIRE(options.ok());
    CHECK(options->read_only);
    CHECK(options->allow_other);
    CHECK(options->nonempty);
    CHECK(options->files.uid == 1000);
    CHECK(options->files.gid == 100);
    CHECK(options->files.umask == 027);
    CHECK(options->files.read_timeout == 2min);
}

TEST_CASE("times are seconds unless a unit says otherwise") {
    const auto time = [](const char* text) {
        return parse_mount_options(json{{"read_timeout", text}}, {})->files.read_timeout;
    };
    CHECK(time("45") == 45s);
    CHECK(time("45s") == 45s);
    CHECK(time("250ms") == 250ms);
    CHECK(time("1h") == 1h);
    CHECK(time("0") == 0s);
}

TEST_CASE("what is not said is as it was") {
    MountOptions defaults;
    defaults.files.uid = 7;
    defaults.files.read_timeout = 5s;
    const auto options = parse_mount_options(json::object(), defaults);
    CHECK(options->files.uid == 7);
    CHECK(options->files.read_timeout == 5s);
    CHECK_FALSE(options->read_only);
}

TEST_CASE("words of mount(8) and fstab are let through") {
    CHECK(parse_mount_options(json{{"defaults", true},
                                   {"_netdev", true},
                                   {"noauto", true},
                                   {"user", "alice"},
                                   {"x-systemd.automount", true},
                                   {"x-systemd.idle-timeout", "60"},
                                   {"default_permissions", true},
                                   {"rw", true}},
                              {})
              .ok());
}

TEST_CASE("an option that is unknown or wrong is an error that names it") {
    const json bad[] = {{{"read-only", true}}, {{"uid", true}},          {{"uid", "me"}},
                        {{"uid", "-1"}},       {{"uid", "4294967295"}},  {{"umask", "08"}},
                        {{"umask", "1777"}},   {{"read_timeout", ""}},   {{"read_timeout", "5d"}},
                        {{"ro", "yes"}},       {{"read_timeout", "ms"}}, {{"gid", 5}}};
    for (const json& options : bad) {
        const auto parsed = parse_mount_options(options, {});
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().code == Code::invalid);
        const std::string name = options.begin().key();
        CHECK(parsed.error().message.find(name) != std::string::npos);
    }
    CHECK_FALSE(parse_mount_options(json::array(), {}).ok());
}
