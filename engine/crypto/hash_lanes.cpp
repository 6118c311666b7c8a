#include "engine/crypto/hash_lanes.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "engine/core/assert.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/crypto/hash_wide.hpp"
#include "engine/crypto/sha256_words.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace swarmfs::crypto {

#if defined(__x86_64__)

namespace {

// The state as the instructions want it: (a, b, e, f) and (c, d, g, h), highest word first.
template <std::size_t Lanes>
struct States {
    __m128i abef[Lanes];
    __m128i cdgh[Lanes];
};

// Every lane's next block, one instruction of each in turn.
template <std::size_t Lanes>
__attribute__((target("sha,sse4.1"), always_inline)) inline void take_blocks(
    States<Lanes>& states, const std::array<const std::uint8_t*, Lanes>& blocks) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bULL, 0x0405060700010203ULL);
    States<Lanes> now = states;
    __m128i words[4][Lanes];  // the last sixteen words of the schedule
#pragma GCC unroll 16
    for (std::size_t group = 0; group < 16; ++group) {
        const __m128i constants =
            _mm_load_si128(reinterpret_cast<const __m128i*>(kRoundWords + 4 * group));
        __m128i(&word)[Lanes] = words[group % 4];
#pragma GCC unroll 4
        for (std::size_t lane = 0; lane < Lanes; ++lane) {
            if (group < 4) {
                word[lane] = _mm_shuffle_epi8(
                    _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[lane]) + group),
                    big_endian);
            } else {
                const __m128i last = words[(group + 3) % 4][lane];
                const __m128i sum =
                    _mm_add_epi32(_mm_sha256msg1_epu32(word[lane], words[(group + 1) % 4][lane]),
                                  _mm_alignr_epi8(last, words[(group + 2) % 4][lane], 4));
                word[lane] = _mm_sha256msg2_epu32(sum, last);
            }
        }
        __m128i input[Lanes];
#pragma GCC unroll 4
        for (std::size_t lane = 0; lane < Lanes; ++lane) {
            input[lane] = _mm_add_epi32(word[lane], constants);
            now.cdgh[lane] = _mm_sha256rnds2_epu32(now.cdgh[lane], now.abef[lane], input[lane]);
        }
#pragma GCC unroll 4
        for (std::size_t lane = 0; lane < Lanes; ++lane) {
            now.abef[lane] = _mm_sha256rnds2_epu32(now.abef[lane], now.cdgh[lane],
                                                   _mm_shuffle_epi32(input[lane], 0x0E));
        }
    }
#pragma GCC unroll 4
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
        states.abef[lane] = _mm_add_epi32(states.abef[lane], now.abef[lane]);
        states.cdgh[lane] = _mm_add_epi32(states.cdgh[lane], now.cdgh[lane]);
    }
}

template <std::size_t Lanes>
__attribute__((target("sha,sse4.1"))) void hash_together(std::span<const ByteSpan> messages,
                                                         std::span<Hash256> out) {
    // FIPS 180-4, 5.3.3, in the order of States.
    States<Lanes> states;
    std::array<const std::uint8_t*, Lanes> at;
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
        states.abef[lane] = _mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f,
                                          static_cast<int>(0x9b05688c));
        states.cdgh[lane] =
            _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19);
        at[lane] = messages[lane].data();
    }
    const std::size_t size = messages[0].size();
    for (std::size_t block = 0; block < size / kBlockBytes; ++block) {
        take_blocks<Lanes>(states, at);
        for (const std::uint8_t*& place : at) {
            place += kBlockBytes;
        }
    }
    // The rest, a one bit, zeros, and the length in bits: one block or two.
    const std::size_t rest = size % kBlockBytes;
    const std::size_t tail_bytes = rest < kBlockBytes - 8 ? kBlockBytes : 2 * kBlockBytes;
    std::array<std::array<std::uint8_t, 2 * kBlockBytes>, Lanes> tails{};
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
        if (rest != 0) {
            std::memcpy(tails[lane].data(), at[lane], rest);
        }
        tails[lane][rest] = 0x80;
        const std::uint64_t bits = __builtin_bswap64(8 * std::uint64_t{size});
        std::memcpy(tails[lane].data() + tail_bytes - 8, &bits, 8);
    }
    for (std::size_t done = 0; done < tail_bytes; done += kBlockBytes) {
        for (std::size_t lane = 0; lane < Lanes; ++lane) {
            at[lane] = tails[lane].data() + done;
        }
        take_blocks<Lanes>(states, at);
    }
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
        alignas(16) std::array<std::uint32_t, 4> abef;
        alignas(16) std::array<std::uint32_t, 4> cdgh;
        _mm_store_si128(reinterpret_cast<__m128i*>(abef.data()), states.abef[lane]);
        _mm_store_si128(reinterpret_cast<__m128i*>(cdgh.data()), states.cdgh[lane]);
        const std::array<std::uint32_t, 8> words{abef[3], abef[2], cdgh[3], cdgh[2],
                                                 abef[1], abef[0], cdgh[1], cdgh[0]};
        for (std::size_t i = 0; i < words.size(); ++i) {
            const std::uint32_t word = __builtin_bswap32(words[i]);
            std::memcpy(out[lane].bytes.data() + 4 * i, &word, 4);
        }
    }
}

struct Width {
    std::size_t lanes = 0;
    HashWide* hash = nullptr;
};
constexpr std::array<Width, 2> kAvx2 = {{{4, sha256_avx2_4}, {8, sha256_avx2_8}}};
constexpr std::array<Width, 3> kAvx512 = {
    {{4, sha256_avx512_4}, {8, sha256_avx512_8}, {16, sha256_avx512_16}}};

// Lanes beyond the messages there are hash the first one once more.
// Returns: how many were hashed.
std::size_t hash_in_lanes(std::span<const Width> widths, std::span<const ByteSpan> messages,
                          std::span<Hash256> out) {
    const auto fits = std::find_if(widths.begin(), widths.end() - 1, [&](const Width& width) {
        return width.lanes >= messages.size();
    });
    std::array<const std::uint8_t*, kWideLanesMax> at;
    std::array<std::uint8_t, 32 * kWideLanesMax> hashes;
    for (std::size_t lane = 0; lane < fits->lanes; ++lane) {
        at[lane] = messages[lane < messages.size() ? lane : 0].data();
    }
    fits->hash(at.data(), messages[0].size(), hashes.data());
    const std::size_t hashed = std::min(fits->lanes, messages.size());
    for (std::size_t i = 0; i < hashed; ++i) {
        std::memcpy(out[i].bytes.data(), hashes.data() + 32 * i, 32);
    }
    return hashed;
}

// Returns: how many of the messages, which are of one length, were hashed.
std::size_t hash_some(HashWay way, std::span<const ByteSpan> messages, std::span<Hash256> out) {
    const std::size_t count = messages.size();
    if (way == HashWay::sha && count > 1) {
        // Of four, two and two: none is left to go alone.
        if (count == 2 || count == 4) {
            hash_together<2>(messages, out);
            return 2;
        }
        hash_together<3>(messages, out);
        return 3;
    }
    if (way == HashWay::avx512 && count > 1) {
        return hash_in_lanes(kAvx512, messages, out);
    }
    if (way == HashWay::avx2 && count > 2) {  // two cost more than one after the other
        return hash_in_lanes(kAvx2, messages, out);
    }
    out[0] = sha256(messages[0]);
    return 1;
}

std::vector<HashWay> find_ways() {
    std::vector<HashWay> ways;
    __builtin_cpu_init();
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__builtin_cpu_supports("sse4.1") != 0 && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
        (b & bit_SHA) != 0) {
        ways.push_back(HashWay::sha);
    }
    // These look at whether the kernel keeps the registers, too.
    if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
        ways.push_back(HashWay::avx512);
    }
    if (__builtin_cpu_supports("avx2") != 0) {
        ways.push_back(HashWay::avx2);
    }
    ways.push_back(HashWay::single);
    return ways;
}

}  // namespace

#else

namespace {

std::size_t hash_some(HashWay, std::span<const ByteSpan> messages, std::span<Hash256> out) {
    out[0] = sha256(messages[0]);
    return 1;
}

std::vector<HashWay> find_ways() {
    return {HashWay::single};
}

}  // namespace

#endif

std::span<const HashWay> hash_ways() {
    static const std::vector<HashWay> ways = find_ways();
    return ways;
}

void sha256_each(HashWay way, std::span<const ByteSpan> messages, std::span<Hash256> out) {
    SWARM_ASSERT(out.size() == messages.size());
    while (!messages.empty()) {
        const std::size_t looked_at = std::min(messages.size(), kWideLanesMax);
        std::size_t alike = 1;
        while (alike < looked_at && messages[alike].size() == messages[0].size()) {
            ++alike;
        }
        const std::size_t hashed = hash_some(way, messages.first(alike), out.first(alike));
        messages = messages.subspan(hashed);
        out = out.subspan(hashed);
    }
}

void sha256_each(std::span<const ByteSpan> messages, std::span<Hash256> out) {
    sha256_each(hash_ways().front(), messages, out);
}

}  // namespace swarmfs::crypto
