#pragma once
// A folder of its own for one test, gone when the test is over.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "engine/core/assert.hpp"

namespace swarmfs::test {

enum class Medium {
    disk,    // where temporary files go
    memory,  // where syncs cost nothing, if the machine has such a place
};

class ScratchFolder {
public:
    explicit ScratchFolder(Medium medium = Medium::disk) {
        const std::filesystem::path memory = "/dev/shm";
        std::error_code ignored;
        const bool in_memory =
            medium == Medium::memory && std::filesystem::is_directory(memory, ignored);
        const auto parent = in_memory ? memory : std::filesystem::temp_directory_path();
        std::string pattern = (parent / "swarmfs-XXXXXX").string();
        SWARM_ASSERT(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace swarmfs::test
