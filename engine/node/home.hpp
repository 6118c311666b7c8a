#pragma once
// The directory that holds everything of one node.
//
//   <home>/lock            held (flock) by the running node
//   <home>/node.key        the node's Ed25519 seed, 64 hexadecimal digits, mode 0600
//   <home>/swarms/*.json   one membership each, mode 0600 (membership.hpp)
//   <home>/db/ content/ staging/   the store's (docs/storage-format.md)
//   <home>/control.sock    the control socket
//   <home>/swarmfs.toml    settings, written by people
//
// Secrets that others could read are refused, not repaired: they may have been read already.

#include <memory>
#include <string>
#include <string_view>

#include "engine/core/dice.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::node {

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

private:
    Home(std::string path, int lock, crypto::SigningKey key)
        : path_(std::move(path)), lock_(lock), key_(std::move(key)) {}

    const std::string path_;
    const int lock_;
    const crypto::SigningKey key_;
};

// Reads a file of at most 64 KiB that only its owner may read.
// Errors: not_found; configuration when its mode lets others in.
Result<std::string> read_secret_file(const std::string& path);

// Replaces `path` with `text`, mode 0600, so that after a crash it holds the old text or the new.
Result<> write_secret_file(const std::string& path, std::string_view text);

}  // namespace swarmfs::node
