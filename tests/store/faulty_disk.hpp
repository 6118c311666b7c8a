#pragma once
// A disk on which the n-th persistence call fails, in the manner asked for. Every call that writes,
// syncs, or changes a name counts; reads do not.

#include <atomic>
#include <functional>

#include "engine/store/disk.hpp"

namespace swarmfs::test {

using store::File;
using store::FileStatus;
using store::Path;

enum class Fault {
    none,
    io,           // EIO, nothing written
    no_space,     // ENOSPC, nothing written
    short_write,  // half of a write arrives, then ENOSPC; other calls as no_space
};

class FaultyDisk : public store::Disk {
public:
    // From now on, call number `nth` (from 0) fails, and every later one too when `lasting`.
    void fail_at(std::uint64_t nth, Fault fault, bool lasting) {
        calls_ = 0;
        nth_ = nth;
        lasting_ = lasting;
        fault_ = fault;
    }
    void heal() {
        fault_ = Fault::none;
        unreadable_.clear();
    }
    // From now on, byte `offset` of files whose name ends in `suffix` cannot be read.
    void spoil(std::string suffix, std::uint64_t offset) {
        unreadable_ = std::move(suffix);
        unreadable_at_ = offset;
    }
    std::uint64_t calls() const { return calls_; }
    std::uint64_t syncs() const { return syncs_; }
    bool met() const { return calls_ > nth_; }
    // Called before each sync of a file.
    std::function<void()> before_sync;

    Result<std::unique_ptr<File>> open(const Path& path, store::Open how) override;
    Result<FileStatus> status(const Path& path) override { return under_.status(path); }
    Result<> rename(const Path& from, const Path& to) override {
        return strikes() ? Result<>(failure("renaming")) : under_.rename(from, to);
    }
    Result<> remove(const Path& path) override {
        return strikes() ? Result<>(failure("removing")) : under_.remove(path);
    }
    Result<> make_folder(const Path& path) override {
        return strikes() ? Result<>(failure("creating")) : under_.make_folder(path);
    }
    Result<> sync_folder(const Path& path) override {
        return strikes() ? Result<>(failure("syncing")) : under_.sync_folder(path);
    }
    Result<std::vector<std::string>> list(const Path& folder) override {
        return under_.list(folder);
    }
    Result<std::uint64_t> free_bytes(const Path& path) override { return under_.free_bytes(path); }
    Result<> commit(lmdb::WriteTransaction& transaction) override {
        return strikes() ? Result<>(failure("committing")) : under_.commit(transaction);
    }
    Result<> sync_all(const Path&) override {  // the real one is slow, and proves nothing here
        return strikes() ? Result<>(failure("syncing")) : done();
    }
    std::string boot() override { return under_.boot(); }

private:
    friend class FaultyFile;
    bool strikes() {
        const std::uint64_t call = calls_++;
        return fault_ != Fault::none && (lasting_ ? call >= nth_ : call == nth_);
    }
    Error failure(const char* doing) const {
        return disk_error(fault_ == Fault::io ? Code::io : Code::no_space,
                          std::string(doing) + ": as the test wants it");
    }

    store::SystemDisk under_;
    std::atomic<std::uint64_t> calls_ = 0;
    std::atomic<std::uint64_t> syncs_ = 0;
    std::atomic<std::uint64_t> nth_ = 0;
    std::atomic<bool> lasting_ = false;
    std::atomic<Fault> fault_ = Fault::none;
    std::string unreadable_;  // not changed while others use the disk
    std::uint64_t unreadable_at_ = 0;
};

class FaultyFile final : public File {
public:
    FaultyFile(FaultyDisk& disk, Path path, std::unique_ptr<File> under)
        : disk_(disk), path_(std::move(path)), under_(std::move(under)) {}

    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan out) const override {
        if (!disk_.unreadable_.empty() && path_.string().ends_with(disk_.unreadable_) &&
            disk_.unreadable_at_ >= offset && disk_.unreadable_at_ < offset + out.size()) {
            return disk_error(Code::io, "reading: as the test wants it");
        }
        return under_->read_at(offset, out);
    }
    Result<std::size_t> read_at(std::uint64_t offset,
                                std::span<const MutableByteSpan> parts) const override {
        std::size_t got = 0;
        for (const MutableByteSpan part : parts) {
            SWARM_TRY(const std::size_t of_it, read_at(offset + got, part));
            got += of_it;
        }
        return got;
    }
    Result<> write_at(std::uint64_t offset, ByteSpan bytes) override {
        if (!disk_.strikes()) {
            return under_->write_at(offset, bytes);
        }
        if (disk_.fault_ == Fault::short_write) {
            SWARM_CHECK(under_->write_at(offset, bytes.first(bytes.size() / 2)));
        }
        return disk_.failure("writing");
    }
    Result<> write_at(std::uint64_t offset, std::span<const ByteSpan> parts) override {
        if (!disk_.strikes()) {
            return under_->write_at(offset, parts);
        }
        if (disk_.fault_ == Fault::short_write) {
            SWARM_CHECK(under_->write_at(offset, parts.first(parts.size() / 2)));
        }
        return disk_.failure("writing");
    }
    Result<> sync() override {
        if (disk_.before_sync) {
            disk_.before_sync();
        }
        ++disk_.syncs_;
        return disk_.strikes() ? Result<>(disk_.failure("syncing")) : under_->sync();
    }
    Result<> truncate(std::uint64_t size) override {
        return disk_.strikes() ? Result<>(disk_.failure("truncating")) : under_->truncate(size);
    }
    Result<> allocate(std::uint64_t offset, std::uint64_t length) override {
        return disk_.strikes() ? Result<>(disk_.failure("reserving"))
                               : under_->allocate(offset, length);
    }
    Result<> punch(std::uint64_t offset, std::uint64_t length) override {
        return disk_.strikes() ? Result<>(disk_.failure("punching"))
                               : under_->punch(offset, length);
    }
    Result<std::uint64_t> next_data(std::uint64_t offset) const override {
        return under_->next_data(offset);
    }
    Result<std::uint64_t> next_hole(std::uint64_t offset) const override {
        return under_->next_hole(offset);
    }
    Result<> copy_from(const File& source, std::uint64_t source_offset, std::uint64_t offset,
                       std::uint64_t length) override {
        return disk_.strikes() ? Result<>(disk_.failure("copying"))
                               : under_->copy_from(source, source_offset, offset, length);
    }
    Result<FileStatus> status() const override { return under_->status(); }
    int descriptor() const override { return under_->descriptor(); }

private:
    FaultyDisk& disk_;
    const Path path_;
    std::unique_ptr<File> under_;
};

inline Result<std::unique_ptr<File>> FaultyDisk::open(const Path& path, store::Open how) {
    const bool creates = how == store::Open::create || how == store::Open::create_new;
    if (creates && strikes()) {
        return failure("opening");
    }
    SWARM_TRY(auto file, under_.open(path, how));
    return std::unique_ptr<File>(std::make_unique<FaultyFile>(*this, path, std::move(file)));
}

}  // namespace swarmfs::test
