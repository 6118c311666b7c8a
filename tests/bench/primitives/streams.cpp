// Hashing as a program does that has only OpenSSL: one stream a core, on all cores.

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "tests/bench/primitives/primitives.hpp"

namespace swarmfs::bench {
namespace {

struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

void hash_part(int file, std::uint64_t from, std::uint64_t to) {
    const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::vector<unsigned char> block(kCallBytes);
    while (from < to) {
        const ssize_t got =
            ::pread(file, block.data(), std::min<std::uint64_t>(to - from, block.size()),
                    static_cast<off_t>(from));
        if (got <= 0 ||
            EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(got)) != 1) {
            give_up("hashing a file");
        }
        from += static_cast<std::uint64_t>(got);
    }
    unsigned char hash[EVP_MAX_MD_SIZE];
    EVP_DigestFinal_ex(context.get(), hash, nullptr);
}

}  // namespace

double streams_seconds(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY);
    struct stat status {};
    if (file < 0 || ::fstat(file, &status) != 0) {
        give_up(path);
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const std::uint64_t cores = std::max(1U, std::thread::hardware_concurrency());
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (std::uint64_t core = 0; core < cores; ++core) {
        threads.emplace_back(hash_part, file, size * core / cores, size * (core + 1) / cores);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    ::close(file);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace swarmfs::bench
