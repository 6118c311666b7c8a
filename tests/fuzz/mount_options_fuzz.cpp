// fuzz: uses core, compiles fs/mount_options.cpp
//
// Mount options come from whoever may mount, by way of fstab and the control socket. What is taken
// lies within its bounds; what is refused is the caller's fault, in one line that a terminal can
// show.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "fs/mount_options.hpp"
#include "tests/fuzz/must.hpp"

using swarmfs::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    using namespace swarmfs;
    const auto given = nlohmann::json::parse(data, data + length, nullptr, false);
    if (given.is_discarded()) {
        return 0;
    }
    const auto options = fs::parse_mount_options(given, {});
    if (!options.ok()) {
        const std::string& message = options.error().message;
        must(options.error().whose == Whose::caller && !message.empty());
        must(std::none_of(message.begin(), message.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        }));
        return 0;
    }
    must(options->files.umask <= 0777);
    must(options->files.read_timeout >= Duration::zero());
    must(given.is_null() || given.is_object());
    return 0;
}
