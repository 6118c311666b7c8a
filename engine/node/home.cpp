#include "engine/node/home.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "engine/core/home_error.hpp"
#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/database.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

constexpr std::size_t kSecretFileBytesMax = 64 * 1024;

// A descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return descriptor_; }
    int release() { return std::exchange(descriptor_, -1); }

private:
    int descriptor_;
};

Result<> make_directories(const std::string& path) {
    std::error_code failed;
    std::filesystem::create_directories(path, failed);
    if (failed) {
        return home_error(path, failed.value());
    }
    for (const char* part : {"", "/swarms", "/db", "/content", "/staging"}) {
        const std::string directory = path + part;
        if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
            return home_error(path, errno);
        }
        if (!std::filesystem::is_directory(directory, failed)) {
            return home_error(path, failed ? failed.value() : ENOTDIR, directory);
        }
        if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0) {
            return *part == '\0' ? home_error(path, errno)
                                 : explain_permission(home_error(path, errno, directory), path);
        }
    }
    return done();
}

Result<int> take_lock(const std::string& path) {
    const std::string file = path + "/lock";
    Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.get() < 0) {
        return home_error(path, errno);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return caller_error(Code::try_again, "another swarmfsd runs on " + path +
                                                 "; ask it with `swarmfs --home " + path +
                                                 " status`, or choose another home");
    }
    return lock.release();
}

Result<crypto::SigningKey> make_key(const std::string& file, Dice& dice) {
    const crypto::SigningKey key = crypto::SigningKey::generate(dice);
    SWARM_CHECK(write_secret_file(file, key.seed().hex() + "\n"));
    return key;
}

Result<crypto::SigningKey> load_or_make_key(const std::string& home, Dice& dice) {
    const std::string file = home + "/node.key";
    auto text = read_secret_file(file);
    if (!text.ok()) {
        return text.error().code == Code::not_found
                   ? make_key(file, dice)
                   : Result<crypto::SigningKey>(explain_permission(text.error(), home));
    }
    while (!text->empty() && text->back() == '\n') {
        text->pop_back();
    }
    const auto seed = crypto::Seed::from_hex(*text);
    if (!seed) {
        return caller_error(Code::configuration,
                            file +
                                " is damaged: it must hold 64 hexadecimal digits; restore it "
                                "from a backup. Without one, move it away: this node is then "
                                "another one, and joins each of its swarms again with a new "
                                "invite (swarms it made know it all the same)");
    }
    return crypto::SigningKey::from_seed(*seed);
}

Result<> write_all(int descriptor, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0) {
            return disk_error_from_errno(errno, "writing " + path);
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return done();
}

Result<> sync_parent(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    const Descriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
        return disk_error_from_errno(errno, "syncing " + parent);
    }
    return done();
}

HomeWitness witness_of(int descriptor) {
    struct stat status {};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
        return {};
    }
    return {status.st_ino, status.st_ctim.tv_sec,
            static_cast<std::uint32_t>(status.st_ctim.tv_nsec)};
}

// Writes the witness in place: a full disk has room for it, and its inode stays.
// Returns: whether it is on the disk.
bool renew_witness(int descriptor, const std::string& path, Dice& dice) {
    std::array<std::uint8_t, 16> fresh{};
    dice.fill(fresh);
    const std::string text = to_hex(fresh) + "\n";
    const auto written = ::pwrite(descriptor, text.data(), text.size(), 0);
    return written == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0 &&
           sync_parent(path).ok();
}

// What the database remembers: history:u64 inode:u64 changed_s:u64 changed_ns:u32.
struct Remembered {
    std::uint64_t history = 0;
    HomeWitness witness;
};

Bytes encode_remembered(const Remembered& remembered) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u64(remembered.history);
    out.u64(remembered.witness.inode);
    out.u64(static_cast<std::uint64_t>(remembered.witness.changed_s));
    out.u32(remembered.witness.changed_ns);
    return bytes;
}

std::optional<Remembered> decode_remembered(ByteSpan bytes) {
    WireReader in(bytes);
    Remembered remembered;
    remembered.history = in.u64();
    remembered.witness.inode = in.u64();
    remembered.witness.changed_s = static_cast<std::int64_t>(in.u64());
    remembered.witness.changed_ns = in.u32();
    return in.finished() ? std::optional(remembered) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Home>> Home::open(const std::string& path, Dice& dice) {
    SWARM_CHECK(make_directories(path));
    SWARM_TRY(const int lock, take_lock(path));
    auto key = load_or_make_key(path, dice);
    if (!key.ok()) {
        ::close(lock);
        return std::move(key).error();
    }
    return std::unique_ptr<Home>(new Home(path, lock, *key));
}

std::uint64_t Home::recognize(store::Database& database, Dice& dice) const {
    const Bytes key = store::key_of(store::KeySpace::node, 'h');
    const auto row = database.reader().get(key);
    std::optional<Remembered> remembered = row ? decode_remembered(*row) : std::nullopt;

    const std::string path = file("db/witness");
    const Descriptor witness(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!remembered || !remembered->witness.same_home(witness_of(witness.get()))) {
        if (remembered) {
            log_warning("node", "this home was restored or copied: new histories begin");
        }
        remembered = Remembered{dice.u64(), {}};
    }
    bool renewed = witness.get() < 0 || renew_witness(witness.get(), path, dice);
    remembered->witness = witness_of(witness.get());
    store::Changes changes;
    changes.insert_or_assign(key, encode_remembered(*remembered));
    renewed = database.commit(std::move(changes), store::Durability::power_loss).ok() && renewed;
    if (!renewed) {
        log_warning("node", path +
                                " cannot be written or remembered: a copy of this home may be "
                                "taken for it, or it for a copy of itself");
    }
    return remembered->history;
}

Error explain_permission(Error error, const std::string& home) {
    if (error.code == Code::permission) {
        error.message += "; everything in " + home +
                         " must belong to the user who runs the node; as root: chown -R USER " +
                         home;
    }
    return error;
}

Home::~Home() {
    ::close(lock_);
}

Result<std::string> read_secret_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0) {
        return disk_error_from_errno(errno, "opening " + path);
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        return disk_error_from_errno(errno, "reading " + path);
    }
    if ((status.st_mode & 077) != 0) {
        return caller_error(Code::configuration,
                            path +
                                " can be read by others, so its secret may be known; run `chmod "
                                "600` on it if you are sure it is not");
    }
    std::string text(kSecretFileBytesMax, '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
    if (got < 0) {
        return disk_error_from_errno(errno, "reading " + path);
    }
    text.resize(static_cast<std::size_t>(got));
    return text;
}

Result<> write_secret_file(const std::string& path, std::string_view text) {
    const std::string fresh = path + ".new";
    {
        const Descriptor file(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file.get() < 0) {
            return disk_error_from_errno(errno, "making " + fresh);
        }
        SWARM_CHECK(write_all(file.get(), text, fresh));
        if (::fsync(file.get()) != 0) {
            return disk_error_from_errno(errno, "syncing " + fresh);
        }
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        return disk_error_from_errno(errno, "replacing " + path);
    }
    return sync_parent(path);
}

}  // namespace swarmfs::node
