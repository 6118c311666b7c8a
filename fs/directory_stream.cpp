#include "fs/directory_stream.hpp"

#include <algorithm>

namespace swarmfs::fs {
namespace {

constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

// FNV-1a. Compared among sixteen neighbours only, so 32 bits are plenty.
std::uint32_t hash_of(const std::string& name) {
    std::uint32_t hash = 2166136261U;
    for (const char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    return hash;
}

}  // namespace

Result<> DirectoryStream::read(node::Volume& volume, std::uint64_t position, std::size_t expected,
                               const Take& take) {
    if (position < kFirstEntry || position - kFirstEntry > hashes_.size()) {
        return caller_error(Code::invalid, "a position this directory stream never gave");
    }
    std::uint64_t index = position - kFirstEntry;
    std::string after = index == hashes_.size() ? last_ : marks_[index / kMarkEvery];
    for (;;) {
        SWARM_TRY(const std::vector<node::DirectoryEntry> page,
                  volume.list(directory_, after, expected));
        for (const node::DirectoryEntry& entry : page) {
            const std::uint64_t at = index_of(entry.name, index);
            if (at == kNowhere) {
                continue;
            }
            if (!take(entry, at + 1 + kFirstEntry)) {
                return done();
            }
            if (at == hashes_.size()) {
                append(entry.name);
            }
            index = at + 1;
        }
        if (page.size() < expected) {
            return done();
        }
        after = page.back().name;
    }
}

// Returns: the index of `name`, which is the next new one beyond the last; kNowhere for one that
// lies before `from` or that appeared among names already handed out.
std::uint64_t DirectoryStream::index_of(const std::string& name, std::uint64_t from) const {
    if (hashes_.empty() || name > last_) {
        return hashes_.size();
    }
    // The block whose first entry follows marks_[block]: the last mark below the name.
    const auto above = std::lower_bound(marks_.begin(), marks_.end(), name);
    const auto block = static_cast<std::uint64_t>(above - marks_.begin()) - 1;
    const std::uint64_t end = std::min<std::uint64_t>((block + 1) * kMarkEvery, hashes_.size());
    for (std::uint64_t at = std::max(from, block * kMarkEvery); at < end; ++at) {
        if (hashes_[at] == hash_of(name)) {
            return at;
        }
    }
    return kNowhere;
}

void DirectoryStream::append(const std::string& name) {
    if (hashes_.size() % kMarkEvery == 0) {
        marks_.push_back(last_);
    }
    hashes_.push_back(hash_of(name));
    last_ = name;
}

void DirectoryStream::rewind() {
    hashes_.clear();
    marks_.clear();
    last_.clear();
}

}  // namespace swarmfs::fs
