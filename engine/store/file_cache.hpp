#pragma once
// Open files, few at a time. A slot belongs to one file of one content; the cache closes what was
// not used lately when too many stand open (a clock that passes over what was used since its last
// round).
//
// A file that was handed out stays open until its user lets go of it, whatever the cache does.
// Whoever is about to put another file under the name calls forget() before and after: a file that
// was opened before the second call is not kept, nor handed out after it.
// Thread: any. No lock is held while a file is opened or closed.

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/store/disk.hpp"

namespace swarmfs::store {

class FileCache;

class FileSlot {
public:
    explicit FileSlot(FileCache& cache) : cache_(cache) {}
    ~FileSlot();
    FileSlot(const FileSlot&) = delete;
    FileSlot& operator=(const FileSlot&) = delete;

    // The open file, or the one `open` opens.   Errors: open's.
    template <class OpenIt>
    Result<std::shared_ptr<File>> use(const OpenIt& open) {
        for (;;) {
            std::uint64_t generation = 0;
            if (auto file = current(generation)) {
                return file;
            }
            auto opened = open();
            if (!opened) {
                return std::move(opened).error();
            }
            if (auto kept = keep(std::shared_ptr<File>(std::move(*opened)), generation)) {
                return kept;
            }
        }
    }
    // The next use opens anew: the name leads to another file now.
    void forget();

private:
    friend class FileCache;
    std::shared_ptr<File> current(std::uint64_t& generation);
    // Returns: the file to use; none when the name was given to another since `generation`.
    std::shared_ptr<File> keep(std::shared_ptr<File> file, std::uint64_t generation);
    std::shared_ptr<File> give_up();

    FileCache& cache_;
    std::atomic<bool> used_ = false;
    std::mutex mutex_;
    std::shared_ptr<File> file_;    // guarded by mutex_
    std::uint64_t generation_ = 0;  // how often it was told to forget; guarded by mutex_
};

class FileCache {
public:
    explicit FileCache(std::size_t files_max) : files_max_(files_max) {}

private:
    friend class FileSlot;
    void add(FileSlot& slot);
    void remove(FileSlot& slot);

    const std::size_t files_max_;
    std::mutex mutex_;
    std::vector<FileSlot*> open_;  // guarded by mutex_
    std::size_t hand_ = 0;         // guarded by mutex_
};

}  // namespace swarmfs::store
