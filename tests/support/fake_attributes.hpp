#pragma once
// Extended attributes in memory, for tests of what stands in front of a Volume. Whether an inode is
// there does not matter to them. Thread: any.

#include <map>
#include <mutex>
#include <string>

#include "engine/node/extended_attributes.hpp"

namespace swarmfs::test {

class FakeAttributes final : public node::ExtendedAttributes {
public:
    std::uint64_t get(std::uint64_t inode, std::string_view name,
                      node::AttributeDone done) override;
    Result<std::vector<std::string>> names(std::uint64_t inode) override;
    Result<bool> set(std::uint64_t inode, std::string_view name, ByteSpan value,
                     node::AttributeRule rule) override;
    Result<bool> remove(std::uint64_t inode, std::string_view name) override;
    // Every call fails with it from now on.
    void fail_with(Error error);

private:
    std::mutex mutex_;
    std::optional<Error> failure_;                                     // guarded by mutex_
    std::map<std::uint64_t, std::map<std::string, Bytes>> of_inodes_;  // guarded by mutex_
};

}  // namespace swarmfs::test
