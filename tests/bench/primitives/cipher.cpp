// The cipher and the hash, on one core, on bytes that lie in its caches.

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "engine/crypto/hash_lanes.hpp"
#include "tests/bench/primitives/primitives.hpp"

namespace swarmfs::bench {
namespace {

constexpr int kTagBytes = 16;
constexpr std::size_t kLeavesInRun = 16;  // 256 KiB: what a receiver has in hand at once

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// A handful of records that are sealed and opened in place, each under its own nonce.
class Records {
public:
    static constexpr std::size_t kCount = 8;  // half a mebibyte: they stay in the caches

    Records() : context_(EVP_CIPHER_CTX_new()) {
        std::array<unsigned char, 32> key{};
        key[0] = 7;
        texts_.fill(std::vector<unsigned char>(kRecordBytes, 1));
        must(EVP_CipherInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr, 1));
    }

    void seal_all(std::uint64_t round) {
        for (std::size_t i = 0; i < kCount; ++i) {
            begin(i, round, 1);
            turn(i);
            tag(EVP_CTRL_AEAD_GET_TAG, i);
        }
    }

    void open_all(std::uint64_t round) {
        for (std::size_t i = 0; i < kCount; ++i) {
            begin(i, round, 0);
            tag(EVP_CTRL_AEAD_SET_TAG, i);
            turn(i);
        }
    }

private:
    static void must(int answer) {
        if (answer != 1) {
            give_up("AES-256-GCM");
        }
    }

    void begin(std::size_t i, std::uint64_t round, int sealing) {
        std::array<unsigned char, 12> nonce{};
        const std::uint64_t number = round * kCount + i;
        std::memcpy(nonce.data() + 4, &number, sizeof(number));
        must(EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), sealing));
    }

    void turn(std::size_t i) {
        unsigned char* text = texts_[i].data();
        int length = 0;
        must(EVP_CipherUpdate(context_.get(), text, &length, text, static_cast<int>(kRecordBytes)));
        must(EVP_CipherFinal_ex(context_.get(), text + length, &length));
    }

    void tag(int action, std::size_t i) {
        must(EVP_CIPHER_CTX_ctrl(context_.get(), action, kTagBytes, tags_[i].data()));
    }

    std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context_;
    std::array<std::vector<unsigned char>, kCount> texts_;
    std::array<std::array<unsigned char, kTagBytes>, kCount> tags_{};
};

// Records are sealed and opened again; `opening` says which of the two is timed.
double cipher_cost(std::uint64_t bytes, bool opening) {
    Records records;
    const std::uint64_t rounds = bytes / (Records::kCount * kRecordBytes) + 1;
    double spent = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        const double start = thread_cpu_seconds();
        records.seal_all(round);
        const double middle = thread_cpu_seconds();
        records.open_all(round);
        spent += opening ? thread_cpu_seconds() - middle : middle - start;
    }
    return spent / static_cast<double>(rounds * Records::kCount * kRecordBytes);
}

template <typename HashRun>
double hash_cost(std::uint64_t bytes, HashRun hash_run) {
    const std::vector<std::uint8_t> run(kLeavesInRun * kLeafBytes, 1);
    std::array<ByteSpan, kLeavesInRun> leaves;
    std::array<Hash256, kLeavesInRun> hashes;
    for (std::size_t i = 0; i < kLeavesInRun; ++i) {
        leaves[i] = ByteSpan(run.data() + i * kLeafBytes, kLeafBytes);
    }
    const std::uint64_t count = bytes / run.size() + 1;
    const double start = thread_cpu_seconds();
    for (std::uint64_t number = 0; number < count; ++number) {
        hash_run(leaves, hashes);
    }
    return (thread_cpu_seconds() - start) / static_cast<double>(count * run.size());
}

}  // namespace

double seal_cost(std::uint64_t bytes) {
    return cipher_cost(bytes, false);
}
double open_cost(std::uint64_t bytes) {
    return cipher_cost(bytes, true);
}

double hash_cost_openssl(std::uint64_t bytes) {
    return hash_cost(bytes, [](const auto& leaves, auto& hashes) {
        for (std::size_t i = 0; i < leaves.size(); ++i) {
            if (EVP_Digest(leaves[i].data(), leaves[i].size(), hashes[i].bytes.data(), nullptr,
                           EVP_sha256(), nullptr) != 1) {
                give_up("SHA-256");
            }
        }
    });
}

double hash_cost_lanes(std::uint64_t bytes) {
    return hash_cost(bytes,
                     [](const auto& leaves, auto& hashes) { crypto::sha256_each(leaves, hashes); });
}

}  // namespace swarmfs::bench
