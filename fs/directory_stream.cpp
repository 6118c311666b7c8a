#include "fs/directory_stream.hpp"

namespace swarmfs::fs {

Result<> DirectoryStream::read(node::Volume& volume, const NamePositions& positions,
                               std::uint64_t position, std::size_t expected, const Take& take) {
    SWARM_TRY(std::string after, name_before(volume, positions, position));
    last_reply_.clear();
    last_reply_.emplace(position, after);
    for (;;) {
        SWARM_TRY(const std::vector<node::DirectoryEntry> page,
                  volume.list(directory_, after, expected));
        for (const node::DirectoryEntry& entry : page) {
            const std::uint64_t next = positions.after(entry.name);
            if (!take(entry, next)) {
                return done();
            }
            last_reply_.emplace(next, entry.name);
        }
        if (page.size() < expected) {
            return done();
        }
        after = page.back().name;
    }
}

Result<std::string> DirectoryStream::name_before(node::Volume& volume,
                                                 const NamePositions& positions,
                                                 std::uint64_t position) const {
    if (position == NamePositions::kFirstName) {
        return std::string();
    }
    if (const auto found = last_reply_.find(position); found != last_reply_.end()) {
        return found->second;
    }
    if (auto name = positions.removed_name(directory_, position)) {
        return *std::move(name);
    }
    // Rare: the kernel gave up a listing it kept, halfway through; or a program seeks far back.
    constexpr std::size_t kPage = 4096;
    std::string after;
    for (;;) {
        SWARM_TRY(std::vector<node::DirectoryEntry> page, volume.list(directory_, after, kPage));
        for (node::DirectoryEntry& entry : page) {
            if (positions.after(entry.name) == position) {
                return std::move(entry.name);
            }
        }
        if (page.size() < kPage) {
            return caller_error(Code::invalid, "a position that follows no name here");
        }
        after = std::move(page.back().name);
    }
}

}  // namespace swarmfs::fs
