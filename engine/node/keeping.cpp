#include "engine/node/keeping.hpp"

#include <condition_variable>

#include "engine/catalog/path_rules.hpp"
#include "engine/node/methods.hpp"
#include "engine/node/named_contents.hpp"
#include "engine/store/content_repair.hpp"

namespace swarmfs::node {
namespace {

constexpr std::size_t kFilesAtOnce = 32;
constexpr std::size_t kChunksAtOnce = 64;

Error broken_off() {
    return caller_error(Code::cancelled, "it was broken off; what was done stays done");
}

std::string quoted(const std::string& path) {
    return "\"" + path + "\"";
}

// Surveys that are under way. They may end after who waited for them has gone.
struct Asked {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<swarm::Survey> found;  // guarded by mutex
};

}  // namespace

// ---- pins ----

Result<> Keeping::pin(const std::string& path) {
    if (!member_.tree().view().names.resolve(path).ok()) {
        return nothing_at(path, member_.membership().name);
    }
    SWARM_CHECK(pins_.set(member_.id(), path, true));
    member_.pin_keeper().look();
    return done();
}

Result<> Keeping::unpin(const std::string& path) {
    SWARM_CHECK(pins_.set(member_.id(), path, false));
    member_.pin_keeper().look();
    if (const auto above = pins_.covering(member_.id(), path)) {
        return caller_error(Code::invalid, quoted(path) + " is pinned with " + quoted(*above) +
                                               ", in which it is; unpin that: swarmfs unpin " +
                                               member_.membership().name + " " +
                                               (above->empty() ? "/" : *above));
    }
    return done();
}

bool Keeping::is_pinned(const std::string& path) const {
    return pins_.covering(member_.id(), path).has_value();
}

// ---- what is below a path ----

Result<std::vector<Keeping::File>> Keeping::files_stored_below(const std::string& path) const {
    const TreeView view = member_.tree().view();
    const auto found = view.names.resolve(path);
    if (!found.ok()) {
        return nothing_at(path, member_.membership().name);
    }
    std::vector<File> files;
    const auto note = [&](const store::InodeRecord& record, std::string at) {
        if (record.kind != store::InodeKind::file || record.content.size == 0) {
            return;
        }
        const auto stored = member_.contents().open(record.content);
        if (stored.ok() && (*stored)->stored_bytes() > 0) {
            files.push_back({std::move(at), record.content});
        }
    };
    if (found->kind == store::InodeKind::file) {
        note(*found, path);
        return files;
    }
    TreeCursor cursor;
    cursor.begin_at(found->inode, path);
    while (!cursor.at_end()) {
        for (TreeCursor::File& file : cursor.next(view.names, 1000)) {
            note(file.record, std::move(file.path));
        }
    }
    return files;
}

Result<std::set<ContentId>> Keeping::stored_below(const std::string& path) const {
    SWARM_TRY(const std::vector<File> files, files_stored_below(path));
    std::set<ContentId> contents;
    for (const File& file : files) {
        contents.insert(file.content);
    }
    return contents;
}

// ---- evict ----

Result<EvictReport> Keeping::evict(const std::string& path, const GoOn& go_on) {
    SWARM_TRY(const std::vector<File> files, files_stored_below(path));
    std::set<ContentId> wanted;
    for (const File& file : files) {
        wanted.insert(file.content);
    }
    const NamedContents named = named_contents(
        member_.tree(), *member_.policy(), pins_, member_.id(),
        [&](const ContentId& content) { return wanted.contains(content); }, [] { return false; });
    EvictReport report;
    const auto keep = [&](const File& file, Error why) {
        ++report.kept_files;
        if (report.kept.size() < kNamedMax) {
            report.kept.push_back({file.path, std::move(why)});
        }
    };
    for (std::size_t begin = 0; begin < files.size(); begin += kFilesAtOnce) {
        if (!go_on(report.files, report.bytes)) {
            return broken_off();
        }
        std::vector<const File*> open;
        for (std::size_t i = begin; i < std::min(files.size(), begin + kFilesAtOnce); ++i) {
            SWARM_TRY(const auto content, member_.contents().open(files[i].content));
            if (auto why = why_kept(files[i].path, *content)) {
                keep(files[i], *std::move(why));
            } else {
                open.push_back(&files[i]);
            }
        }
        const auto asked = std::make_shared<Asked>();
        for (const File* file : open) {
            member_.swarm().survey(file->content, [asked](const swarm::Survey& survey) {
                const std::lock_guard lock(asked->mutex);
                asked->found.push_back(survey);
                asked->changed.notify_all();
            });
        }
        std::vector<swarm::Survey> answers;
        {
            std::unique_lock lock(asked->mutex);
            asked->changed.wait_for(lock, kAnswersMax,
                                    [&] { return asked->found.size() == open.size(); });
            answers = asked->found;
        }
        for (const File* file : open) {
            std::vector<swarm::Survey::Answer> holders;  // none, where nobody answered in time
            for (const swarm::Survey& survey : answers) {
                if (survey.content == file->content) {
                    holders = survey.answers;
                }
            }
            const auto known = named.find(file->content);
            const NamedContent by_names = known == named.end() ? NamedContent() : known->second;
            const LastCopies copies(file->content, member_.identity().self(), by_names.authors,
                                    by_names.replicas, holders);
            const std::uint64_t before = report.bytes;
            auto why = evict_chunks(*file, copies, report);
            if (report.bytes > before) {
                std::vector<store::NameChange> changes;  // `du` shows what is here
                for (const store::Inode inode : by_names.inodes) {
                    changes.push_back({0, "", inode, {}});
                }
                member_.tree().tell(changes);
            }
            if (why) {
                if (why->code == Code::io || why->code == Code::unsupported) {
                    return *std::move(why);
                }
                keep(*file, *std::move(why));
            }
        }
    }
    cache_.look_again();
    return report;
}

std::optional<Error> Keeping::why_kept(const std::string& path,
                                       const store::StoredContent& content) const {
    const std::string name = member_.membership().name;
    if (content.in_place()) {
        return caller_error(Code::permission, quoted(path) +
                                                  " is shared in place: its bytes are a file of "
                                                  "this machine, and take no other room");
    }
    if (content.owned()) {
        return caller_error(Code::permission,
                            quoted(path) +
                                " was published by this node, which others rely upon to keep it; "
                                "delete the file, or leave the swarm, to be rid of it");
    }
    if (const auto above = pins_.covering(member_.id(), path)) {
        return caller_error(Code::busy, quoted(path) +
                                            " is pinned; unpin it first: swarmfs "
                                            "unpin " +
                                            name + " " + (above->empty() ? "/" : *above));
    }
    if (member_.contents().held(content.id())) {
        return caller_error(Code::busy, quoted(path) +
                                            " is being fetched whole, is pinned under another "
                                            "name, or is open as a whole; try again later");
    }
    if (cache_.named_elsewhere(member_.id(), content.id())) {
        return caller_error(Code::busy, quoted(path) +
                                            " is a file of another swarm of this node, too; the "
                                            "cache gives it back when both allow it");
    }
    return std::nullopt;
}

// Returns: why some of it stays; nothing, when all of it went.
std::optional<Error> Keeping::evict_chunks(const File& file, const LastCopies& copies,
                                           EvictReport& report) {
    std::uint64_t evicted = 0;
    bool last = false;
    std::optional<ChunkIndex> from = ChunkIndex();
    const std::vector<ContentId> layers = layers_of(file.content);
    while (from) {
        const auto chunks = chunks_that_may_go(layers, from, copies, last);
        if (!chunks.ok()) {
            return chunks.error();
        }
        // Nobody here has it open now: a small content goes as a whole, from whoever does not use it.
        const auto gone = member_.contents().evict(*chunks);
        if (!gone.ok()) {
            return gone.error();
        }
        evicted += gone->bytes;
        for (const ContentId& id : gone->emptied) {
            cache_.emptied(id);
        }
    }
    report.bytes += evicted;
    report.files += evicted > 0 ? 1 : 0;
    if (last) {
        return network_error(
            Code::unavailable,
            "of " + quoted(file.path) +
                " this node may hold the last copy, or one that the policy wants: no member that "
                "keeps it before this one is connected and has all of it; try again when more are");
    }
    const auto left = member_.contents().open(file.content);
    if (left.ok() && (*left)->stored_bytes() > 0) {
        return caller_error(Code::busy, quoted(file.path) + " is in use; try again later");
    }
    return std::nullopt;
}

// The content, and those below it (store/layered_file.hpp) that no file shows any more: its bytes are
// in all of them.
std::vector<ContentId> Keeping::layers_of(const ContentId& id) const {
    std::vector<ContentId> layers{id};
    const auto content = member_.contents().open(id);
    for (auto below = content.ok() ? (*content)->base() : nullptr; below; below = below->base()) {
        if (member_.custody().shows(below->id()) ||
            cache_.named_elsewhere(member_.id(), below->id())) {
            break;
        }
        layers.push_back(below->id());
    }
    return layers;
}

// The next few from `from` on, which moves on; to nothing after the last.
Result<std::vector<store::StoredChunk>> Keeping::chunks_that_may_go(
    const std::vector<ContentId>& layers, std::optional<ChunkIndex>& from, const LastCopies& copies,
    bool& last) const {
    std::vector<store::StoredChunk> chunks;
    SWARM_TRY(const auto content, member_.contents().open(layers.front()));
    const std::uint64_t count = chunk_count(layers.front().size);
    for (auto at = content->next_stored(*from); at && at->value < count;
         at = content->next_stored(*at + 1)) {
        if (content->leaf_mask(*at) == 0) {
            continue;
        }
        if (chunks.size() >= kChunksAtOnce) {
            from = *at;
            return chunks;
        }
        if (copies.may_go(*at)) {
            for (const ContentId& id : layers) {
                if (at->value < chunk_count(id.size)) {
                    chunks.push_back({id, *at});
                }
            }
        } else {
            last = true;
        }
    }
    from.reset();
    return chunks;
}

// ---- verify ----

Result<VerifyReport> Keeping::verify(const std::string& path, const GoOn& go_on) {
    SWARM_TRY(const std::vector<File> files, files_stored_below(path));
    VerifyReport report;
    for (const File& file : files) {
        SWARM_TRY(const auto content, member_.contents().open(file.content));
        store::ContentRepair repair(*content);
        std::uint64_t wrong = 0;
        const std::uint64_t count = chunk_count(file.content.size);
        for (auto at = content->next_stored(ChunkIndex()); at && at->value < count;
             at = content->next_stored(*at + 1)) {
            if (!go_on(report.files, report.bytes)) {
                return broken_off();
            }
            SWARM_TRY(const auto verified, repair.verify(*at));
            report.bytes += verified.right + verified.wrong;
            wrong += verified.wrong;
        }
        ++report.files;
        report.wrong_bytes += wrong;
        if (wrong > 0) {
            ++report.wrong_files;
            if (report.wrong.size() < kNamedMax) {
                report.wrong.push_back(file.path);
            }
        }
    }
    if (report.wrong_files > 0) {
        member_.pin_keeper().look();
    }
    return report;
}

}  // namespace swarmfs::node
