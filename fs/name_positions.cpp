#include "fs/name_positions.hpp"

#include <bit>

namespace swarmfs::fs {
namespace {

// SipHash-2-4 (Aumasson and Bernstein, 2012).
class SipHash {
public:
    explicit SipHash(const NamePositions::Salt& key)
        : v0_(key[0] ^ 0x736f6d6570736575ULL),
          v1_(key[1] ^ 0x646f72616e646f6dULL),
          v2_(key[0] ^ 0x6c7967656e657261ULL),
          v3_(key[1] ^ 0x7465646279746573ULL) {}

    std::uint64_t operator()(std::string_view text) {
        std::size_t at = 0;
        for (; at + 8 <= text.size(); at += 8) {
            take(word(text.substr(at, 8)));
        }
        take(word(text.substr(at)) | (std::uint64_t{text.size()} << 56));
        v2_ ^= 0xff;
        for (int i = 0; i < 4; ++i) {
            round();
        }
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

private:
    static std::uint64_t word(std::string_view bytes) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        }
        return value;
    }
    void take(std::uint64_t m) {
        v3_ ^= m;
        round();
        round();
        v0_ ^= m;
    }
    void round() {
        v0_ += v1_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v3_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ += v3_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ += v1_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v2_ = std::rotl(v2_, 32);
    }

    std::uint64_t v0_;
    std::uint64_t v1_;
    std::uint64_t v2_;
    std::uint64_t v3_;
};

}  // namespace

std::uint64_t NamePositions::after(std::string_view name) const {
    // Positions are off_t: positive, with room for those before the first name.
    constexpr std::uint64_t kBits62 = (std::uint64_t{1} << 62) - 1;
    return kFirstName + 1 + (SipHash(salt_)(name) & kBits62);
}

void NamePositions::removed(node::Inode directory, std::string_view name) {
    const Key key{directory, after(name)};
    const std::scoped_lock lock(mutex_);
    if (!removed_.emplace(key, name).second) {
        return;
    }
    oldest_first_.push_back(key);
    if (oldest_first_.size() > kRemovedMax) {
        removed_.erase(oldest_first_.front());
        oldest_first_.pop_front();
    }
}

std::optional<std::string> NamePositions::removed_name(node::Inode directory,
                                                       std::uint64_t position) const {
    const std::scoped_lock lock(mutex_);
    const auto found = removed_.find({directory, position});
    return found == removed_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace swarmfs::fs
