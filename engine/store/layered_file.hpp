#pragma once
// The bytes of a content that lies over another one, read as one file.
//
//   own file   |    |xxxx|         |xx|        what differs from the content below
//   base       |bbbb|    |bbbbbbbbb|  |bbb|    the rest, at the same places of that content
//
// A new version that changed little of a large file is stored so: it costs its change, in bytes and in
// nodes of its tree, and nobody who reads the version below notices. The base may lie over another
// content in its turn. What it no longer holds is not here either.
//   1. A base outlives what lies over it: the row that says so keeps it from being removed
//      (content_needs.hpp).
//   2. Leaves that are fetched go to the own file. When all are there, nothing lies below any more.
// For reading only. Thread: any.

#include <memory>
#include <optional>

#include "engine/store/disk.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

class LayeredFile final : public File {
public:
    // Of what `over` is in `generation`: afterwards every read fails with not_found.
    // `over` must outlive it.
    LayeredFile(const StoredContent& over, std::shared_ptr<File> own,
                std::shared_ptr<StoredContent> base, std::uint64_t generation)
        : over_(over), own_(std::move(own)), base_(std::move(base)), generation_(generation) {}

    // Errors: those of StoredContent::read of the base: not_found and corrupt where it holds the bytes
    // no longer; io.
    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan out) const override;
    Result<std::size_t> read_at(std::uint64_t offset,
                                std::span<const MutableByteSpan> parts) const override;
    Result<std::uint64_t> next_data(std::uint64_t offset) const override;
    Result<std::uint64_t> next_hole(std::uint64_t offset) const override;
    Result<FileStatus> status() const override { return own_->status(); }

    // Errors: unsupported.
    Result<> write_at(std::uint64_t offset, ByteSpan bytes) override;
    Result<> write_at(std::uint64_t offset, std::span<const ByteSpan> parts) override;
    Result<> sync() override;
    Result<> truncate(std::uint64_t size) override;
    Result<> allocate(std::uint64_t offset, std::uint64_t length) override;
    Result<> punch(std::uint64_t offset, std::uint64_t length) override;
    Result<> copy_from(const File& source, std::uint64_t source_offset, std::uint64_t offset,
                       std::uint64_t length) override;
    int descriptor() const override { return -1; }

private:
    enum class Look : std::uint8_t { for_data, for_hole };
    Result<std::uint64_t> next(std::uint64_t offset, Look look) const;

    const StoredContent& over_;
    const std::shared_ptr<File> own_;
    const std::shared_ptr<StoredContent> base_;
    const std::uint64_t generation_;
};

// So many lie below a content at most; of one more, what is the same is copied.
inline constexpr std::size_t kLayersMax = 16;
// Whether `id` is `content`, or below it.
bool lies_over(std::shared_ptr<StoredContent> content, const ContentId& id);
// How many contents lie below.
std::size_t layers_below(std::shared_ptr<StoredContent> content);

// What lies below is also noted behind the tree of a content, in case the Database is lost.
//   note = "SWARMBAS" root:32 size:u64
Result<> write_base_note(File& tree, const ContentId& over, const ContentId& base);
std::optional<ContentId> read_base_note(const File& tree, const ContentId& over);

}  // namespace swarmfs::store
