#include "engine/node/file_attributes.hpp"

#include <algorithm>

#include "engine/node/done_requests.hpp"

namespace swarmfs::node {

struct FileAttributes::Asked {
    store::InodeRecord record;
    std::shared_ptr<OpenFile> file;  // null unless it is open or waits to be published

    bool is_file() const { return record.kind == store::InodeKind::file; }
    // Written here, and no content of anybody's yet.
    bool being_written() const { return is_file() && ((file && file->written()) || !record.dot); }
};

// One of the file system's own. `answer` may take its time. `set` is null where nothing can be set;
// it takes nothing for a removal, and returns false when there is nothing to remove.
struct FileAttributes::Own {
    std::string_view name;
    std::uint64_t (*answer)(FileAttributes& self, const Asked& asked, AttributeDone done);
    Result<bool> (*set)(FileAttributes& self, Inode inode, std::optional<ByteSpan> value);
};

namespace {

using Answer = Result<std::optional<Bytes>>;

Answer none() {
    return std::optional<Bytes>();
}

Answer text(std::string_view words) {
    return std::optional(to_bytes(as_bytes(words)));
}

}  // namespace

struct OwnAttributes {
    using Asked = FileAttributes::Asked;

    template <auto get>
    static std::uint64_t at_once(FileAttributes& self, const Asked& asked, AttributeDone done) {
        done(get(self, asked));
        return 0;
    }

    // Where the bytes are: `writing` and `publishing` before anybody else can have them, then how
    // much of them is here.
    static Answer state(FileAttributes& self, const Asked& asked) {
        if (!asked.is_file()) {
            return none();
        }
        if (asked.being_written()) {
            return text(asked.file && asked.file->writers > 0 ? "writing" : "publishing");
        }
        SWARM_TRY(const Attributes shown, self.parts_.attributes(asked.record.inode));
        return text(shown.stored_bytes >= shown.size ? "stored"
                    : shown.stored_bytes == 0        ? "remote"
                                                     : "partial");
    }

    static Answer have(FileAttributes& self, const Asked& asked) {
        if (!asked.is_file()) {
            return none();
        }
        SWARM_TRY(const Attributes shown, self.parts_.attributes(asked.record.inode));
        return text(std::to_string(shown.stored_bytes) + "/" + std::to_string(shown.size));
    }

    static Answer root(FileAttributes&, const Asked& asked) {
        const bool has_one = !asked.being_written() && asked.record.content.size > 0;
        return has_one ? text(asked.record.content.root.hex()) : none();
    }

    static Answer author(FileAttributes&, const Asked& asked) {
        return asked.record.dot ? text(asked.record.dot->author.node.hex()) : none();
    }

    static Answer last_error(FileAttributes& self, const Asked& asked) {
        const auto reason = self.parts_.failures.of(asked.record.inode);
        return reason ? text(*reason) : none();
    }

    static Answer tags(FileAttributes& self, const Asked& asked) {
        const TreeView view = self.parts_.tree.view();
        SWARM_TRY(const auto noted, view.names.annotations(asked.record, view.catalog));
        return noted.tags.empty() ? none() : text(catalog::to_text(noted.tags));
    }

    static Result<bool> set_tags(FileAttributes& self, Inode inode, std::optional<ByteSpan> value) {
        SWARM_TRY(auto tags, catalog::parse_tags(value ? as_text(*value) : std::string_view()));
        return self.alter(inode, [&](catalog::Annotations& noted) -> Result<bool> {
            const bool there = value || !noted.tags.empty();
            noted.tags = tags;
            return there;
        });
    }

    // ---- what concerns this node alone (keep_wishes.hpp) ----

    static Answer pin(FileAttributes& self, const Asked& asked) {
        SWARM_TRY(const auto pinned, pinned_by(self, asked));
        return pinned == KeepWishes::Pinned::itself ? text("1") : none();
    }

    static Answer pinned(FileAttributes& self, const Asked& asked) {
        SWARM_TRY(const auto pinned, pinned_by(self, asked));
        return text(pinned == KeepWishes::Pinned::no ? "0" : "1");
    }

    // A file without a name is pinned by nobody.
    static Result<KeepWishes::Pinned> pinned_by(FileAttributes& self, const Asked& asked) {
        const auto named = self.named(asked.record.inode);
        return self.parts_.wishes == nullptr || !named.ok()
                   ? KeepWishes::Pinned::no
                   : self.parts_.wishes->pinned(named->path);
    }

    static Result<bool> set_pin(FileAttributes& self, Inode inode, std::optional<ByteSpan> value) {
        SWARM_TRY(const bool wanted, value ? yes_or_no(*value) : Result<bool>(false));
        SWARM_TRY(KeepWishes* const wishes, self.wishes());
        SWARM_TRY(const auto named, self.named(inode));
        if (wanted) {
            SWARM_CHECK(wishes->pin(named.path));
            return true;
        }
        const bool itself = wishes->pinned(named.path) == KeepWishes::Pinned::itself;
        if (!value && !itself) {
            return false;
        }
        const auto unpinned = wishes->unpin(named.path);
        if (!unpinned.ok() && !(itself && unpinned.error().code == Code::invalid)) {
            return unpinned.error();
        }
        return true;
    }

    static Result<bool> set_prefetch(FileAttributes& self, Inode inode,
                                     std::optional<ByteSpan> value) {
        return order(self, inode, value,
                     [](KeepWishes& wishes, const FileAttributes::Named& named) {
                         return wishes.prefetch(named.record);
                     });
    }

    static Result<bool> set_evict(FileAttributes& self, Inode inode,
                                  std::optional<ByteSpan> value) {
        return order(self, inode, value,
                     [](KeepWishes& wishes, const FileAttributes::Named& named) {
                         return wishes.evict(named.record, named.path);
                     });
    }

    // An order is given by setting "1", and is nothing that could be read or removed afterwards.
    template <class Act>
    static Result<bool> order(FileAttributes& self, Inode inode, std::optional<ByteSpan> value,
                              const Act& act) {
        if (!value) {
            return false;
        }
        SWARM_TRY(const bool wanted, yes_or_no(*value));
        if (!wanted) {
            return caller_error(Code::invalid, "it can be ordered with \"1\", and not taken back");
        }
        SWARM_TRY(KeepWishes* const wishes, self.wishes());
        SWARM_TRY(const auto named, self.named(inode));
        SWARM_CHECK(act(*wishes, named));
        return true;
    }

    static Result<bool> yes_or_no(ByteSpan value) {
        const std::string_view said = as_text(value);
        if (said != "0" && said != "1") {
            return caller_error(Code::invalid, "it takes \"1\" or \"0\"");
        }
        return said == "1";
    }

    static std::uint64_t never(FileAttributes&, const Asked&, AttributeDone done) {
        done(none());
        return 0;
    }

    static std::uint64_t sha256(FileAttributes& self, const Asked& asked, AttributeDone done) {
        if (!asked.is_file()) {
            done(none());
            return 0;
        }
        if (asked.being_written()) {
            done(caller_error(Code::busy, "the file is being written; ask when it is published"));
            return 0;
        }
        if (asked.record.content.size == 0) {
            constexpr std::string_view kOfNothing =
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
            done(text(kOfNothing));
            return 0;
        }
        return self.hashes_.request(asked.record.content,
                                    [done = std::move(done)](const Result<Hash256>& hash) {
                                        done(hash.ok() ? text(hash->hex()) : Answer(hash.error()));
                                    });
    }

    // The swarm answers on its engine thread, for which a worker waits and no request of the kernel.
    static std::uint64_t sources(FileAttributes& self, const Asked& asked, AttributeDone done) {
        if (!asked.is_file() || asked.record.content.size == 0) {
            done(none());
            return 0;
        }
        self.parts_.jobs.post(Lane::small, [&self, content = asked.record.content,
                                            done = std::move(done)]() mutable {
            if (self.stopping_) {
                done(caller_error(Code::cancelled, "the node stops"));
                return;
            }
            const auto sources = self.parts_.swarm.sources(content);
            const auto count = std::count_if(sources.begin(), sources.end(), [](const auto& one) {
                return one.connected &&
                       (one.holds_all || one.chunks_held > 0 || one.bytes_received > 0);
            });
            done(text(std::to_string(count)));
        });
        return 0;
    }

    // To add one, add a line. docs/fs-semantics.md lists them for people.
    static constexpr FileAttributes::Own kAll[] = {
        {"author", at_once<author>, nullptr}, {"evict", never, set_evict},
        {"have", at_once<have>, nullptr},     {"last_error", at_once<last_error>, nullptr},
        {"pin", at_once<pin>, set_pin},       {"pinned", at_once<pinned>, nullptr},
        {"prefetch", never, set_prefetch},    {"root", at_once<root>, nullptr},
        {"sha256", sha256, nullptr},          {"sources", sources, nullptr},
        {"state", at_once<state>, nullptr},   {"tags", at_once<tags>, set_tags},
    };
};

namespace {

bool is_own(std::string_view name) {
    return name.substr(0, kOwnPrefix.size()) == kOwnPrefix;
}

Error cannot_be_set(std::string_view name) {
    return caller_error(Code::permission, "user." + std::string(name) + " cannot be set");
}

}  // namespace

FileAttributes::FileAttributes(Parts parts)
    : parts_(std::move(parts)), hashes_({parts_.tree, parts_.contents, parts_.jobs}) {}

void FileAttributes::stop() {
    stopping_ = true;
    hashes_.stop();
}

// Requires: is_own(name). Returns: null when there is no such attribute.
const FileAttributes::Own* FileAttributes::find_own(std::string_view name) {
    const auto* const found = std::find_if(
        std::begin(OwnAttributes::kAll), std::end(OwnAttributes::kAll),
        [plain = name.substr(kOwnPrefix.size())](const Own& own) { return own.name == plain; });
    return found == std::end(OwnAttributes::kAll) ? nullptr : found;
}

// Of an open file without a name, what it was when it had one.
Result<store::InodeRecord> FileAttributes::record_of(Inode inode) const {
    auto record = parts_.tree.view().names.find(inode);
    if (!record.ok()) {
        if (const auto file = parts_.opened(inode)) {
            const std::lock_guard lock(file->mutex());
            return file->record;
        }
    }
    return record;
}

Result<FileAttributes::Named> FileAttributes::named(Inode inode) const {
    const TreeView view = parts_.tree.view();
    auto record = view.names.find(inode);
    if (!record.ok()) {
        return parts_.opened(inode)
                   ? caller_error(Code::unsupported, "a file without a name cannot be kept")
                   : record.error();
    }
    SWARM_TRY(auto path, view.names.path_of(*record));
    return Named{*std::move(record), std::move(path)};
}

Result<KeepWishes*> FileAttributes::wishes() const {
    if (parts_.wishes == nullptr) {
        return caller_error(Code::unsupported, "nothing can be kept by this volume");
    }
    return parts_.wishes;
}

std::uint64_t FileAttributes::get(Inode inode, std::string_view name, AttributeDone done) {
    auto record = record_of(inode);
    if (!record.ok()) {
        done(record.error());
        return 0;
    }
    if (is_own(name)) {
        const Own* const own = find_own(name);
        if (own == nullptr) {
            done(none());
            return 0;
        }
        return own->answer(*this, {*std::move(record), parts_.opened(inode)}, std::move(done));
    }
    const TreeView view = parts_.tree.view();
    auto noted = view.names.annotations(*record, view.catalog);
    if (!noted.ok()) {
        done(noted.error());
        return 0;
    }
    const auto found = noted->attributes.find(std::string(name));
    done(found == noted->attributes.end() ? none() : Answer(std::optional(found->second)));
    return 0;
}

// Another member may have named one as we name ours; it is never shown.
Result<std::vector<std::string>> FileAttributes::names(Inode inode) {
    SWARM_TRY(const auto record, record_of(inode));
    const TreeView view = parts_.tree.view();
    SWARM_TRY(const auto noted, view.names.annotations(record, view.catalog));
    std::vector<std::string> names;
    for (const auto& [name, value] : noted.attributes) {
        if (!is_own(name)) {
            names.push_back(name);
        }
    }
    return names;
}

Result<bool> FileAttributes::alter(Inode inode,
                                   const std::function<Result<bool>(catalog::Annotations&)>& act) {
    bool missing = false;
    const auto annotate = [&](store::Namespace& names, KeyValueWriter& batch) -> Result<> {
        const auto annotated = names.annotate(inode, [&](catalog::Annotations& noted) -> Result<> {
            SWARM_TRY(const bool found, act(noted));
            missing = !found;
            // An error, so that nothing is committed; it does not leave this function.
            return found ? done() : Result<>(caller_error(Code::not_found, "no attribute"));
        });
        SWARM_CHECK(annotated);
        note_done(batch, 0);
        return done();
    };
    const auto changed = parts_.tree.change(annotate, Tree::Origin::volume);
    if (missing) {
        return false;
    }
    if (!changed.ok()) {
        if (changed.error().code == Code::not_found && parts_.opened(inode)) {
            return caller_error(Code::unsupported,
                                "a file without a name takes no attributes: nobody would see them");
        }
        return changed.error();
    }
    parts_.changed(inode);
    return true;
}

Result<bool> FileAttributes::set(Inode inode, std::string_view name, ByteSpan value,
                                 AttributeRule rule) {
    if (is_own(name)) {
        const Own* const own = find_own(name);
        if (own == nullptr || own->set == nullptr) {
            return cannot_be_set(name);
        }
        return own->set(*this, inode, value);
    }
    return alter(inode, [&](catalog::Annotations& noted) -> Result<bool> {
        const auto found = noted.attributes.find(std::string(name));
        const bool there = found != noted.attributes.end();
        if (there && rule == AttributeRule::create) {
            return caller_error(Code::exists, "user." + std::string(name) + " is set already");
        }
        if (!there && rule == AttributeRule::replace) {
            return false;
        }
        noted.attributes[std::string(name)] = to_bytes(value);
        return true;
    });
}

Result<bool> FileAttributes::remove(Inode inode, std::string_view name) {
    if (is_own(name)) {
        const Own* const own = find_own(name);
        if (own == nullptr || own->set == nullptr) {
            return cannot_be_set(name);
        }
        return own->set(*this, inode, std::nullopt);
    }
    return alter(inode, [&](catalog::Annotations& noted) -> Result<bool> {
        return noted.attributes.erase(std::string(name)) > 0;
    });
}

}  // namespace swarmfs::node
