#include "fs/mount_users.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "engine/core/log.hpp"

namespace swarmfs::fs {
namespace {

namespace files = std::filesystem;

constexpr std::size_t kUsersShown = 5;

// What of `directory` this link of /proc points at: "" is the directory itself.
std::optional<std::string> inside(const files::path& link, const std::string& directory) {
    std::error_code failed;
    const std::string target = files::read_symlink(link, failed).string();
    if (failed || target.rfind(directory, 0) != 0) {
        return std::nullopt;
    }
    const std::string rest = target.substr(directory.size());
    if (!rest.empty() && rest.front() != '/') {
        return std::nullopt;
    }
    return rest.empty() ? rest : rest.substr(1);
}

std::optional<std::string> use_of(const files::path& process, const std::string& directory) {
    if (inside(process / "cwd", directory)) {
        return "working directory";
    }
    if (inside(process / "root", directory)) {
        return "root directory";
    }
    if (const auto program = inside(process / "exe", directory)) {
        return "running " + *program;
    }
    std::error_code failed;
    for (files::directory_iterator at(process / "fd", failed), end; !failed && at != end;
         at.increment(failed)) {
        if (const auto file = inside(at->path(), directory)) {
            return file->empty() ? "listing it" : *file;
        }
    }
    return std::nullopt;
}

std::string name_of_process(const files::path& process) {
    std::string name;
    std::ifstream file(process / "comm");
    std::getline(file, name);
    return printable(name);
}

}  // namespace

std::string users_of(const std::string& directory) {
    std::string users;
    std::size_t count = 0;
    std::error_code failed;
    for (files::directory_iterator at("/proc", failed), end; !failed && at != end;
         at.increment(failed)) {
        const std::string pid = at->path().filename().string();
        if (!std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c); })) {
            continue;
        }
        if (const auto use = use_of(at->path(), directory)) {
            if (++count <= kUsersShown) {
                users += (users.empty() ? "" : ", ") + name_of_process(at->path()) + " (pid " +
                         pid + ", " + printable(*use) + ")";
            }
        }
    }
    if (users.empty()) {
        return "a program that cannot be seen from here";
    }
    return count > kUsersShown ? users + " and others" : users;
}

}  // namespace swarmfs::fs
