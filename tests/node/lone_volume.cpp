#include "tests/node/lone_volume.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <future>

namespace swarmfs::test {

using node::kRootInode;

// ---- the disk ----

class HeldFile final : public store::File {
public:
    HeldFile(HeldDisk& disk, store::Path path, std::unique_ptr<File> under)
        : disk_(disk), path_(std::move(path)), under_(std::move(under)) {}

    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan out) const override {
        disk_.reading(path_, out.size());
        return under_->read_at(offset, out);
    }
    Result<std::size_t> read_at(std::uint64_t offset,
                                std::span<const MutableByteSpan> parts) const override {
        disk_.reading(path_, 0);
        return under_->read_at(offset, parts);
    }
    Result<> write_at(std::uint64_t offset, ByteSpan bytes) override {
        if (disk_.full_ && path_.parent_path().filename() == "staging") {
            return disk_error(Code::no_space, "the disk is full");
        }
        return under_->write_at(offset, bytes);
    }
    Result<> write_at(std::uint64_t offset, std::span<const ByteSpan> parts) override {
        return under_->write_at(offset, parts);
    }
    Result<> sync() override {
        disk_.synced(path_);
        return under_->sync();
    }
    Result<> truncate(std::uint64_t size) override { return under_->truncate(size); }
    Result<> allocate(std::uint64_t offset, std::uint64_t length) override {
        return under_->allocate(offset, length);
    }
    Result<> punch(std::uint64_t offset, std::uint64_t length) override {
        return under_->punch(offset, length);
    }
    Result<std::uint64_t> next_data(std::uint64_t offset) const override {
        return under_->next_data(offset);
    }
    Result<std::uint64_t> next_hole(std::uint64_t offset) const override {
        return under_->next_hole(offset);
    }
    Result<> copy_from(const File& source, std::uint64_t source_offset, std::uint64_t offset,
                       std::uint64_t length) override {
        return under_->copy_from(*dynamic_cast<const HeldFile&>(source).under_, source_offset,
                                 offset, length);
    }
    Result<store::FileStatus> status() const override { return under_->status(); }
    int descriptor() const override { return under_->descriptor(); }

private:
    HeldDisk& disk_;
    const store::Path path_;
    const std::unique_ptr<File> under_;
};

Result<std::unique_ptr<store::File>> HeldDisk::open(const store::Path& path, store::Open how) {
    SWARM_TRY(auto file, under_.open(path, how));
    return std::unique_ptr<store::File>(std::make_unique<HeldFile>(*this, path, std::move(file)));
}

void HeldDisk::hold_next_read() {
    const std::lock_guard lock(mutex_);
    hold_ = Hold::next;
}

void HeldDisk::hold_large_reads() {
    const std::lock_guard lock(mutex_);
    hold_ = Hold::large;
}

void HeldDisk::wait_until_held() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return held_ > 0; }));
}

void HeldDisk::let_go() {
    const std::lock_guard lock(mutex_);
    hold_ = Hold::no;
    changed_.notify_all();
}

void HeldDisk::reading(const store::Path& path, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    const bool staging = path.parent_path().filename() == "staging";
    const bool large = bytes >= (1 << 20);
    large_reads_ += staging && large ? 1 : 0;
    if (staging && (hold_ == Hold::next || (hold_ == Hold::large && large))) {
        hold_ = hold_ == Hold::next ? Hold::held : hold_;
        ++held_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return hold_ == Hold::no; });
        --held_;
    }
}

void HeldDisk::synced(const store::Path& path) {
    const std::lock_guard lock(mutex_);
    synced_.push_back(path);
}

std::size_t HeldDisk::large_reads() const {
    const std::lock_guard lock(mutex_);
    return large_reads_;
}

std::size_t HeldDisk::syncs_below(const std::string& folder) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(synced_.begin(), synced_.end(), [&](const store::Path& path) {
            return std::find(path.begin(), path.end(), store::Path(folder)) != path.end();
        }));
}

// ---- the volume ----

LoneVolume::LoneVolume() {
    const store::Path home = scratch / "home";
    for (const char* part : {"db", "staging", "content"}) {
        REQUIRE(disk.make_folder(home / part).ok());
    }
    database = std::move(store::Database::open(disk, home / "db").value());
    contents = std::move(store::ContentStore::open(disk, *database, home).value());
    const auto key = crypto::SigningKey::generate(dice);
    const SwarmId swarm_id{key.public_key().bytes};
    catalog::GrantLink link;
    link.subject = key.public_key();
    link.role = catalog::Role::admin;
    link.issued_ms = clock.wall_ms();
    identity = std::make_unique<node::Identity>(key, swarm_id, catalog::grant_from_owner(key, link),
                                                std::uint16_t{0}, clock);
    tree = std::make_unique<node::Tree>(node::Tree::Parts{*database, *identity, clock, dice, 0},
                                        swarm_id);
    publisher = std::make_unique<node::Publisher>(
        node::Publisher::Parts{*tree, swarm_id, *database, *contents, disk, home / "staging", jobs,
                               swarm, clock, problems, [](const ContentId&, const std::string&) {},
                               [this] { make_room(); }},
        [this](const std::shared_ptr<node::OpenFile>& file) { volume->published(file); });
    volume = std::make_shared<node::TreeVolume>(node::TreeVolume::Parts{
        "team", home.string(), *identity, *tree, *database, *contents, *publisher, jobs, swarm,
        clock, problems, [this] { return make_room(); },
        [] { return std::make_shared<const node::Policy>(); }});
}

LoneVolume::~LoneVolume() {
    disk.let_go();
    jobs.drain();
}

node::Inode LoneVolume::inode_of(const std::string& name) {
    const auto found = volume->lookup(kRootInode, name);
    REQUIRE(found.ok());
    return found->inode;
}

node::Created LoneVolume::create(const std::string& name) {
    const auto created = volume->create(kRootInode, name, 0644);
    REQUIRE(created.ok());
    return *created;
}

node::Inode LoneVolume::make_file(const std::string& name, const std::string& text) {
    const node::Created created = create(name);
    write(created.handle, 0, text);
    close(created.handle);
    jobs.drain();
    return created.attributes.inode;
}

node::FileHandle LoneVolume::open_to_write(const std::string& name) {
    const auto handle = volume->open(inode_of(name), node::Access::read_write);
    REQUIRE(handle.ok());
    return *handle;
}

void LoneVolume::write(node::FileHandle handle, std::uint64_t offset, const std::string& text) {
    REQUIRE(volume->write(handle, offset, as_bytes(text)).ok());
}

void LoneVolume::close(node::FileHandle handle) {
    REQUIRE(volume->close_write(handle).ok());
    volume->release(handle);
}

void LoneVolume::close_and_hold(node::FileHandle handle, const std::string& text) {
    write(handle, 0, text);
    disk.hold_next_read();
    close(handle);
    disk.wait_until_held();
}

std::uint64_t LoneVolume::listen(std::vector<node::Change>& heard) {
    return volume->add_change_listener([&heard](const std::vector<node::Change>& changes) {
        heard.insert(heard.end(), changes.begin(), changes.end());
    });
}

std::string LoneVolume::read(const std::string& name) {
    const auto handle = volume->open(inode_of(name), node::Access::read);
    REQUIRE(handle.ok());
    std::string text = read(*handle);
    volume->release(*handle);
    return text;
}

std::string LoneVolume::read(node::FileHandle handle) {
    std::promise<std::string> answer;
    volume->read(handle, 0, 1 << 20, Duration::zero(), [&](Result<ByteSpan> bytes) {
        answer.set_value(bytes.ok() ? std::string(as_text(*bytes)) : bytes.error().message);
    });
    return answer.get_future().get();
}

void LoneVolume::wait_until_published(std::uint64_t count) {
    std::mutex mutex;
    std::condition_variable changed;
    const auto listener = volume->add_change_listener([&](const std::vector<node::Change>&) {
        const std::lock_guard lock(mutex);
        changed.notify_all();
    });
    {
        std::unique_lock lock(mutex);
        CHECK(changed.wait_for(lock, std::chrono::seconds(60),
                               [&] { return publisher->published_count() >= count; }));
    }
    volume->remove_change_listener(listener);
}

std::vector<std::string> LoneVolume::names() {
    std::vector<std::string> all;
    const auto entries = volume->list(kRootInode, "", 100);
    REQUIRE(entries.ok());
    for (const node::DirectoryEntry& entry : *entries) {
        all.push_back(entry.name);
    }
    return all;
}

std::size_t LoneVolume::staging_files() {
    return disk.list(scratch / "home/staging").value().size();
}

}  // namespace swarmfs::test
