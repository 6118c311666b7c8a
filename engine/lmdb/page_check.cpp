#include "engine/lmdb/page_check.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "engine/core/bytes.hpp"

namespace swarmfs::lmdb {
namespace {

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr std::size_t kPageHeaderBytes = 16;
constexpr std::size_t kNodeHeaderBytes = 8;
constexpr std::uint64_t kPageBytesMin = 512;    // LMDB's own bounds
constexpr std::uint64_t kPageBytesMax = 65536;  //
constexpr unsigned kDepthMax = 32;              // LMDB's CURSOR_STACK
constexpr std::size_t kKeyBytesMax = 511;       // LMDB's MDB_MAXKEYSIZE

constexpr std::uint16_t kBranchPage = 0x01;
constexpr std::uint16_t kLeafPage = 0x02;
constexpr std::uint16_t kOverflowPage = 0x04;
constexpr std::uint16_t kMetaPage = 0x08;
constexpr std::uint16_t kBigValue = 0x01;
// Of a tree's flags: a fixed address, and how its keys and values are ordered. The others are the
// environment's.
constexpr std::uint16_t kOrderFlags = 0x7f;
constexpr std::uint16_t kIntegerKeys = 0x08;

template <class Number>
Number number_at(ByteSpan bytes, std::size_t offset) {
    Number value{};
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
}

struct Tree {
    std::uint16_t flags = 0;
    unsigned depth = 0;
    std::uint64_t root = kNoPage;
};

struct Meta {
    std::uint64_t page_bytes = 0;
    Tree free_pages;
    Tree entries;
    std::uint64_t last_page = 0;
    std::uint64_t transaction = 0;
};

// Offsets inside a meta page, after its header: magic 4, version 4, address 8, map size 8, the two
// trees of 48 bytes each, last page 8, transaction 8.
constexpr std::size_t kTreesAt = kPageHeaderBytes + 24;
constexpr std::size_t kTreeBytes = 48;
constexpr std::size_t kLastPageAt = kTreesAt + 2 * kTreeBytes;
constexpr std::size_t kMetaBytes = kLastPageAt + 16;

Tree tree_at(ByteSpan meta, std::size_t offset) {
    return {number_at<std::uint16_t>(meta, offset + 4), number_at<std::uint16_t>(meta, offset + 6),
            number_at<std::uint64_t>(meta, offset + 40)};
}

class Check {
public:
    Check(const std::filesystem::path& file, int descriptor, std::uint64_t file_bytes)
        : file_(file), descriptor_(descriptor), file_bytes_(file_bytes) {}

    Result<> run() {
        SWARM_TRY(Meta first, read_meta(0));
        SWARM_TRY(Meta second, read_meta(first.page_bytes));
        if (second.page_bytes != first.page_bytes) {
            return damaged("its two headers disagree");
        }
        const bool is_second = second.transaction > first.transaction;
        meta_ = is_second ? second : first;
        // Readers take the header with the higher number, writers the one whose place the number's
        // parity names.
        if (meta_.transaction % 2 != (is_second ? 1U : 0U)) {
            return damaged("its headers are in each other's place");
        }
        if ((meta_.entries.flags & kOrderFlags) != 0 ||
            (meta_.free_pages.flags & kOrderFlags) != kIntegerKeys) {
            return damaged("a tree is of an unknown kind");
        }
        pages_in_file_ = file_bytes_ / meta_.page_bytes;
        check_leaves_ = file_bytes_ <= kLeafCheckBytesMax;
        taken_.resize(pages_in_file_);
        // The free pages last: each of them is compared with what is in use.
        SWARM_CHECK(walk_tree(meta_.entries, Keys::bytes));
        SWARM_CHECK(walk_tree(meta_.free_pages, Keys::numbers));
        for (const std::uint64_t page : free_pages_) {
            SWARM_CHECK(take(page, 1));
        }
        return done();
    }

private:
    enum class Keys { numbers, bytes };

    Error damaged(const std::string& what) const {
        return disk_error(Code::corrupt, file_.string() + " is damaged (" + what + ")");
    }
    Error damaged_page(std::uint64_t page, const char* what) const {
        return damaged("page " + std::to_string(page) + " " + what);
    }

    Result<> read(std::uint64_t offset, MutableByteSpan out) const {
        std::size_t filled = 0;
        while (filled < out.size()) {
            const ssize_t got = ::pread(descriptor_, out.data() + filled, out.size() - filled,
                                        static_cast<off_t>(offset + filled));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                return disk_error_from_errno(errno, "reading " + file_.string());
            }
            if (got == 0) {
                return damaged("it ends after " + std::to_string(file_bytes_) + " bytes");
            }
            filled += static_cast<std::size_t>(got);
        }
        return done();
    }

    Result<Meta> read_meta(std::uint64_t offset) const {
        Bytes page(kMetaBytes);
        SWARM_CHECK(read(offset, page));
        if (number_at<std::uint16_t>(page, 10) != kMetaPage ||
            number_at<std::uint32_t>(page, kPageHeaderBytes) != kMagic) {
            return damaged("it does not begin as a table file does");
        }
        if (number_at<std::uint32_t>(page, kPageHeaderBytes + 4) != kVersion) {
            return damaged("its version is unknown");
        }
        Meta meta;
        meta.page_bytes = number_at<std::uint32_t>(page, kTreesAt);
        if (meta.page_bytes < kPageBytesMin || meta.page_bytes > kPageBytesMax ||
            (meta.page_bytes & (meta.page_bytes - 1)) != 0) {
            return damaged("its page size is impossible");
        }
        meta.free_pages = tree_at(page, kTreesAt);
        meta.entries = tree_at(page, kTreesAt + kTreeBytes);
        meta.last_page = number_at<std::uint64_t>(page, kLastPageAt);
        meta.transaction = number_at<std::uint64_t>(page, kLastPageAt + 8);
        return meta;
    }

    Result<> walk_tree(const Tree& tree, Keys keys) {
        if (tree.root == kNoPage) {
            return done();
        }
        if (tree.depth == 0 || tree.depth > kDepthMax) {
            return damaged("a tree has an impossible depth");
        }
        return walk_page(tree.root, tree.depth, keys);
    }

    // `height` counts levels down to and including the leaves.
    Result<> walk_page(std::uint64_t number, unsigned height, Keys keys) {
        if (++pages_seen_ > pages_in_file_) {
            return damaged("its tree is larger than the file");
        }
        if (number < 2 || number > meta_.last_page || number >= pages_in_file_) {
            return damaged_page(number, "lies beyond its end");
        }
        SWARM_CHECK(take(number, 1));
        const bool leaf = height == 1;
        if (leaf && !check_leaves_ && keys == Keys::bytes) {
            return done();
        }
        Bytes page(meta_.page_bytes);
        SWARM_CHECK(read(number * meta_.page_bytes, page));
        if (number_at<std::uint64_t>(page, 0) != number) {
            return damaged_page(number, "carries another number");
        }
        if (number_at<std::uint16_t>(page, 10) != (leaf ? kLeafPage : kBranchPage)) {
            return damaged_page(number, "is of the wrong kind");
        }
        const std::size_t lower = number_at<std::uint16_t>(page, 12);
        const std::size_t upper = number_at<std::uint16_t>(page, 14);
        if (lower < kPageHeaderBytes || lower > upper || upper > page.size() || lower % 2 != 0) {
            return damaged_page(number, "has impossible bounds");
        }
        const std::size_t nodes = (lower - kPageHeaderBytes) / 2;
        if (nodes == 0 || (!leaf && nodes < 2)) {
            return damaged_page(number, "has too few entries");
        }
        ByteSpan previous;
        std::vector<std::pair<std::size_t, std::size_t>> places;
        for (std::size_t index = 0; index < nodes; ++index) {
            const std::size_t at = number_at<std::uint16_t>(page, kPageHeaderBytes + 2 * index);
            if (at < upper || at + kNodeHeaderBytes > page.size()) {
                return damaged_page(number, "has an entry outside itself");
            }
            const std::size_t key_bytes = number_at<std::uint16_t>(page, at + 6);
            if (key_bytes > kKeyBytesMax || at + kNodeHeaderBytes + key_bytes > page.size()) {
                return damaged_page(number, "has an impossible key");
            }
            const ByteSpan key = ByteSpan(page).subspan(at + kNodeHeaderBytes, key_bytes);
            if (keys == Keys::numbers && (leaf || index > 0) &&
                key_bytes != sizeof(std::uint64_t)) {
                return damaged_page(number, "has an impossible key");
            }
            // The first key of a branch page stands for "everything below" and may be anything.
            const bool comparable = index > (leaf ? 0U : 1U);
            if (comparable && !in_order(previous, key, keys)) {
                return damaged_page(number, "has keys out of order");
            }
            previous = key;
            const std::size_t bytes =
                kNodeHeaderBytes + key_bytes + (leaf ? value_bytes_inside(page, at) : 0);
            places.emplace_back(at, at + bytes + bytes % 2);
            SWARM_CHECK(leaf ? check_value(page, number, at, key_bytes, keys)
                             : walk_page(child_at(page, at), height - 1, keys));
        }
        return apart(places, page.size()) ? done()
                                          : damaged_page(number, "has entries that overlap");
    }

    // Taking an entry out moves those below it up by its length, rounded to even.
    static bool apart(std::vector<std::pair<std::size_t, std::size_t>>& places,
                      std::size_t page_bytes) {
        std::sort(places.begin(), places.end());
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (places[i].second > (i + 1 < places.size() ? places[i + 1].first : page_bytes)) {
                return false;
            }
        }
        return true;
    }

    // Marks pages as being used for one thing. Pages beyond the file's end may be free: it never
    // grew that far.
    Result<> take(std::uint64_t first, std::uint64_t count) {
        for (std::uint64_t page = first; page < std::min(first + count, pages_in_file_); ++page) {
            if (taken_[page]) {
                return damaged_page(page, "is used twice");
            }
            taken_[page] = true;
        }
        return done();
    }

    static bool in_order(ByteSpan first, ByteSpan second, Keys keys) {
        if (keys == Keys::numbers) {
            return number_at<std::uint64_t>(first, 0) < number_at<std::uint64_t>(second, 0);
        }
        return std::lexicographical_compare(first.begin(), first.end(), second.begin(),
                                            second.end());
    }

    static std::uint64_t child_at(ByteSpan page, std::size_t at) {
        return number_at<std::uint16_t>(page, at) |
               std::uint64_t{number_at<std::uint16_t>(page, at + 2)} << 16 |
               std::uint64_t{number_at<std::uint16_t>(page, at + 4)} << 32;
    }

    static std::uint64_t value_bytes_at(ByteSpan page, std::size_t at) {
        return number_at<std::uint16_t>(page, at) |
               std::uint64_t{number_at<std::uint16_t>(page, at + 2)} << 16;
    }
    // A big value is a page number here.
    static std::size_t value_bytes_inside(ByteSpan page, std::size_t at) {
        const bool big = (number_at<std::uint16_t>(page, at + 4) & kBigValue) != 0;
        return big ? sizeof(std::uint64_t) : value_bytes_at(page, at);
    }

    Result<> check_value(ByteSpan page, std::uint64_t number, std::size_t at, std::size_t key_bytes,
                         Keys keys) {
        const std::uint64_t value_bytes = value_bytes_at(page, at);
        const std::uint16_t flags = number_at<std::uint16_t>(page, at + 4);
        const std::size_t value_at = at + kNodeHeaderBytes + key_bytes;
        if ((flags & ~kBigValue) != 0) {
            return damaged_page(number, "has an entry of an unknown kind");
        }
        if ((flags & kBigValue) == 0) {
            if (value_at + value_bytes > page.size()) {
                return damaged_page(number, "has a value outside itself");
            }
            return keys == Keys::numbers
                       ? check_free_list(page.subspan(value_at, value_bytes), number)
                       : done();
        }
        if (value_at + 8 > page.size()) {
            return damaged_page(number, "has a value outside itself");
        }
        const auto first = number_at<std::uint64_t>(page, value_at);
        SWARM_CHECK(check_overflow(first, value_bytes));
        if (keys == Keys::bytes) {
            return done();
        }
        Bytes list(value_bytes);
        SWARM_CHECK(read(first * meta_.page_bytes + kPageHeaderBytes, list));
        return check_free_list(list, first);
    }

    // What a transaction freed, as LMDB's ID list: how many, then their numbers, falling.
    Result<> check_free_list(ByteSpan list, std::uint64_t number) {
        constexpr std::size_t kNumberBytes = sizeof(std::uint64_t);
        const std::uint64_t room = list.size() / kNumberBytes;
        if (room == 0 || list.size() % kNumberBytes != 0 ||
            number_at<std::uint64_t>(list, 0) > room - 1) {
            return damaged_page(number, "has a list of free pages of an impossible length");
        }
        const std::uint64_t count = number_at<std::uint64_t>(list, 0);
        for (std::uint64_t i = 1; i <= count; ++i) {
            const auto page = number_at<std::uint64_t>(list, i * kNumberBytes);
            const bool falls =
                i == 1 || page < number_at<std::uint64_t>(list, (i - 1) * kNumberBytes);
            if (page < 2 || page > meta_.last_page || !falls) {
                return damaged_page(number, "has an impossible list of free pages");
            }
            free_pages_.push_back(page);
        }
        return done();
    }

    Result<> check_overflow(std::uint64_t number, std::uint64_t value_bytes) {
        const std::uint64_t needed = (kPageHeaderBytes - 1 + value_bytes) / meta_.page_bytes + 1;
        if (number < 2 || number > meta_.last_page || number >= pages_in_file_ ||
            needed > pages_in_file_ - number) {
            return damaged_page(number, "lies beyond its end");
        }
        Bytes header(kPageHeaderBytes);
        SWARM_CHECK(read(number * meta_.page_bytes, header));
        // More pages than needed where a shorter value was written over a longer one.
        const std::uint64_t pages = number_at<std::uint32_t>(header, 12);
        if (number_at<std::uint64_t>(header, 0) != number ||
            number_at<std::uint16_t>(header, 10) != kOverflowPage || pages < needed ||
            pages > meta_.last_page + 1 - number) {
            return damaged_page(number, "does not hold the value it should");
        }
        SWARM_CHECK(take(number, pages));
        pages_seen_ += std::min(pages, pages_in_file_ - number);
        return done();
    }

    const std::filesystem::path& file_;
    int descriptor_;
    std::uint64_t file_bytes_;
    Meta meta_;
    std::uint64_t pages_in_file_ = 0;
    std::uint64_t pages_seen_ = 0;
    bool check_leaves_ = true;
    std::vector<bool> taken_;  // pages that something uses
    std::vector<std::uint64_t> free_pages_;
};

}  // namespace

Result<> check_pages(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return errno == ENOENT ? done()
                               : Result<>(disk_error_from_errno(errno, "opening " + file.string()));
    }
    struct stat status {};
    Result<> outcome = done();
    if (::fstat(descriptor, &status) != 0) {
        outcome = disk_error_from_errno(errno, "examining " + file.string());
    } else if (status.st_size > 0) {
        outcome = Check(file, descriptor, static_cast<std::uint64_t>(status.st_size)).run();
    }
    ::close(descriptor);
    return outcome;
}

}  // namespace swarmfs::lmdb
