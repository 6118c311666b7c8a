#pragma once
// Where the nodes of a tree are read from and written to: memory here, a tree file in `store`.

#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::content {

// A real node of one content's tree, and where it stands.
struct TreeNode {
    unsigned level = 0;
    std::uint64_t index = 0;
    Hash256 hash;

    auto operator<=>(const TreeNode&) const = default;
};

class NodeSource {
public:
    virtual ~NodeSource() = default;
    // Fills `out` with the nodes of `level` from `first` on. Requires: all of them are real.
    // Errors: unavailable when one is not known; what the medium says.
    virtual Result<> read_nodes(unsigned level, std::uint64_t first,
                                std::span<Hash256> out) const = 0;
};

// A function as a source.
class CalledNodes final : public NodeSource {
public:
    using Read = std::function<Result<>(unsigned, std::uint64_t, std::span<Hash256>)>;
    explicit CalledNodes(Read read) : read_(std::move(read)) {}
    Result<> read_nodes(unsigned level, std::uint64_t first,
                        std::span<Hash256> out) const override {
        return read_(level, first, out);
    }

private:
    const Read read_;
};

class NodeSink {
public:
    virtual ~NodeSink() = default;
    // Takes real nodes of `level` from `first` on. `nodes` is valid during the call only.
    virtual Result<> write_nodes(unsigned level, std::uint64_t first,
                                 std::span<const Hash256> nodes) = 0;
};

}  // namespace swarmfs::content
