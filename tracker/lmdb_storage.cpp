#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/lmdb/environment.hpp"
#include "tracker/storage.hpp"

namespace swarmfs::tracker {
namespace {

Error cannot_use(int error_number, const std::string& what) {
    Error error = disk_error_from_errno(error_number, "cannot use the data directory: " + what);
    if (error.code == Code::not_directory) {
        error.code = Code::configuration;
    }
    error.message += "; name another with --data DIR";
    return error;
}

// Held for the life of the process: two trackers on one folder would not know of each other's
// writes.
class FolderLock {
public:
    ~FolderLock() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }

    Result<> take(const std::filesystem::path& folder) {
        const std::filesystem::path file = folder / "lock";
        descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor_ < 0) {
            return cannot_use(errno, "opening " + file.string());
        }
        if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
            return disk_error(Code::busy, "another tracker runs on " + folder.string() +
                                              "; stop it, or give this one its own --data");
        }
        return done();
    }

private:
    int descriptor_ = -1;
};

class LmdbStorage final : public Storage {
public:
    Result<> open(const std::filesystem::path& folder, std::uint64_t bytes_max) {
        SWARM_CHECK(lock_.take(folder));
        lmdb::Options options;
        options.map_bytes_max = bytes_max;
        options.when_damaged =
            "move it away and start again: the members send the tracker everything it had";
        SWARM_TRY(environment_, lmdb::Environment::open(folder / "tracker.mdb", options));
        return done();
    }

    Result<> read(const Look& look) const override {
        SWARM_TRY(const lmdb::ReadTransaction rows, environment_->begin_read());
        SWARM_CHECK(look(rows));
        if (rows.failed()) {
            return disk_error(Code::io, "the tracker's tables cannot be read");
        }
        return done();
    }

    Result<> write(const Change& change) override {
        SWARM_TRY(lmdb::WriteTransaction rows, environment_->begin_write());
        SWARM_CHECK(change(rows));
        return rows.commit();
    }

private:
    FolderLock lock_;
    std::unique_ptr<lmdb::Environment> environment_;
};

}  // namespace

Result<std::unique_ptr<Storage>> open_lmdb_storage(const std::filesystem::path& folder,
                                                   std::uint64_t bytes_max) {
    std::error_code failed;
    const bool created = std::filesystem::create_directories(folder, failed);
    if (failed || !std::filesystem::is_directory(folder, failed)) {
        return cannot_use(failed ? failed.value() : ENOTDIR, folder.string());
    }
    if (created) {
        ::chmod(folder.c_str(), 0700);
    }
    auto storage = std::make_unique<LmdbStorage>();
    SWARM_CHECK(storage->open(folder, bytes_max));
    return std::unique_ptr<Storage>(std::move(storage));
}

}  // namespace swarmfs::tracker
