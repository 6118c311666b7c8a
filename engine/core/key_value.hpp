#pragma once
// An ordered map from bytes to bytes, as the rooms that keep tables see it. `lmdb` and `store` give
// durable ones; MemoryKeyValue serves tests and simulations.
//
// Rules for keys:
//   1. At most kKeyBytesMax bytes (LMDB ends at 511), compared as unsigned bytes.
//   2. Each table owns a prefix; docs/storage-format.md lists them. PrefixedKeyValue adds one.
// A read that fails underneath (I/O, damage) reports "absent" and sets failed(): whoever commits
// asks failed() first and gives up, so nothing is decided on a lie.

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "engine/core/bytes.hpp"

namespace swarmfs {

inline constexpr std::size_t kKeyBytesMax = 511;

class KeyValueReader {
public:
    // Returns: false to stop the scan. `key` and `value` are valid during the call only.
    using Visit = std::function<bool(ByteSpan key, ByteSpan value)>;

    virtual ~KeyValueReader() = default;
    virtual std::optional<Bytes> get(ByteSpan key) const = 0;
    // Visits keys >= `from` that begin with `prefix`, in order. `from` itself may be absent.
    virtual void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const = 0;
    virtual bool failed() const { return false; }
};

// What is put can be read back at once through the same object; others see it when it is committed,
// which is the business of whoever made the writer.
class KeyValueWriter : public KeyValueReader {
public:
    virtual void put(ByteSpan key, ByteSpan value) = 0;
    virtual void erase(ByteSpan key) = 0;
};

// Thread: one.
class MemoryKeyValue final : public KeyValueWriter {
public:
    std::optional<Bytes> get(ByteSpan key) const override;
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override;
    void put(ByteSpan key, ByteSpan value) override;
    void erase(ByteSpan key) override;
    std::size_t size() const { return entries_.size(); }

private:
    std::map<Bytes, Bytes> entries_;
};

// A part of another map, under a prefix of its own. Holds the other by reference.
class PrefixedReader final : public KeyValueReader {
public:
    PrefixedReader(const KeyValueReader& under, Bytes prefix)
        : under_(under), prefix_(std::move(prefix)) {}
    std::optional<Bytes> get(ByteSpan key) const override;
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override;
    bool failed() const override { return under_.failed(); }

private:
    const KeyValueReader& under_;
    Bytes prefix_;
};

class PrefixedWriter final : public KeyValueWriter {
public:
    PrefixedWriter(KeyValueWriter& under, Bytes prefix)
        : under_(under), prefix_(std::move(prefix)) {}
    std::optional<Bytes> get(ByteSpan key) const override;
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override;
    void put(ByteSpan key, ByteSpan value) override;
    void erase(ByteSpan key) override;
    bool failed() const override { return under_.failed(); }

private:
    KeyValueWriter& under_;
    Bytes prefix_;
};

}  // namespace swarmfs
