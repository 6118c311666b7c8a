#pragma once
// Hashing what lies in files, and trees that lie in files.

#include <functional>

#include "engine/content/hash_tree.hpp"
#include "engine/content/proof.hpp"
#include "engine/content/tree_builder.hpp"
#include "engine/store/disk.hpp"

namespace swarmfs::store {

// Writes nodes to their places in a tree file. `file` must outlive this.
class TreeFileSink final : public content::NodeSink {
public:
    TreeFileSink(File& file, std::uint64_t size) : file_(file), shape_(size) {}
    Result<> write_nodes(unsigned level, std::uint64_t first,
                         std::span<const Hash256> nodes) override {
        return file_.write_at(shape_.node_offset(level, first), content::bytes_of(nodes));
    }

private:
    File& file_;
    content::TreeShape shape_;
};

// Takes nodes and keeps none: where only the root is asked for.
class NoSink final : public content::NodeSink {
public:
    Result<> write_nodes(unsigned, std::uint64_t, std::span<const Hash256>) override {
        return done();
    }
};

// Fills `out` with bytes of the content from `offset` on. Thread: several at once.
using ReadBytes = std::function<Result<>(std::uint64_t offset, MutableByteSpan out)>;

// Asked about once a megabyte, by the thread that called: true ends the work. Empty: never.
using GiveUp = std::function<bool()>;
Error given_up();  // cancelled

// The tree of `size` bytes, a megabyte at a time, on every core when there are many of them.
// Errors: those of `read` and `sink`; cancelled by `give_up`.
Result<ContentId> hash_bytes(std::uint64_t size, const ReadBytes& read, content::NodeSink& sink,
                             const GiveUp& give_up = {});

// Fills `out`.   Errors: try_again when the file ends before.
Result<> read_whole(const File& file, std::uint64_t offset, MutableByteSpan out);

// The same for a file that is `size` bytes long. Errors: try_again when it is shorter.
Result<ContentId> hash_file(const File& file, std::uint64_t size, content::NodeSink& sink);

}  // namespace swarmfs::store
