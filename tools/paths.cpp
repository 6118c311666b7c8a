#include "tools/paths.hpp"

#include <filesystem>

namespace swarmfs::tools {
namespace {

std::string without_slashes_behind(std::string path) {
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    return path;
}

}  // namespace

Result<std::string> absolute_path(const std::string& path) {
    if (path.empty()) {
        return caller_error(Code::invalid, "an empty path names nothing; `.` is this directory");
    }
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path, failed);
    if (failed) {
        return caller_error(Code::not_found,
                            "\"" + path + "\" cannot be found from the current directory (" +
                                failed.message() + "); cd to another one, or write the whole path");
    }
    return without_slashes_behind(absolute.lexically_normal().string());
}

std::string last_name(const std::string& path) {
    return std::filesystem::path(without_slashes_behind(path)).filename().string();
}

}  // namespace swarmfs::tools
