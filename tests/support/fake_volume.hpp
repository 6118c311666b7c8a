#pragma once
// A swarm in memory, for tests of what stands in front of a Volume.
//
// It keeps the rules of engine/node/volume.hpp, and lets a test play everybody else: other members
// (the remote_ calls, which tell the listeners), a slow or failing network (hold_reads, fail_reads)
// and a failing disk (fail_next). Thread: any.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/node/volume.hpp"
#include "tests/support/fake_attributes.hpp"

namespace swarmfs::test {

class FakeVolume final : public node::Volume {
public:
    using Inode = node::Inode;

    explicit FakeVolume(std::string name = "photos") : name_(std::move(name)) {
        nodes_[node::kRootInode] = make_node(node::kRootInode, node::FileKind::directory, 0755);
    }

    // ---- other members ----
    // A path's parents are made as needed. Returns: the inode that now has the name.
    Inode remote_write(const std::string& path, std::string content);
    Inode remote_directory(const std::string& path);
    void remote_remove(const std::string& path);
    void remote_mode(const std::string& path, std::uint32_t mode);
    // Many files at once, told in one batch of changes.
    void remote_write_many(const std::string& directory, const std::vector<std::string>& names);

    // ---- the network and the disk ----
    // From now on reads wait, until answer_held or cancel_read.
    void hold_reads(bool hold);
    // Answers everything held, from the caller's thread.
    void answer_held();
    // Returns once `count` reads are held; false after ten seconds.
    bool wait_for_held(std::size_t count);
    std::size_t held() const;
    std::size_t cancelled() const;
    void fail_reads(std::optional<Error> error);
    // From now on opening needs confirming, which takes until answer_opens or cancel_read.
    void hold_opens(bool hold);
    // Confirms every held opening, or fails it, from the caller's thread.
    void answer_opens(const std::optional<Error>& failure = std::nullopt);
    bool wait_for_held_opens(std::size_t count);
    // The next call of this name ("write", "close_write", …) fails.
    void fail_next(const std::string& call, Error error);
    // `act` runs once, when the next lookup or read has its answer and has not given it yet.
    void after_next_lookup(std::function<void()> act);
    void after_next_read(std::function<void()> act);
    void set_read_only(bool read_only) { read_only_ = read_only; }
    // What it says of itself from now on. Outlives it.
    void report_with(node::Reports* reports) { reports_ = reports; }
    // What stored_bytes says of this file from now on.
    void set_stored(const std::string& path, std::uint64_t bytes);

    // ---- what happened ----
    std::size_t open_handles() const;
    std::size_t listeners() const;
    std::size_t calls(const std::string& call) const;
    std::string content(const std::string& path) const;  // "" when absent
    bool exists(const std::string& path) const;
    bool wait_until_no_handles();

    // ---- Volume ----
    std::string name() const override { return name_; }
    bool read_only() const override { return read_only_; }
    node::Space space() const override;
    Result<node::Attributes> lookup(Inode parent, std::string_view name) override;
    Result<node::Attributes> attributes(Inode inode) override;
    Result<std::vector<node::DirectoryEntry>> list(Inode directory, std::string_view after,
                                                   std::size_t count) override;
    Result<std::string> read_link(Inode inode) override;
    Result<node::Attributes> make_directory(Inode parent, std::string_view name,
                                            std::uint32_t mode) override;
    Result<node::Attributes> make_symlink(Inode parent, std::string_view name,
                                          std::string_view target) override;
    Result<> remove_file(Inode parent, std::string_view name) override;
    Result<> remove_directory(Inode parent, std::string_view name) override;
    Result<> rename(Inode parent, std::string_view name, Inode new_parent,
                    std::string_view new_name, node::RenameRule rule) override;
    Result<node::Attributes> set_attributes(Inode inode,
                                            const node::AttributeChanges& changes) override;
    FakeAttributes& extended_attributes() override { return extended_attributes_; }
    node::Reports* reports() override { return reports_; }
    Result<node::Created> create(Inode parent, std::string_view name, std::uint32_t mode) override;
    Result<node::FileHandle> open(Inode inode, node::Access access) override;
    bool needs_confirming(Inode inode) const override;
    node::ReadTicket open_confirmed(Inode inode, node::Access access, Duration deadline,
                                    node::OpenDone done) override;
    node::ReadTicket read(node::FileHandle handle, std::uint64_t offset, std::size_t length,
                          Duration deadline, node::ReadDone done) override;
    void cancel_read(node::ReadTicket ticket) override;
    Result<std::size_t> write(node::FileHandle handle, std::uint64_t offset,
                              ByteSpan bytes) override;
    Result<> close_write(node::FileHandle handle) override;
    Result<> sync(node::FileHandle handle) override;
    void release(node::FileHandle handle) override;
    std::uint64_t add_change_listener(ChangeListener listener) override;
    void remove_change_listener(std::uint64_t number) override;

private:
    struct Node {
        node::Attributes attributes;
        std::map<std::string, Inode, std::less<>> children;
        std::string target;
        std::shared_ptr<std::string> content = std::make_shared<std::string>();
        std::optional<std::uint64_t> stored;
        std::size_t opened = 0;
        bool named = true;
    };
    struct HeldRead {
        node::FileHandle handle;
        std::uint64_t offset;
        std::size_t length;
        node::ReadDone done;
    };
    struct HeldOpen {
        node::FileHandle handle;
        node::OpenDone done;
    };
    using NodePointer = std::shared_ptr<Node>;

    NodePointer make_node(Inode inode, node::FileKind kind, std::uint32_t mode);
    NodePointer find(Inode inode) const;
    NodePointer find_path(const std::string& path) const;
    Result<NodePointer> directory(Inode inode) const;
    node::Attributes attributes_of(const Node& node) const;
    Result<NodePointer> add(Inode parent, std::string_view name, node::FileKind kind,
                            std::uint32_t mode);
    Result<> begin(const char* call);  // counts the call, and fails it when asked to
    void unname(const NodePointer& node);
    void touch(Node& node);
    void answer(HeldRead read);
    void answer(const HeldOpen& open, const std::optional<Error>& failure);
    NodePointer parent_of(const std::string& path, std::string& leaf,
                          std::vector<node::Change>& changes);
    void tell(const std::vector<node::Change>& changes);

    const std::string name_;
    FakeAttributes extended_attributes_;
    node::Reports* reports_ = nullptr;
    std::atomic<bool> read_only_ = false;

    mutable std::mutex mutex_;  // guards all below
    std::condition_variable changed_;
    std::map<Inode, NodePointer> nodes_;
    std::map<node::FileHandle, NodePointer> handles_;
    std::map<node::ReadTicket, HeldRead> held_;
    std::map<node::ReadTicket, HeldOpen> held_opens_;
    std::map<std::string, std::size_t> calls_;
    std::map<std::string, Error> failures_;
    std::optional<Error> read_failure_;
    std::function<void()> after_lookup_;
    std::function<void()> after_read_;
    std::uint64_t next_ = 2;
    std::int64_t time_ns_ = 1'700'000'000'000'000'000;
    std::size_t cancelled_ = 0;
    bool hold_ = false;
    bool hold_opens_ = false;

    mutable std::mutex listeners_mutex_;
    std::map<std::uint64_t, ChangeListener> listeners_;  // guarded by listeners_mutex_
};

}  // namespace swarmfs::test
