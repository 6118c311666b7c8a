#include "engine/node/publisher.hpp"

#include <algorithm>
#include <utility>

#include "engine/core/log.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::node {
namespace {

// By what the whole file has, since a change to a large one may copy all of it.
Lane lane_of(const OpenFile& file) {
    const auto written = file.written();
    const std::uint64_t size = written ? written->size : 0;
    return node::lane_of(size);
}

}  // namespace

Publisher::Publisher(Parts parts, Published published)
    : parts_(std::move(parts)), published_(std::move(published)) {}

Result<> Publisher::stage(OpenFile& file) {
    if (file.staged) {
        return done();
    }
    const std::uint64_t number = parts_.contents.next_staging_number();
    // A file of that number without a row was being made when the node died: nobody was told of it.
    const store::Path stale = parts_.folder / std::to_string(number);
    SWARM_CHECK(parts_.disk.remove(stale));
    SWARM_TRY(file.staged,
              store::StagedFile::create(parts_.disk, parts_.folder, number, parts_.swarm_id,
                                        file.record, &parts_.contents.staging_log()));
    file.staged_changed();
    return done();
}

Result<> Publisher::keep_row(OpenFile& file, store::Durability durability) {
    if (!file.staged || file.named != Named::yes ||
        (!file.changed_since_row && durability != store::Durability::power_loss)) {
        return done();
    }
    store::Changes row;
    row[store::staging_key(file.staged->row().number)] = file.staged->encoded_row();
    SWARM_CHECK(parts_.database.commit(std::move(row), durability));
    file.changed_since_row = false;
    return done();
}

void Publisher::forget_row(OpenFile& file) {
    if (!file.staged) {
        return;
    }
    parts_.problems.worked(Doing::publishing, file.record.name);  // nobody wants it any more
    store::Changes row;
    row[store::staging_key(file.staged->row().number)] = std::nullopt;
    if (auto erased = parts_.database.commit(std::move(row), store::Durability::process_crash);
        !erased.ok()) {
        // Without its file it counts as published when the node starts again.
        log_error("node", "a staging row stays: " + erased.error().message);
    }
}

void Publisher::discard(OpenFile& file) {
    if (!file.staged) {
        return;
    }
    forget_row(file);
    file.staged->end_log();
    const store::Path path = file.staged->path();
    file.staged.reset();
    file.staged_changed();
    (void)parts_.disk.remove(path).ok();  // one without a row is swept when the node starts
}

void Publisher::publish(std::shared_ptr<OpenFile> file) {
    {
        const std::lock_guard lock(file->mutex());
        if (file->publishing) {
            return;
        }
        file->publishing = true;
    }
    post(file);
}

void Publisher::post(const std::shared_ptr<OpenFile>& file) {
    const Lane lane = lane_of(*file);
    parts_.jobs.post(lane, [this, file, lane] {
        if (lane_of(*file) > lane) {
            post(file);  // it has grown while it waited for its turn
        } else {
            run(file);
        }
    });
}

void Publisher::publish_after_sync(const std::shared_ptr<OpenFile>& file) {
    Duration rest = kAfterSync;
    {
        const std::lock_guard lock(file->mutex());
        rest = std::max(rest, file->publishing_took * kRestAfterPublishing);
    }
    const std::lock_guard lock(mutex_);
    synced_.emplace(file, parts_.clock.now() + rest);  // the first sync counts
}

void Publisher::publish_due() {
    std::vector<std::shared_ptr<OpenFile>> due;
    {
        const std::lock_guard lock(mutex_);
        const TimePoint now = parts_.clock.now();
        for (auto at = synced_.begin(); at != synced_.end();) {
            if (at->second <= now) {
                due.push_back(at->first);
                at = synced_.erase(at);
            } else {
                ++at;
            }
        }
    }
    for (const std::shared_ptr<OpenFile>& file : due) {
        if (file->written() && file->named == Named::yes) {
            publish(file);
        }
    }
}

void Publisher::run(const std::shared_ptr<OpenFile>& file) {
    std::unique_lock lock(file->mutex());
    Result<> published = done();
    if (file->named == Named::no) {
        // The last one to close it discards it.
    } else if (left_for_later(*file)) {
        put_off(file);
        return;
    } else if (file->staged) {
        std::optional<Missing> missing;
        published = run_staged(file, lock, missing);
        if (missing) {
            lock.unlock();
            fetch_base(file, *missing);  // it goes on when that has arrived
            return;
        }
    } else if (!file->record.dot) {
        published = commit(*file, std::nullopt);
    }
    if (!published.ok() && file->named != Named::no) {
        const std::string what = "\"" + printable(file->record.name) +
                                 "\" cannot be published yet: " + published.error().message;
        if (published.error().code == Code::no_space) {
            parts_.disk_full();
        }
        if (!stopping_ && !std::exchange(file->delayed, true)) {
            log_error("node", what);
        }
        parts_.problems.failed(Doing::publishing, file->record.name, what);
        put_off(file);
        return;
    }
    parts_.problems.worked(Doing::publishing, file->record.name);
    file->delayed = false;
    file->publishing = false;
    finished(file);
}

void Publisher::stop() {
    if (!stopping_.exchange(true)) {
        give_up_at_ = parts_.clock.now() + kStopPatience;
    }
}

bool Publisher::left_for_later(const OpenFile& file) const {
    return stopping_ && (lane_of(file) != Lane::small || parts_.clock.now() >= give_up_at_.load());
}

// Requires: `lock` holds the file's mutex, and does so again on return. Sets `missing` when a part
// of the base has to be fetched first.
Result<> Publisher::run_staged(const std::shared_ptr<OpenFile>& file,
                               std::unique_lock<std::mutex>& lock,
                               std::optional<Missing>& missing) {
    file->claim(lock);
    lock.unlock();
    const TimePoint began = parts_.clock.now();
    auto prepared = prepare(*file);
    lock.lock();
    Result<> committed = done();
    if (!prepared.ok()) {
        committed = prepared.error();
    } else if (prepared->missing) {
        missing = prepared->missing;
    } else {
        committed = commit(*file, std::move(prepared->fresh));
        file->publishing_took = parts_.clock.now() - began;
    }
    file->unclaim();
    return committed;
}

// Requires: the file is claimed, by the caller.
Result<Publisher::Prepared> Publisher::prepare(OpenFile& file) {
    Prepared prepared;
    SWARM_TRY(prepared.missing, missing_of_base(file));
    if (!prepared.missing && file.staged->size() > 0) {
        const auto unwanted = [&] { return file.named == Named::no || left_for_later(file); };
        SWARM_TRY(prepared.fresh, parts_.contents.prepare_staged(*file.staged, unwanted));
    }
    return prepared;
}

// The new version shows every byte of its base that was not written over, and nobody but this node
// can serve it under its new name: so all of them are here before it is published.
// Returns: a part that has to come from others first.
Result<std::optional<Missing>> Publisher::missing_of_base(OpenFile& file) {
    constexpr std::uint64_t kFetchAtOnce = 8 << 20;  // a whole base at once would crowd out readers
    store::StagedFile& staged = *file.staged;
    for (const store::Segment& segment : staged.segments(0, staged.size())) {
        if (segment.from != store::SegmentFrom::base) {
            continue;
        }
        for (std::uint64_t at = segment.range.offset; at < segment.range.end();) {
            const std::uint64_t length = std::min(kFetchAtOnce, segment.range.end() - at);
            if (!file.stored->has(at, length)) {
                return std::optional(Missing{file.stored->id(), {at, length}});
            }
            at += length;
        }
    }
    SWARM_TRY(const std::vector<store::Range> missing, parts_.contents.missing_for(staged));
    return missing.empty() ? std::nullopt
                           : std::optional(Missing{staged.row().base, missing.front()});
}

void Publisher::fetch_base(const std::shared_ptr<OpenFile>& file, const Missing& missing) {
    swarm::ReadRequest request;
    request.content = missing.content;
    request.offset = missing.range.offset;
    request.length = missing.range.length;
    parts_.swarm.read(std::move(request), [this, file](const Result<>& fetched) {
        if (fetched.ok()) {
            post(file);
            return;
        }
        parts_.jobs.post(Lane::small, [this, file] {
            const std::lock_guard lock(file->mutex());
            put_off(file);
        });
    });
}

// Requires: file->mutex() is held.
void Publisher::put_off(const std::shared_ptr<OpenFile>& file) {
    (void)keep_row(*file, store::Durability::process_crash).ok();
    file->publishing = false;
    const std::lock_guard lock(mutex_);
    waiting_.insert(file);
}

void Publisher::retry_waiting() {
    std::set<std::shared_ptr<OpenFile>> waiting;
    {
        const std::lock_guard lock(mutex_);
        waiting.swap(waiting_);
    }
    for (const std::shared_ptr<OpenFile>& file : waiting) {
        publish(file);
    }
}

std::size_t Publisher::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

// Requires: the file's mutex is held, and nothing of its base is missing; `fresh` is what is
// staged, unless that is empty.
// The content, the entry that names it and the end of its staging are one commit.
Result<> Publisher::commit(OpenFile& file, std::optional<store::NewContent> fresh) {
    store::InodeRecord opened = file.record;
    std::int64_t mtime_ns = file.record.mtime_ns;
    if (file.staged) {
        opened = file.staged->row().opened;
        opened.dot = file.record.dot ? file.record.dot : opened.dot;
        mtime_ns = file.staged->row().mtime_ns;
    }
    if (file.staged) {
        // From here on its row decides: this commit erases it, or the file stays as it says.
        if (auto kept = keep_row(file, store::Durability::process_crash); !kept.ok()) {
            if (fresh) {
                parts_.contents.discard(*std::move(fresh));
            }
            return kept;
        }
        file.staged->end_log();
    }
    const ContentId content = fresh ? fresh->id() : ContentId{};
    store::InodeRecord published;
    std::vector<store::NameChange> changes;
    auto committed = parts_.tree.change(
        [&](store::Namespace& names, KeyValueWriter& batch) -> Result<> {
            if (file.named != Named::yes) {
                return caller_error(Code::cancelled, "it has lost its name meanwhile");
            }
            if (fresh) {
                store::ContentLedger ledger(batch);
                SWARM_CHECK(parts_.contents.record(ledger, *fresh));
            }
            if (file.staged) {
                batch.erase(store::staging_key(file.staged->row().number));
            }
            SWARM_TRY(published, names.publish_file(opened, content, mtime_ns));
            changes = names.take_changes();
            return done();
        },
        Tree::Origin::elsewhere);
    if (!committed.ok()) {
        if (fresh) {
            parts_.contents.discard(*std::move(fresh));
        }
        return committed;
    }
    ++published_count_;
    auto placed = settle(file, std::move(fresh), published);
    // Nobody on a mount asked for it, so blocks, times and conflicts are news to all of them; and
    // whoever hears of it finds the content in its place.
    parts_.tree.tell(changes);
    SWARM_CHECK(std::move(placed));
    if (content.size > 0) {
        parts_.arrived(content, published.name);
    }
    return done();
}

// After the commit: what was staged becomes what is stored.
Result<> Publisher::settle(OpenFile& file, std::optional<store::NewContent> fresh,
                           const store::InodeRecord& published) {
    std::shared_ptr<store::StoredContent> stored;
    if (fresh) {
        SWARM_TRY(stored, parts_.contents.place(*std::move(fresh)));
    } else if (file.staged) {
        remove_empty(*file.staged);
    }
    file.record = published;
    file.stored = std::move(stored);
    file.staged.reset();
    file.staged_changed();
    return done();
}

// Removes the file of an empty version. Where somebody was told that a power loss cannot take what
// was staged, the commit that forgets its row comes first; a row without a file counts as published.
void Publisher::remove_empty(const store::StagedFile& staged) {
    if (staged.sync_promised() && !parts_.database.sync().ok()) {
        return;  // swept when the node starts
    }
    (void)parts_.disk.remove(staged.path()).ok();
}

void Publisher::finished(const std::shared_ptr<OpenFile>& file) {
    if (published_) {
        parts_.jobs.post(Lane::small, [this, file] { published_(file); });
    }
}

std::vector<Publisher::Recovered> Publisher::recover() {
    std::vector<store::StagingRow> rows;
    parts_.database.reader().scan(store::staging_prefix(), {}, [&](ByteSpan, ByteSpan value) {
        auto row = store::decode_staging_row(value);
        if (row && row->swarm == parts_.swarm_id) {
            rows.push_back(*std::move(row));
        }
        return true;
    });
    std::vector<Recovered> files;
    std::set<store::Inode> seen;
    for (store::StagingRow& row : rows) {
        const std::uint64_t number = row.number;
        const auto not_yet = [&](const Error& why) {
            log_error("node", "\"" + printable(row.opened.name) +
                                  "\" was written before the node ended and cannot be published "
                                  "until the next start: " +
                                  why.message);
        };
        auto staged = store::StagedFile::recover(parts_.disk, parts_.folder, row,
                                                 &parts_.contents.staging_log());
        if (!staged.ok() && staged.error().code != Code::not_found) {
            not_yet(staged.error());
            continue;
        }
        if (!staged.ok()) {
            // It was published, and the node died before it forgot the row.
            store::Changes erase;
            erase[store::staging_key(number)] = std::nullopt;
            (void)parts_.database.commit(std::move(erase), store::Durability::process_crash).ok();
            continue;
        }
        std::shared_ptr<store::StoredContent> base;
        if (row.base.size > 0) {
            auto opened = parts_.contents.open(row.base);
            if (!opened.ok()) {
                not_yet(opened.error());
                continue;
            }
            base = *std::move(opened);
        }
        auto file = std::make_shared<OpenFile>(row.opened, std::move(base));
        const auto current = parts_.tree.view().names.find(row.opened.inode);
        if (current.ok()) {
            file->record = *current;
        }
        file->staged = *std::move(staged);
        file->staged_changed();
        seen.insert(file->inode());
        files.push_back({std::move(file), parts_.contents.staging_log().had_writer(number)});
    }
    const TreeView view = parts_.tree.view();
    for (const store::Inode inode : view.names.unpublished()) {
        auto record = view.names.find(inode);
        if (record.ok() && !seen.contains(inode)) {
            files.push_back({std::make_shared<OpenFile>(*record, nullptr), false});
        }
    }
    return files;
}

}  // namespace swarmfs::node
