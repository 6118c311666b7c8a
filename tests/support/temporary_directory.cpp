#include "tests/support/temporary_directory.hpp"

#include <cstdlib>
#include <filesystem>

#include "engine/core/assert.hpp"

namespace swarmfs::test {

TemporaryDirectory::TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "swarmfs-test-XXXXXX").string();
    SWARM_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace swarmfs::test
