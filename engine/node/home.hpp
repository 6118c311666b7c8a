#pragma once
// The directory that holds everything of one node.
//
//   <home>/lock            held (flock) by the running node
//   <home>/node.key        the node's Ed25519 seed, 64 hexadecimal digits, mode 0600
//   <home>/swarms/*.json   one membership each, mode 0600 (membership.hpp)
//   <home>/db/ content/ staging/ staging-log/   the store's (docs/storage-format.md)
//   <home>/mounts/*        notes on the mounts there are (fs/mount_records.hpp)
//   <home>/db/witness      its inode and its change time tell this home from every copy of it
//   <home>/control.sock    the control socket
//   <home>/swarmfs.toml    settings, written by people
//
// Secrets that others could read are refused, not repaired: they may have been read already.

#include <memory>
#include <string>
#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::store {
class Database;
}

namespace swarmfs::node {

// What no copy of a home has in common with it. A file's inode number and the time of its last
// change are given by the file system and by nobody else, so a home that was restored from a backup
// or copied has another witness than the one its database remembers. The file is written anew at
// every start: a tool that restores only what differs restores it too. That happens next to the
// commit that remembers it, so that a start that fails later, or is killed, does not make the home
// look like a copy of itself. A change of the file's owner or mode does, at the cost of a history.
struct HomeWitness {
    std::uint64_t inode = 0;
    std::int64_t changed_s = 0;
    std::uint32_t changed_ns = 0;

    // File systems that keep whole seconds only lose the nanoseconds once nobody holds the file.
    bool same_home(const HomeWitness& other) const {
        const bool seconds_only = changed_ns == 0 || other.changed_ns == 0;
        return inode == other.inode && changed_s == other.changed_s &&
               (seconds_only || changed_ns == other.changed_ns);
    }
};

class Home {
public:
    // Makes what is missing and takes the lock.
    // Errors: try_again (another node runs here), permission, no_space, io, configuration (a key
    // file that is damaged or readable by others).
    static Result<std::unique_ptr<Home>> open(const std::string& path, Dice& dice);
    ~Home();
    Home(const Home&) = delete;
    Home& operator=(const Home&) = delete;

    const std::string& path() const { return path_; }
    std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
    const crypto::SigningKey& key() const { return key_; }
    // Compares the witness with what `database` (the one of this home) remembers, and renews both.
    // Returns: the number of the history that may be continued here: the same at every start of
    // one home, another one in every copy of it. Once, right after the database was opened.
    std::uint64_t recognize(store::Database& database, Dice& dice) const;

private:
    Home(std::string path, int lock, crypto::SigningKey key)
        : path_(std::move(path)), lock_(lock), key_(std::move(key)) {}

    const std::string path_;
    const int lock_;
    const crypto::SigningKey key_;
};

// Says of what may not be opened in `home` whose it must be: a command run as root leaves files
// there that the node's user may not touch. Other errors stay as they are.
Error explain_permission(Error error, const std::string& home);

// Reads a file of at most 64 KiB that only its owner may read.
// Errors: not_found; configuration when its mode lets others in.
Result<std::string> read_secret_file(const std::string& path);

// Replaces `path` with `text`, mode 0600, so that after a crash it holds the old text or the new.
Result<> write_secret_file(const std::string& path, std::string_view text);

}  // namespace swarmfs::node
