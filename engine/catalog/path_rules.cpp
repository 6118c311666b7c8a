#include "engine/catalog/path_rules.hpp"

#include "engine/core/log.hpp"
#include "engine/core/utf8.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::catalog {
namespace {

// Everything but the encoding, which is asked once for a whole path.
Result<> check_part(std::string_view name) {
    if (name.empty()) {
        return caller_error(Code::invalid, "a name is empty");
    }
    if (name == "." || name == "..") {
        return caller_error(Code::invalid, "a name is '.' or '..'");
    }
    if (name.size() > kNameBytesMax) {
        return caller_error(Code::name_too_long, "a name is longer than 255 bytes");
    }
    if (name.find('\0') != std::string_view::npos) {
        return caller_error(Code::invalid, "a name contains a NUL");
    }
    return done();
}

}  // namespace

Result<> check_name(std::string_view name) {
    SWARM_CHECK(check_part(name));
    if (name.find('/') != std::string_view::npos) {
        return caller_error(Code::invalid, "a name contains a '/'");
    }
    if (!is_utf8(name)) {
        return caller_error(Code::invalid, "the name " + printable(name) + " is not UTF-8");
    }
    return done();
}

Result<> check_path(std::string_view path) {
    if (path.size() > kPathBytesMax) {
        return caller_error(Code::name_too_long, "a path is longer than 4096 bytes");
    }
    if (!is_utf8(path)) {
        return caller_error(Code::invalid, "the path " + printable(path) + " is not UTF-8");
    }
    std::size_t depth = 0;
    for (std::size_t begin = 0; begin <= path.size(); ++depth) {
        if (depth == kPathDepthMax) {
            return caller_error(Code::name_too_long, "a path is deeper than 128 directories");
        }
        const std::size_t end = std::min(path.find('/', begin), path.size());
        SWARM_CHECK(check_part(path.substr(begin, end - begin)));
        begin = end + 1;
    }
    return done();
}

std::string_view parent_path(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view name_of_path(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string join_path(std::string_view directory, std::string_view name) {
    std::string path(directory);
    if (!path.empty()) {
        path += '/';
    }
    path += name;
    return path;
}

bool is_below(std::string_view path, std::string_view directory) {
    if (directory.empty()) {
        return !path.empty();
    }
    return path.size() > directory.size() && path.starts_with(directory) &&
           path[directory.size()] == '/';
}

Hash256 path_hash(std::string_view path) {
    return crypto::sha256(as_bytes(path));
}

}  // namespace swarmfs::catalog
