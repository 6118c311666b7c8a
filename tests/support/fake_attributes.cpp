#include "tests/support/fake_attributes.hpp"

namespace swarmfs::test {

std::uint64_t FakeAttributes::get(std::uint64_t inode, std::string_view name,
                                  node::AttributeDone done) {
    Result<std::optional<Bytes>> answer = std::optional<Bytes>();
    {
        const std::lock_guard lock(mutex_);
        auto& all = of_inodes_[inode];
        const auto found = all.find(std::string(name));
        if (failure_) {
            answer = *failure_;
        } else if (found != all.end()) {
            answer = std::optional(found->second);
        }
    }
    done(std::move(answer));
    return 0;
}

Result<std::vector<std::string>> FakeAttributes::names(std::uint64_t inode) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, value] : of_inodes_[inode]) {
        names.push_back(name);
    }
    return failure_ ? Result<std::vector<std::string>>(*failure_) : names;
}

Result<bool> FakeAttributes::set(std::uint64_t inode, std::string_view name, ByteSpan value,
                                 node::AttributeRule rule) {
    const std::lock_guard lock(mutex_);
    auto& all = of_inodes_[inode];
    const bool there = all.contains(std::string(name));
    if (failure_) {
        return *failure_;
    }
    if (there && rule == node::AttributeRule::create) {
        return caller_error(Code::exists, "it is set already");
    }
    if (!there && rule == node::AttributeRule::replace) {
        return false;
    }
    all[std::string(name)] = to_bytes(value);
    return true;
}

Result<bool> FakeAttributes::remove(std::uint64_t inode, std::string_view name) {
    const std::lock_guard lock(mutex_);
    return failure_ ? Result<bool>(*failure_) : of_inodes_[inode].erase(std::string(name)) > 0;
}

void FakeAttributes::fail_with(Error error) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(error);
}

}  // namespace swarmfs::test
