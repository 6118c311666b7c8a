#pragma once
// Extended attributes of a swarm's files: those programs set, which live in the catalog, and the
// file system's own, which say what this node knows of a file (the table in file_attributes.cpp).
// Thread: any.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/node/extended_attributes.hpp"
#include "engine/node/file_hashes.hpp"
#include "engine/node/keep_wishes.hpp"
#include "engine/node/open_file.hpp"
#include "engine/node/read_failures.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class FileAttributes final : public ExtendedAttributes {
public:
    struct Parts {
        Tree& tree;
        store::ContentStore& contents;
        swarm::Swarm& swarm;
        JobGroup& jobs;
        const ReadFailures& failures;
        std::function<Result<Attributes>(Inode)> attributes;
        // The file, where somebody has it open or it waits to be published; else null.
        std::function<std::shared_ptr<OpenFile>(Inode)> opened;
        // Another version of the inode counts since now.
        std::function<void(Inode)> changed;
        KeepWishes* wishes = nullptr;  // null: nothing can be asked
    };
    explicit FileAttributes(Parts parts);

    std::uint64_t get(Inode inode, std::string_view name, AttributeDone done) override;
    Result<std::vector<std::string>> names(Inode inode) override;
    Result<bool> set(Inode inode, std::string_view name, ByteSpan value,
                     AttributeRule rule) override;
    Result<bool> remove(Inode inode, std::string_view name) override;

    FileHashes& hashes() { return hashes_; }
    // From here on nothing is hashed, nor the swarm asked.
    void stop();

private:
    struct Asked;
    struct Own;
    friend struct OwnAttributes;
    static const Own* find_own(std::string_view name);

    Result<store::InodeRecord> record_of(Inode inode) const;
    struct Named {
        store::InodeRecord record;
        std::string path;
    };
    // Errors: not_found; unsupported: it is open, and has no name any more.
    Result<Named> named(Inode inode) const;
    Result<KeepWishes*> wishes() const;
    Result<bool> alter(Inode inode, const std::function<Result<bool>(catalog::Annotations&)>& act);

    const Parts parts_;
    FileHashes hashes_;
    std::atomic<bool> stopping_ = false;
};

}  // namespace swarmfs::node
