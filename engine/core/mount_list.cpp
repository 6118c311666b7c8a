#include "engine/core/mount_list.hpp"

#include <charconv>
#include <fstream>
#include <sstream>

namespace swarmfs {
namespace {

// Blanks, tabs, newlines and backslashes are written as three octal digits.
std::string unescaped(const std::string& field) {
    std::string text;
    for (std::size_t i = 0; i < field.size(); ++i) {
        unsigned byte = 0;
        const char* const digits = field.data() + i + 1;
        if (field[i] == '\\' && i + 3 < field.size() &&
            std::from_chars(digits, digits + 3, byte, 8).ptr == digits + 3) {
            text.push_back(static_cast<char>(byte));
            i += 3;
        } else {
            text.push_back(field[i]);
        }
    }
    return text;
}

// /proc/self/mountinfo, proc(5):
//   36 35 98:0 /root /mount/point rw,noatime [tag:value ...] - type source super-options
std::optional<MountedDirectory> parse_line(const std::string& line) {
    std::istringstream fields(line);
    std::string id;
    std::string parent;
    std::string device;
    std::string root;
    std::string directory;
    fields >> id >> parent >> device >> root >> directory;
    for (std::string tag; fields >> tag && tag != "-";) {
    }
    MountedDirectory mount;
    std::string source;
    if (!(fields >> mount.type >> source)) {
        return std::nullopt;
    }
    const char* const end = device.data() + device.size();
    const auto major = std::from_chars(device.data(), end, mount.major);
    if (major.ec != std::errc() || major.ptr == end || *major.ptr != ':' ||
        std::from_chars(major.ptr + 1, end, mount.minor).ptr != end) {
        return std::nullopt;
    }
    fields >> mount.options;
    mount.directory = unescaped(directory);
    mount.source = unescaped(source);
    return mount;
}

}  // namespace

std::vector<MountedDirectory> parse_mount_list(const std::string& text) {
    std::vector<MountedDirectory> mounts;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (auto mount = parse_line(line)) {
            mounts.push_back(*std::move(mount));
        }
    }
    return mounts;
}

std::optional<MountedDirectory> find_mount(const std::string& directory) {
    std::ifstream file("/proc/self/mountinfo");
    std::ostringstream text;
    text << file.rdbuf();
    std::optional<MountedDirectory> found;
    for (MountedDirectory& mount : parse_mount_list(text.str())) {
        if (mount.directory == directory) {
            found = std::move(mount);
        }
    }
    return found;
}

}  // namespace swarmfs
