#pragma once
// How hash_wide works, for whatever width it is compiled. Everything is private to the file that
// includes this (see hash_wide.hpp for the reason).
//
// Word t of the block of every message stands in one register, a message a lane. A block is loaded
// as one row of words a message and transposed.

#include <cstring>
#include <utility>

#include "engine/crypto/hash_wide.hpp"
#include "engine/crypto/sha256_words.hpp"

namespace swarmfs::crypto {
namespace {

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
