#include "engine/core/home_error.hpp"

#include <filesystem>

namespace swarmfs {
namespace {

bool leads_nowhere(const std::string& path) {
    std::error_code failed;
    return std::filesystem::is_symlink(path, failed) && !std::filesystem::exists(path, failed);
}

}  // namespace

Error home_error(const std::string& home, int error_number, const std::string& part) {
    const std::string what =
        "the home " + home + " cannot be used" + (part.empty() ? "" : ": " + part);
    Error error = disk_error_from_errno(error_number, what);
    if (leads_nowhere(home)) {
        error.code = Code::configuration;
        error.message = what + ": it is a symbolic link that leads nowhere";
    }
    // What stands in the way is no directory, whatever the call that met it makes of that.
    if (error.code == Code::not_directory || error.code == Code::exists ||
        error.code == Code::not_found || error.code == Code::name_too_long) {
        error.code = Code::configuration;
    }
    error.message += "; name another with --home DIR or SWARMFS_HOME";
    return error;
}

}  // namespace swarmfs
