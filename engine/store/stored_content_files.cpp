// Which files the bytes of a content lie in.

#include <algorithm>

#include "engine/store/layered_file.hpp"
#include "engine/store/store_shared.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

Result<std::shared_ptr<File>> StoredContent::data_file(Open how) {
    return data_.use([&]() -> Result<std::unique_ptr<File>> {
        if (how == Open::create) {
            SWARM_CHECK(shared_.disk().make_folder(shared_.folder_of(id_)));
        }
        // Opened for writing even by readers, because the slot is shared with writers.
        auto file = shared_.disk().open(shared_.data_path(id_),
                                        how == Open::create ? Open::create : Open::write);
        if (!file && how == Open::read && file.error().code != Code::not_found) {
            return shared_.disk().open(shared_.data_path(id_), Open::read);
        }
        return file;
    });
}

Result<std::shared_ptr<File>> StoredContent::tree_file(Open how) {
    return tree_.use([&]() -> Result<std::unique_ptr<File>> {
        if (how == Open::create) {
            SWARM_CHECK(shared_.disk().make_folder(shared_.folder_of(id_)));
        }
        return shared_.disk().open(shared_.tree_path(id_),
                                   how == Open::create ? Open::create : Open::write);
    });
}

std::shared_ptr<StoredContent> StoredContent::base() const {
    const std::lock_guard lock(mutex_);
    return base_;
}

LeafMasks StoredContent::own_leaves() const {
    const std::lock_guard lock(mutex_);
    return own_;
}

Result<Extents::Piece> StoredContent::own_run(std::uint64_t at, std::uint64_t end,
                                              std::uint64_t generation) const {
    const std::lock_guard lock(mutex_);
    if (generation != generation_) {
        return not_here();
    }
    const bool own = own_.has(at, 1);
    std::uint64_t next = at;
    do {
        next = std::min(end, (leaf_at(next).value + 1) * kLeafBytes);
    } while (next < end && own_.has(next, 1) == own);
    return Extents::Piece{{at, next - at}, own};
}

Result<std::shared_ptr<File>> StoredContent::bytes_file() {
    if (in_place()) {
        return place_file();
    }
    std::shared_ptr<StoredContent> below;
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        below = base_;
        generation = generation_;
    }
    auto file = data_file(Open::read);
    if (!file || !below) {
        return file;
    }
    return std::shared_ptr<File>(
        std::make_shared<LayeredFile>(*this, *std::move(file), std::move(below), generation));
}

// Of what was there in `generation`.
Result<std::shared_ptr<File>> StoredContent::file_to_read(std::uint64_t generation) {
    const bool elsewhere = in_place();
    auto file = bytes_file();
    if (!file && !elsewhere && file.error().code == Code::not_found) {
        return drop_all(generation, "its file is missing");
    }
    return file;
}

// The first place that still looks as it did when it was hashed; others are forgotten.
Result<std::shared_ptr<File>> StoredContent::place_file() {
    for (;;) {
        Place place;
        std::uint64_t generation = 0;
        {
            const std::lock_guard lock(mutex_);
            if (places_.empty()) {
                return not_here();
            }
            place = places_.front();
            generation = generation_;
        }
        auto file = place_.use([&] { return shared_.disk().open(place.path, Open::read); });
        if (file) {
            const auto status = (*file)->status();
            if (status && status->regular && status->device == place.device &&
                status->inode == place.inode && status->size == id_.size &&
                status->mtime_ns == place.mtime_ns) {
                return file;
            }
        } else if (file.error().code != Code::not_found) {
            return file;  // out of descriptors, say: the place may be as good as ever
        }
        place_.forget();
        bool last = false;
        {
            const std::lock_guard lock(mutex_);
            std::erase(places_, place);
            last = places_.empty();
        }
        note_change();
        if (last) {
            return drop_all(generation, "the shared file was changed or removed");
        }
    }
}

}  // namespace swarmfs::store
