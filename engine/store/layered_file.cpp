#include "engine/store/layered_file.hpp"

#include <algorithm>
#include <string_view>

#include "engine/core/wire.hpp"

namespace swarmfs::store {
namespace {

constexpr std::string_view kNoteMagic = "SWARMBAS";

Result<> for_reading_only() {
    return caller_error(Code::unsupported, "a content that lies over another is read only");
}

}  // namespace

bool lies_over(std::shared_ptr<StoredContent> content, const ContentId& id) {
    while (content && content->id() != id) {
        content = content->base();
    }
    return content != nullptr;
}

std::size_t layers_below(std::shared_ptr<StoredContent> content) {
    std::size_t count = 0;
    while ((content = content->base())) {
        ++count;
    }
    return count;
}

Result<> write_base_note(File& tree, const ContentId& over, const ContentId& base) {
    Bytes note = to_bytes(as_bytes(kNoteMagic));
    WireWriter out(note);
    out.fixed(base.root);
    out.u64(base.size);
    return tree.write_at(content::TreeShape(over.size).tree_file_bytes(), note);
}

std::optional<ContentId> read_base_note(const File& tree, const ContentId& over) {
    Bytes note(kNoteMagic.size() + Hash256::kSize + 8);
    const auto got = tree.read_at(content::TreeShape(over.size).tree_file_bytes(), note);
    const ByteSpan magic = ByteSpan(note).first(kNoteMagic.size());
    if (!got || *got < note.size() ||
        !std::equal(magic.begin(), magic.end(), as_bytes(kNoteMagic).begin())) {
        return std::nullopt;
    }
    WireReader in(ByteSpan(note).subspan(kNoteMagic.size()));
    ContentId base;
    base.root = in.fixed<Hash256>();
    base.size = in.u64();
    return base != over && content::check_content_id(base) ? std::optional(base) : std::nullopt;
}

Result<std::size_t> LayeredFile::read_at(std::uint64_t offset, MutableByteSpan out) const {
    const std::uint64_t size = over_.id().size;
    if (offset >= size) {
        return std::size_t{0};
    }
    out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size - offset)));
    for (std::size_t filled = 0; filled < out.size();) {
        SWARM_TRY(const auto run, over_.own_run(offset + filled, offset + out.size(), generation_));
        const MutableByteSpan part =
            out.subspan(filled, static_cast<std::size_t>(run.range.length));
        SWARM_TRY(const std::size_t got, run.covered ? own_->read_at(offset + filled, part)
                                                     : base_->read(offset + filled, part));
        if (got < part.size() && !run.covered) {
            return disk_error(Code::corrupt, "the content below ends too soon");
        }
        filled += got;
        if (got < part.size()) {
            return filled;
        }
    }
    return out.size();
}

Result<std::size_t> LayeredFile::read_at(std::uint64_t offset,
                                         std::span<const MutableByteSpan> parts) const {
    std::size_t filled = 0;
    for (const MutableByteSpan part : parts) {
        SWARM_TRY(const std::size_t got, read_at(offset + filled, part));
        filled += got;
        if (got < part.size()) {
            break;
        }
    }
    return filled;
}

// Run by run: the file a run lies in knows where data and holes begin.
Result<std::uint64_t> LayeredFile::next(std::uint64_t offset, Look look) const {
    const std::uint64_t size = over_.id().size;
    for (std::uint64_t at = offset; at < size;) {
        SWARM_TRY(const auto run, over_.own_run(at, size, generation_));
        const std::uint64_t end = run.range.end();
        std::uint64_t found = at;
        if (look == Look::for_data) {
            SWARM_TRY(found, run.covered ? own_->next_data(at) : base_->next_data(at));
        } else {
            SWARM_TRY(found, run.covered ? own_->next_hole(at) : base_->next_hole(at));
        }
        if (found < end) {
            return found;
        }
        at = end;
    }
    return std::max(offset, size);
}

Result<std::uint64_t> LayeredFile::next_data(std::uint64_t offset) const {
    return next(offset, Look::for_data);
}

Result<std::uint64_t> LayeredFile::next_hole(std::uint64_t offset) const {
    return next(offset, Look::for_hole);
}

Result<> LayeredFile::write_at(std::uint64_t, ByteSpan) {
    return for_reading_only();
}
Result<> LayeredFile::write_at(std::uint64_t, std::span<const ByteSpan>) {
    return for_reading_only();
}
Result<> LayeredFile::sync() {
    return for_reading_only();
}
Result<> LayeredFile::truncate(std::uint64_t) {
    return for_reading_only();
}
Result<> LayeredFile::allocate(std::uint64_t, std::uint64_t) {
    return for_reading_only();
}
Result<> LayeredFile::punch(std::uint64_t, std::uint64_t) {
    return for_reading_only();
}
Result<> LayeredFile::copy_from(const File&, std::uint64_t, std::uint64_t, std::uint64_t) {
    return for_reading_only();
}

}  // namespace swarmfs::store
