#pragma once
// The names of things. Each is its own type, so that a node cannot be passed where a root is meant.

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "engine/core/bytes.hpp"

namespace swarmfs {

// N bytes that mean one thing. Ordered as unsigned bytes; printed as hexadecimal.
template <class Tag, std::size_t N>
struct FixedBytes {
    static constexpr std::size_t kSize = N;

    std::array<std::uint8_t, N> bytes{};

    // Returns: the value, or nothing when `source` is not exactly N bytes long.
    static std::optional<FixedBytes> from(ByteSpan source) {
        if (source.size() != N) {
            return std::nullopt;
        }
        FixedBytes value;
        std::copy(source.begin(), source.end(), value.bytes.begin());
        return value;
    }
    static std::optional<FixedBytes> from_hex(std::string_view text) {
        const auto decoded = swarmfs::from_hex(text);
        return decoded ? from(*decoded) : std::nullopt;
    }

    ByteSpan span() const { return bytes; }
    std::string hex() const { return to_hex(bytes); }
    // The first 8 hexadecimal digits: enough for people to tell members of one swarm apart.
    std::string short_hex() const { return to_hex(span().first(4)); }
    bool is_zero() const {
        return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
    }

    auto operator<=>(const FixedBytes&) const = default;
};

struct HashTag {};
struct NodeTag {};
struct SwarmTag {};
struct FileTag {};

using Hash256 = FixedBytes<HashTag, 32>;   // a SHA-256 value
using NodeId = FixedBytes<NodeTag, 32>;    // a node's Ed25519 public key
using SwarmId = FixedBytes<SwarmTag, 32>;  // the swarm owner's Ed25519 public key
using FileId = FixedBytes<FileTag, 16>;    // survives rename and rewrite

// A content's name. The size fixes the shape of the tree, so the two always travel together.
struct ContentId {
    Hash256 root;
    std::uint64_t size = 0;

    auto operator<=>(const ContentId&) const = default;
};

// Who publishes: a node, and a random number chosen anew when a restored backup would fork history.
struct AuthorId {
    NodeId node;
    std::uint64_t incarnation = 0;

    auto operator<=>(const AuthorId&) const = default;
};

}  // namespace swarmfs

template <class Tag, std::size_t N>
struct std::hash<swarmfs::FixedBytes<Tag, N>> {
    // The bytes are hashes or keys already; their first eight are as good as any mix of them.
    std::size_t operator()(const swarmfs::FixedBytes<Tag, N>& value) const noexcept {
        std::size_t word = 0;
        std::memcpy(&word, value.bytes.data(), sizeof(word));
        return word;
    }
};

template <>
struct std::hash<swarmfs::ContentId> {
    std::size_t operator()(const swarmfs::ContentId& id) const noexcept {
        return std::hash<swarmfs::Hash256>{}(id.root) ^ (id.size * 0x9E3779B97F4A7C15ULL);
    }
};

template <>
struct std::hash<swarmfs::AuthorId> {
    std::size_t operator()(const swarmfs::AuthorId& id) const noexcept {
        return std::hash<swarmfs::NodeId>{}(id.node) ^ (id.incarnation * 0x9E3779B97F4A7C15ULL);
    }
};
