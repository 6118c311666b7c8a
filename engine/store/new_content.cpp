#include "engine/store/new_content.hpp"

#include "engine/store/store_shared.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

Result<NewContent> hash_into_new(StoreShared& shared, std::uint64_t size, const ReadBytes& read,
                                 const GiveUp& give_up) {
    if (leaf_count(size) == 1) {  // its root is all its tree
        NoSink none;
        SWARM_TRY(const ContentId id, hash_bytes(size, read, none));
        return NewContent(id);
    }
    const Path path = shared.incoming_path(".tree");
    SWARM_TRY(const auto tree, shared.disk().open(path, Open::create_new));
    TreeFileSink sink(*tree, size);
    auto id = hash_bytes(size, read, sink, give_up);
    if (!id) {
        [[maybe_unused]] const auto removed = shared.disk().remove(path);
        return std::move(id).error();
    }
    NewContent fresh(*id);
    fresh.tree_ = path;
    return fresh;
}

ContentWriter::ContentWriter(ContentWriter&&) noexcept = default;

ContentWriter::~ContentWriter() {
    if (file_) {
        [[maybe_unused]] const auto removed = shared_->disk().remove(path_);
    }
}

Result<> ContentWriter::append(ByteSpan bytes) {
    if (bytes.size() > kContentBytesMax - builder_.size()) {
        return caller_error(Code::too_large, "a file ends at 1 PiB");
    }
    if (!file_ && small_.size() + bytes.size() > kSmallBytesMax) {
        path_ = shared_->incoming_path(".data");
        SWARM_TRY(file_, shared_->disk().open(path_, Open::create_new));
        SWARM_CHECK(file_->write_at(0, small_));
        small_.clear();
    }
    if (file_) {
        SWARM_CHECK(file_->write_at(builder_.size(), bytes));
    } else {
        small_.insert(small_.end(), bytes.begin(), bytes.end());
    }
    builder_.append(bytes);
    return done();
}

Result<NewContent> ContentWriter::finish() {
    const content::HashTree tree = builder_.finish();
    NewContent fresh(tree.id());
    fresh.masks_.add_all();
    fresh.checked_.add_all();
    if (!file_) {
        fresh.small_ = std::move(small_);
        return fresh;
    }
    if (tree.shape().leaves() > 1) {
        const Path path = shared_->incoming_path(".tree");
        SWARM_TRY(const auto file, shared_->disk().open(path, Open::create_new));
        TreeFileSink sink(*file, tree.id().size);
        if (auto written = tree.write_to(sink); !written) {
            [[maybe_unused]] const auto removed = shared_->disk().remove(path);
            return std::move(written).error();
        }
        fresh.tree_ = path;
    }
    fresh.data_ = path_;
    file_.reset();
    return fresh;
}

}  // namespace swarmfs::store
