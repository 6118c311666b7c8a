#include "engine/store/ballast.hpp"

namespace swarmfs::store {
namespace {

// So much more than the ballast has to be free before it is taken: others need the room more.
constexpr std::uint64_t kFreeTimes = 4;

}  // namespace

Result<bool> Ballast::release() {
    const auto there = disk_.status(file_);
    if (!there || there->allocated_bytes == 0) {
        return false;
    }
    SWARM_TRY(const auto file, disk_.open(file_, Open::write));
    SWARM_CHECK(file->truncate(0));
    return true;
}

void Ballast::restore() {
    const auto there = disk_.status(file_);
    if (there && there->allocated_bytes >= bytes_) {
        return;
    }
    const auto free = disk_.free_bytes(file_.parent_path());
    if (!free || *free < kFreeTimes * bytes_) {
        return;
    }
    const auto file = disk_.open(file_, Open::create);
    if (file && !(*file)->allocate(0, bytes_)) {
        [[maybe_unused]] const auto given_back = (*file)->truncate(0);
    }
}

}  // namespace swarmfs::store
