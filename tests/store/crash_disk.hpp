#pragma once
// A disk that can lose its power: what was not synced is gone, in whole or in part.
//
// Files live on the real disk; beside each stands a copy of what was last synced, and the names
// that were last synced with their folder. After lose_power() the files hold, sector by sector,
// either the synced or the later bytes, as the dice fall, and unsynced names are there or not.
// LMDB's files are left alone: their commits are taken to be what LMDB promises.

#include <map>
#include <set>

#include "engine/core/dice.hpp"
#include "engine/store/disk.hpp"
#include "tests/support/scratch_folder.hpp"

namespace swarmfs::test {

enum class Syncs { work, are_ignored };

class CrashDisk final : public store::Disk {
public:
    explicit CrashDisk(Syncs syncs) : syncs_(syncs) {}

    // Every later call fails, as if the machine were gone. Destroy what uses the disk, then call
    // lose_power, then open anew.
    void stop_everything() { stopped_ = true; }

    void lose_power(Dice& dice);

    Result<std::unique_ptr<store::File>> open(const store::Path& path, store::Open how) override;
    Result<store::FileStatus> status(const store::Path& path) override {
        return under_.status(path);
    }
    Result<> rename(const store::Path& from, const store::Path& to) override {
        SWARM_CHECK(alive());
        SWARM_CHECK(under_.rename(from, to));
        if (const auto at = names_.find(from); at != names_.end()) {
            names_[to] = at->second;
            names_.erase(from);
        }
        return done();
    }
    Result<> remove(const store::Path& path) override {
        SWARM_CHECK(alive());
        names_.erase(path);
        return under_.remove(path);
    }
    Result<> make_folder(const store::Path& path) override {
        SWARM_CHECK(alive());
        return under_.make_folder(path);
    }
    Result<> sync_folder(const store::Path& path) override {
        SWARM_CHECK(alive());
        if (syncs_ == Syncs::are_ignored) {
            return done();
        }
        std::erase_if(durable_names_,
                      [&](const auto& name) { return name.first.parent_path() == path; });
        for (const auto& [name, inode] : names_) {
            if (name.parent_path() == path) {
                durable_names_[name] = inode;
            }
        }
        return done();
    }
    Result<std::vector<std::string>> list(const store::Path& folder) override {
        return under_.list(folder);
    }
    Result<std::uint64_t> free_bytes(const store::Path& path) override {
        return under_.free_bytes(path);
    }
    Result<> commit(lmdb::WriteTransaction& transaction) override {
        SWARM_CHECK(alive());
        return under_.commit(transaction);
    }
    Result<> sync_all(const store::Path&) override {
        SWARM_CHECK(alive());
        if (syncs_ == Syncs::are_ignored) {
            return done();
        }
        durable_names_ = names_;
        for (auto& [inode, image] : images_) {
            image->synced = image->current();
        }
        return done();
    }
    std::string boot() override { return "boot " + std::to_string(boots_); }

private:
    friend class CrashFile;
    static constexpr std::size_t kSectorBytes = 512;

    struct Image {
        std::unique_ptr<store::File> file;  // keeps the inode, and the unsynced bytes
        Bytes synced;

        Bytes current() const {
            const auto status = file->status();
            Bytes bytes(static_cast<std::size_t>(status->size));
            SWARM_ASSERT(file->read_at(0, bytes).ok());
            return bytes;
        }
    };

    // A second name for every file, so that its inode is there when its first name comes back.
    store::Path shadow_of(std::uint64_t inode) const { return shadow_ / std::to_string(inode); }

    Result<> alive() const {
        return stopped_ ? Result<>(disk_error(Code::io, "the machine is gone")) : done();
    }

    static Bytes after_crash(const Image& image, Dice& dice);

    store::SystemDisk under_;
    ScratchFolder shadow_{Medium::memory};
    Syncs syncs_;
    bool stopped_ = false;
    int boots_ = 0;
    std::map<store::Path, std::uint64_t> names_;          // as programs see them
    std::map<store::Path, std::uint64_t> durable_names_;  // as the platter has them
    std::map<std::uint64_t, std::shared_ptr<Image>> images_;
};

class CrashFile final : public store::File {
public:
    CrashFile(CrashDisk& disk, std::unique_ptr<store::File> under,
              std::shared_ptr<CrashDisk::Image> image)
        : disk_(disk), under_(std::move(under)), image_(std::move(image)) {}

    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan out) const override {
        return under_->read_at(offset, out);
    }
    Result<std::size_t> read_at(std::uint64_t offset,
                                std::span<const MutableByteSpan> parts) const override {
        return under_->read_at(offset, parts);
    }
    Result<> write_at(std::uint64_t offset, ByteSpan bytes) override {
        SWARM_CHECK(disk_.alive());
        return under_->write_at(offset, bytes);
    }
    Result<> write_at(std::uint64_t offset, std::span<const ByteSpan> parts) override {
        SWARM_CHECK(disk_.alive());
        return under_->write_at(offset, parts);
    }
    Result<> sync() override {
        SWARM_CHECK(disk_.alive());
        if (disk_.syncs_ == Syncs::work) {
            image_->synced = image_->current();
        }
        return done();
    }
    Result<> truncate(std::uint64_t size) override {
        SWARM_CHECK(disk_.alive());
        return under_->truncate(size);
    }
    Result<> allocate(std::uint64_t offset, std::uint64_t length) override {
        SWARM_CHECK(disk_.alive());
        return under_->allocate(offset, length);
    }
    Result<> punch(std::uint64_t offset, std::uint64_t length) override {
        SWARM_CHECK(disk_.alive());
        return under_->punch(offset, length);
    }
    Result<std::uint64_t> next_data(std::uint64_t offset) const override {
        return under_->next_data(offset);
    }
    Result<std::uint64_t> next_hole(std::uint64_t offset) const override {
        return under_->next_hole(offset);
    }
    Result<> copy_from(const store::File& source, std::uint64_t source_offset, std::uint64_t offset,
                       std::uint64_t length) override {
        SWARM_CHECK(disk_.alive());
        return under_->copy_from(source, source_offset, offset, length);
    }
    Result<store::FileStatus> status() const override { return under_->status(); }
    int descriptor() const override { return under_->descriptor(); }

private:
    CrashDisk& disk_;
    std::unique_ptr<store::File> under_;
    std::shared_ptr<CrashDisk::Image> image_;
};

}  // namespace swarmfs::test
