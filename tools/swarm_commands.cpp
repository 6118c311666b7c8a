#include <qrencode.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "engine/core/bytes.hpp"
#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

constexpr const char* kDefaultTracker = "http://localhost:8080";

// Reads a secret: from SWARMFS_PASSWORD, else a prompt that does not echo, else standard input.
Result<std::string> read_password() {
    if (const char* given = std::getenv("SWARMFS_PASSWORD")) {
        return std::string(given);
    }
    const bool terminal = ::isatty(STDIN_FILENO) != 0;
    termios before{};
    if (terminal) {
        std::fputs("Password: ", stderr);
        ::tcgetattr(STDIN_FILENO, &before);
        termios silent = before;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    std::string password;
    std::getline(std::cin, password);
    if (terminal) {
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        std::fputs("\n", stderr);
    }
    if (password.empty()) {
        return caller_error(Code::invalid, "the password is empty");
    }
    return password;
}

// "7d", "12h", "30m", "45s".
std::optional<std::uint64_t> parse_duration_s(const std::string& text) {
    std::size_t digits = 0;
    while (digits < text.size() && digits < 9 && text[digits] >= '0' && text[digits] <= '9') {
        ++digits;
    }
    const std::string unit = text.substr(digits);
    const std::uint64_t scale = unit == "d"   ? 86'400
                                : unit == "h" ? 3'600
                                : unit == "m" ? 60
                                : unit == "s" ? 1
                                              : 0;
    if (digits == 0 || scale == 0 || std::stoull(text) == 0) {
        return std::nullopt;
    }
    return std::stoull(text.substr(0, digits)) * scale;
}

// What the command line's reader shows, with exit code 64; nothing when all is well.
std::string complaint_about_duration(const std::string& text) {
    return parse_duration_s(text) ? ""
                                  : "\"" + text + "\" is no duration; write 7d, 12h, 30m or 45s";
}

// Two rows of the code in one line of half blocks; dark modules are drawn as spaces, so that it can
// be scanned from a dark terminal, and framed by the quiet zone scanners need.
Result<> print_qr(const std::string& text) {
    QRcode* code = QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_L);
    if (code == nullptr) {
        return caller_error(Code::too_large, "the invite is too long for a QR code");
    }
    const int width = code->width;
    const auto light = [&](int x, int y) {
        const bool inside = x >= 0 && y >= 0 && x < width && y < width;
        return !inside || (code->data[y * width + x] & 1) == 0;
    };
    constexpr int kQuiet = 2;
    for (int y = -kQuiet; y < width + kQuiet; y += 2) {
        std::string line;
        for (int x = -kQuiet; x < width + kQuiet; ++x) {
            const bool upper = light(x, y);
            const bool lower = light(x, y + 1);
            line += upper && lower ? "█" : upper ? "▀" : lower ? "▄" : " ";
        }
        std::fprintf(stderr, "%s\n", line.c_str());
    }
    QRcode_free(code);
    return done();
}

std::string base64(const std::string& text) {
    std::string encoded = to_base64url(swarmfs::as_bytes(text));
    for (char& c : encoded) {
        c = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    return encoded + std::string((4 - encoded.size() % 4) % 4, '=');
}

// OSC 52 asks the terminal itself to fill the clipboard: no helper program, works over ssh.
void copy_to_clipboard(const std::string& text) {
    std::fprintf(stderr, "\033]52;c;%s\a", base64(text).c_str());
    std::fputs("The invite is on the clipboard, if your terminal allows it.\n", stderr);
}

struct CreateOptions {
    std::string name;
    std::vector<std::string> trackers;
    std::string description;
};

Result<> run_create(NodeClient& node, const Context& context, const CreateOptions& options) {
    std::vector<std::string> trackers = options.trackers;
    if (trackers.empty()) {
        trackers = {kDefaultTracker};
    } else if (trackers == std::vector<std::string>{"none"}) {
        trackers.clear();
    } else if (std::find(trackers.begin(), trackers.end(), "none") != trackers.end()) {
        return usage_error("--tracker none and other trackers exclude each other");
    }
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const json made, node.call("create", {{"name", options.name},
                                                    {"trackers", trackers},
                                                    {"description", options.description}}));
    if (context.json) {
        print_json(made);
        return done();
    }
    const std::string name = made.at("name").get<std::string>();
    std::fprintf(stderr,
                 "Swarm \"%s\" is made. Mount it with `swarmfs mount %s DIR`.\n"
                 "Whoever has this invite can read and write in it for 7 days from now (others: "
                 "swarmfs invite):\n",
                 name.c_str(), name.c_str());
    std::printf("%s\n", made.at("invite").get<std::string>().c_str());
    return done();
}

struct InviteOptions {
    std::vector<std::string> words;
    bool read_only = false;
    std::string expires = "7d";
    bool password = false;
    bool qr = false;
    bool copy = false;
};

Result<> run_invite(NodeClient& node, const Context& context, InviteOptions options) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, options.words, 0, 0));
    if (!options.words.empty()) {
        return usage_error("invite takes one NAME");
    }
    json params = {{"name", name},
                   {"role", options.read_only ? "read" : "write"},
                   {"expires_s", parse_duration_s(options.expires).value_or(0)}};
    if (options.password) {
        SWARM_TRY(params["password"], read_password());
    }
    SWARM_TRY(const json made, node.call("invite", params));
    const std::string invite = made.at("invite").get<std::string>();
    if (options.qr) {
        SWARM_CHECK(print_qr(invite));
    }
    if (options.copy) {
        copy_to_clipboard(invite);
    }
    if (context.json) {
        print_json(made);
    } else {
        std::printf("%s\n", invite.c_str());
    }
    return done();
}

struct JoinOptions {
    std::string invite;
    std::string as;
};

Result<> run_join(NodeClient& node, const Context& context, JoinOptions options) {
    if (options.invite == "-") {
        std::getline(std::cin, options.invite);
    }
    SWARM_CHECK(node.ensure_running());
    json params = {{"invite", options.invite}, {"as", options.as}};
    auto joined = node.call("join", params);
    if (!joined.ok() && joined.error().code == Code::permission &&
        joined.error().message.find("password") != std::string::npos) {
        SWARM_TRY(params["password"], read_password());
        joined = node.call("join", params);
    }
    if (!joined.ok()) {
        return joined.error();
    }
    if (context.json) {
        print_json(*joined);
        return done();
    }
    const std::string name = joined->at("name").get<std::string>();
    std::printf("Joined \"%s\" (%s). Mount it with `swarmfs mount %s DIR`.\n", name.c_str(),
                joined->at("role").get<std::string>().c_str(), name.c_str());
    return done();
}

struct LeaveOptions {
    std::string name;
    bool now = false;
};

Result<> run_leave(NodeClient& node, const Context& context, const LeaveOptions& options) {
    const std::string& name = options.name;
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const json status, node.call("status", json::object()));
    for (const json& swarm : status.at("swarms")) {
        if (swarm.at("name") != name) {
            continue;
        }
        for (const json& directory : swarm.at("mounts")) {
            auto unmounted = node.call("unmount", {{"directory", directory}});
            if (!unmounted.ok()) {
                return unmounted.error();
            }
        }
    }
    json left;
    {
        ProgressLine line;
        SWARM_TRY(left, node.call_for_long("leave", {{"name", name}, {"now", options.now}},
                                           [&](const json& at) {
                                               line.bar(at.value("contents", 0ULL),
                                                        at.value("contents_total", 0ULL),
                                                        "handing over what only this node has");
                                           }));
    }
    if (context.json) {
        print_json(left);
    } else {
        std::printf("Left \"%s\".\n", printable(name).c_str());
    }
    return done();
}

}  // namespace

void add_swarm_commands(CLI::App& app, Context& context) {
    {
        auto* command = app.add_subcommand("create", "Make a swarm; prints an invite to it");
        auto options = std::make_shared<CreateOptions>();
        command->add_option("NAME", options->name, "What to call it: a-z 0-9 . _ -")->required();
        command
            ->add_option("--tracker", options->trackers,
                         "A tracker's URL (default http://localhost:8080), or none")
            ->take_all()
            ->allow_extra_args(false);
        command->add_option("--description", options->description, "For people");
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_create(node, context, *options);
            };
        });
    }
    {
        auto* command = app.add_subcommand("invite", "Print an invite to a swarm");
        auto options = std::make_shared<InviteOptions>();
        command->add_option("NAME", options->words, "The swarm")->expected(0, 1);
        command->add_flag("--read-only", options->read_only, "The guest may read, not write");
        command->add_option("--expires", options->expires, "How long it is good for (7d)")
            ->check(complaint_about_duration);
        command->add_flag("--password", options->password, "Ask for a password to seal it with");
        command->add_flag("--qr", options->qr, "Draw it as a QR code, too");
        command->add_flag("--copy", options->copy, "Put it on the terminal's clipboard, too");
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_invite(node, context, *options);
            };
        });
    }
    {
        auto* command = app.add_subcommand("join", "Become a member of a swarm");
        auto options = std::make_shared<JoinOptions>();
        command->add_option("INVITE", options->invite, "The invite; - reads it from standard input")
            ->required();
        command->add_option("--as", options->as, "A name of your own for the swarm");
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_join(node, context, *options);
            };
        });
    }
    {
        auto* command = app.add_subcommand("leave", "Leave a swarm; what it stored here goes");
        auto options = std::make_shared<LeaveOptions>();
        // Never guessed, not even while one swarm is joined: what is left cannot be taken back.
        command->add_option("NAME", options->name, "The swarm")->required();
        command->add_flag("--now", options->now,
                          "Without handing over what only this node has: it is lost");
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_leave(node, context, *options);
            };
        });
    }
}

}  // namespace swarmfs::tools
