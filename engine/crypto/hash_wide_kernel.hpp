#pragma once
// How hash_wide works, for whatever width it is compiled. Everything is private to the file that
// includes this (see hash_wide.hpp for the reason).
//
// Word t of the block of every message stands in one register, a message a lane. A block is loaded
// as one row of words a message and transposed.

#include <cstring>
#include <utility>

#include "engine/crypto/hash_wide.hpp"

namespace swarmfs::crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;
constexpr std::size_t kBlockWords = 16;

// FIPS 180-4, 4.2.2 and 5.3.3.
constexpr std::uint32_t kRoundWords[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
constexpr std::uint32_t kFirstState[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

template <class Vector>
constexpr std::size_t kLanesOf = sizeof(Vector) / sizeof(std::uint32_t);

template <int Bits, class Vector>
[[gnu::always_inline]] inline Vector rotated(Vector x) {
    return (x >> Bits) | (x << (32 - Bits));
}

template <class Vector>
[[gnu::always_inline]] inline Vector bytes_swapped(Vector x) {
    return (rotated<24>(x) & 0x00ff00ffU) | (rotated<8>(x) & 0xff00ff00U);
}

// One step of transposing: of two rows that lie Step apart, elements that lie Step apart change
// places.
template <std::size_t Step, class Vector, std::size_t... Lane>
[[gnu::always_inline]] inline void exchange(Vector& low, Vector& high,
                                            std::index_sequence<Lane...>) {
    constexpr std::size_t kLanes = sizeof...(Lane);
    const Vector a = low;
    const Vector b = high;
    low = __builtin_shufflevector(a, b, ((Lane & Step) != 0 ? kLanes + (Lane ^ Step) : Lane)...);
    high = __builtin_shufflevector(a, b, ((Lane & Step) != 0 ? kLanes + Lane : Lane | Step)...);
}

template <std::size_t Step, class Vector>
[[gnu::always_inline]] inline void transpose(Vector* rows) {
    constexpr std::size_t kLanes = kLanesOf<Vector>;
#pragma GCC unroll 16
    for (std::size_t row = 0; row < kLanes; ++row) {
        if ((row & Step) == 0) {
            exchange<Step>(rows[row], rows[row | Step], std::make_index_sequence<kLanes>());
        }
    }
    if constexpr (Step > 1) {
        transpose<Step / 2>(rows);
    }
}

template <class Vector>
[[gnu::always_inline]] inline void load(const std::uint8_t* const* blocks, Vector* words) {
    constexpr std::size_t kLanes = kLanesOf<Vector>;
    for (std::size_t part = 0; part < kBlockWords; part += kLanes) {
#pragma GCC unroll 16
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            std::memcpy(&words[part + lane], blocks[lane] + 4 * part, sizeof(Vector));
        }
        transpose<kLanes / 2>(words + part);
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kBlockWords; ++i) {
        words[i] = bytes_swapped(words[i]);
    }
}

// FIPS 180-4, 6.2.2.
template <class Vector>
[[gnu::always_inline]] inline void take_block(Vector* state, const std::uint8_t* const* blocks) {
    Vector word[kBlockWords];
    load(blocks, word);
    Vector a = state[0], b = state[1], c = state[2], d = state[3];
    Vector e = state[4], f = state[5], g = state[6], h = state[7];
#pragma GCC unroll 64
    for (std::size_t t = 0; t < 64; ++t) {
        Vector& now = word[t % 16];
        if (t >= 16) {
            const Vector before = word[(t + 1) % 16];
            const Vector last = word[(t + 14) % 16];
            now += (rotated<7>(before) ^ rotated<18>(before) ^ (before >> 3)) + word[(t + 9) % 16] +
                   (rotated<17>(last) ^ rotated<19>(last) ^ (last >> 10));
        }
        const Vector first = h + (rotated<6>(e) ^ rotated<11>(e) ^ rotated<25>(e)) +
                             (g ^ (e & (f ^ g))) + kRoundWords[t] + now;
        const Vector second =
            (rotated<2>(a) ^ rotated<13>(a) ^ rotated<22>(a)) + ((a & b) | (c & (a | b)));
        h = g, g = f, f = e, e = d + first;
        d = c, c = b, b = a, a = first + second;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

template <class Vector>
[[gnu::always_inline]] inline void hash_wide(const std::uint8_t* const* messages, std::size_t size,
                                             std::uint8_t* hashes) {
    constexpr std::size_t kLanes = kLanesOf<Vector>;
    Vector state[8];
    for (std::size_t i = 0; i < 8; ++i) {
        state[i] = Vector{} + kFirstState[i];
    }
    const std::uint8_t* at[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        at[lane] = messages[lane];
    }
    for (std::size_t block = 0; block < size / kBlockBytes; ++block) {
        take_block(state, at);
        for (const std::uint8_t*& place : at) {
            place += kBlockBytes;
        }
    }
    // The rest, a one bit, zeros, and the length in bits: one block or two.
    const std::size_t rest = size % kBlockBytes;
    const std::size_t tail_bytes = rest < kBlockBytes - 8 ? kBlockBytes : 2 * kBlockBytes;
    std::uint8_t tails[kLanes][2 * kBlockBytes] = {};
    const std::uint64_t bits = __builtin_bswap64(8 * std::uint64_t{size});
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        if (rest != 0) {
            std::memcpy(tails[lane], at[lane], rest);
        }
        tails[lane][rest] = 0x80;
        std::memcpy(tails[lane] + tail_bytes - 8, &bits, 8);
        at[lane] = tails[lane];
    }
    for (std::size_t block = 0; block < tail_bytes / kBlockBytes; ++block) {
        take_block(state, at);
        for (const std::uint8_t*& place : at) {
            place += kBlockBytes;
        }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        for (std::size_t i = 0; i < 8; ++i) {
            const std::uint32_t word = __builtin_bswap32(state[i][lane]);
            std::memcpy(hashes + 32 * lane + 4 * i, &word, 4);
        }
    }
}

}  // namespace
}  // namespace swarmfs::crypto
