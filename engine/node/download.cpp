#include "engine/node/download.hpp"

#include <algorithm>
#include <unordered_set>

#include <nlohmann/json.hpp>

namespace swarmfs::node {
namespace {

// Enough to keep peers busy with small files; the swarm itself runs few large ones at a time.
constexpr std::size_t kFillsAtOnce = 256;
constexpr auto kReportEvery = std::chrono::milliseconds(200);
constexpr std::size_t kCopyBytes = 1 << 20;

}  // namespace

Result<DownloadReport> Download::run(const store::InodeRecord& record, const std::string& out) {
    directory_ = record.kind == store::InodeKind::directory;
    SWARM_TRY(root_, member_.tree().view().names.path_of(record));
    transfer_ = member_.transfers().begin(member_.id(), root_, out);
    SWARM_TRY(ExportTree tree, directory_ ? ExportTree::into_directory(out)
                                          : ExportTree::for_file(out, record.name, record.kind));
    {
        const TreeView view = member_.tree().view();
        SWARM_CHECK(gather(view.names, record, directory_ ? "" : tree.file_name()));
    }
    std::reverse(files_.begin(), files_.end());
    transfer_->bytes_total = bytes_total_;
    for (const Wanted& wanted : directories_) {
        SWARM_CHECK(tree.make_directory(wanted.path));
    }
    for (const Wanted& wanted : links_) {
        SWARM_CHECK(tree.make_symlink(wanted.path, wanted.record.target, wanted.record.mtime_ns));
    }
    auto fetched = fetch_all(tree);
    cancel_all();
    // What was fetched is on record before the caller hears of it, complete or not: a node killed
    // right afterwards does not fetch it again.
    if (auto saved = member_.contents().save(); fetched.ok()) {
        fetched = std::move(saved);
    }
    if (!fetched.ok()) {
        return fetched.error();
    }
    report_.took = clock_.now() - started_;
    // Deepest first: writing into a directory changes its time.
    for (auto at = directories_.rbegin(); at != directories_.rend(); ++at) {
        SWARM_CHECK(tree.set_directory(at->path, at->record.mode, at->record.mtime_ns));
    }
    return std::move(report_);
}

Result<> Download::gather(const store::NamespaceReader& names, const store::InodeRecord& record,
                          const std::string& path) {
    if (record.kind == store::InodeKind::symlink) {
        links_.push_back({record, path});
        return done();
    }
    if (record.kind == store::InodeKind::file) {
        files_.push_back({record, path});
        bytes_total_ += record.content.size;
        ++files_total_;
        return done();
    }
    if (!path.empty()) {
        directories_.push_back({record, path});
    }
    constexpr std::size_t kPage = 1000;
    std::string after;
    for (;;) {
        const auto page = names.list(record.inode, after, kPage);
        for (const store::InodeRecord& child : page) {
            SWARM_CHECK(gather(names, child, catalog::join_path(path, child.name)));
        }
        if (page.size() < kPage) {
            return done();
        }
        after = page.back().name;
    }
}

Result<> Download::fetch_all(ExportTree& tree) {
    started_ = reported_ = clock_.now();
    for (;;) {
        heed_pauses();
        for (;;) {
            {
                const std::lock_guard lock(shared_->mutex);
                if (shared_->running.size() >= kFillsAtOnce || files_.empty()) {
                    break;
                }
            }
            Wanted next = std::move(files_.back());
            files_.pop_back();
            if (held_back(next)) {
                held_.push_back(std::move(next));
                continue;
            }
            SWARM_CHECK(begin(std::move(next), tree));
        }
        SWARM_CHECK(finish_completed(tree));
        std::unique_lock lock(shared_->mutex);
        const bool waits = shared_->running.empty() && files_.empty();
        if (waits && held_.empty()) {
            return done();
        }
        transfer_->paused = waits;
        if (shared_->running.empty() && !waits) {
            continue;
        }
        shared_->changed.wait_for(lock, kReportEvery, [this] { return shared_->any_ended(); });
        const Duration still = clock_.now() - shared_->last_progress;
        if (!waits && still > kStallMax) {
            const store::InodeRecord record = shared_->running.begin()->second.wanted.record;
            lock.unlock();
            if (!leaves_came()) {
                return nobody_has(record);
            }
            continue;
        }
        lock.unlock();
        SWARM_CHECK(breathe());
    }
}

bool Download::held_back(const Wanted& wanted) const {
    const Pauses& pauses = member_.pauses();
    return pauses.paused(member_.id(), PauseKind::swarm) ||
           pauses.paused(member_.id(), PauseKind::transfer, transfer_->out) ||
           pauses.covering(member_.id(),
                           directory_ ? catalog::join_path(root_, wanted.path) : root_);
}

void Download::heed_pauses() {
    const std::uint64_t version = member_.pauses().version();
    if (std::exchange(heeded_, version) == version) {
        return;
    }
    std::vector<Wanted> held = std::move(held_);
    held_.clear();
    for (Wanted& wanted : held) {
        (held_back(wanted) ? held_ : files_).push_back(std::move(wanted));
    }
    std::vector<swarm::FillId> fills;
    {
        const std::lock_guard lock(shared_->mutex);
        for (auto at = shared_->running.begin(); at != shared_->running.end();) {
            Running& one = at->second;
            if (one.complete || one.error || one.asked != 0 || !held_back(one.wanted)) {
                ++at;
                continue;
            }
            fills.push_back(one.fill);
            one.wanted.stored_before = one.stored_before;
            one.wanted.stored = one.stored;
            --one.wanted.fetches;
            held_.push_back(std::move(one.wanted));
            at = shared_->running.erase(at);
        }
    }
    for (const swarm::FillId fill : fills) {
        member_.swarm().cancel_fill(fill);
    }
}

bool Download::leaves_came() {
    std::map<std::uint64_t, ContentId> contents;
    {
        const std::lock_guard lock(shared_->mutex);
        for (const auto& [number, one] : shared_->running) {
            contents.emplace(number, one.wanted.record.content);
        }
    }
    bool came = false;
    for (const auto& [number, content] : contents) {  // without the mutex: the engine takes it
        const auto stored = member_.contents().open(content);
        const std::uint64_t bytes = stored.ok() ? (*stored)->stored_bytes() : 0;
        const std::lock_guard lock(shared_->mutex);
        Running& one = shared_->running.at(number);
        came = came || bytes > one.seen;
        one.seen = std::max(one.seen, bytes);
    }
    const std::lock_guard lock(shared_->mutex);
    shared_->last_progress = came ? clock_.now() : shared_->last_progress;
    return came;
}

// Named as in the swarm: what is made here may be called otherwise.
Error Download::nobody_has(const store::InodeRecord& record) const {
    const auto path = member_.tree().view().names.path_of(record);
    return network_error(Code::unavailable,
                         "nobody who is connected has \"" + (path.ok() ? *path : record.name) +
                             "\"; `swarmfs peers` shows who is there, and the same command goes "
                             "on later where this one stopped");
}

Result<> Download::breathe() {
    const TimePoint now = clock_.now();
    if (now - reported_ < kReportEvery) {
        return done();
    }
    reported_ = now;
    if (call_.abandoned()) {
        return caller_error(Code::cancelled, "the download was broken off");
    }
    show_progress();
    return done();
}

Result<> Download::begin(Wanted wanted, ExportTree& tree) {
    const ContentId content = wanted.record.content;
    if (content.size == 0) {
        return deliver(tree, std::move(wanted));
    }
    wanted.hold = std::make_shared<store::Hold>(member_.contents().hold(content));
    SWARM_TRY(const auto stored, member_.contents().open(content));
    if (stored->complete()) {
        report_.fetched_bytes += content.size - wanted.stored_before.value_or(content.size);
        return deliver(tree, std::move(wanted));
    }
    fetch(std::move(wanted), stored->stored_bytes());
    return done();
}

void Download::fetch(Wanted wanted, std::uint64_t stored_bytes) {
    ++wanted.fetches;
    const std::uint64_t number = next_++;
    Running running;
    running.wanted = std::move(wanted);
    running.stored_before = running.wanted.stored_before.value_or(stored_bytes);
    running.stored = running.seen = stored_bytes;
    swarm::FillRequest request;
    request.content = running.wanted.record.content;
    if (running.wanted.record.dot) {
        request.likely = running.wanted.record.dot->author.node;
    }
    const std::lock_guard lock(shared_->mutex);
    shared_->last_progress = clock_.now();  // it is waited for from now on
    auto& slot = shared_->running[number];
    slot = std::move(running);
    slot.fill = member_.swarm().fill(
        request, [shared = shared_, number, &clock = clock_](const swarm::FillProgress& progress) {
            const std::lock_guard inner(shared->mutex);
            const auto found = shared->running.find(number);
            if (found == shared->running.end()) {
                return;
            }
            Running& at = found->second;
            if (progress.stored_bytes != at.stored || progress.complete) {
                shared->last_progress = clock.now();
            }
            at.stored = progress.stored_bytes;
            at.complete = progress.complete;
            at.error = progress.error;
            if (at.complete || at.error) {
                shared->changed.notify_all();
            }
        });
}

Result<> Download::finish_completed(ExportTree& tree) {
    std::vector<Running> finished;
    {
        const std::lock_guard lock(shared_->mutex);
        for (auto at = shared_->running.begin(); at != shared_->running.end();) {
            if (at->second.complete || at->second.error) {
                finished.push_back(std::move(at->second));
                at = shared_->running.erase(at);
            } else {
                ++at;
            }
        }
    }
    std::unordered_set<ContentId> counted;  // one content under several names came once
    for (Running& one : finished) {
        if (one.error) {
            return one.asked != 0 ? not_confirmed(one.wanted.record, *one.error) : *one.error;
        }
        const ContentId content = one.wanted.record.content;
        one.wanted.confirmed = one.asked != 0;
        if (one.asked == 0 && counted.insert(content).second) {
            report_.fetched_bytes += content.size - one.stored_before;
            look_at_sources(content);
            for (const auto& source : member_.swarm().sources(content)) {
                report_.sources[source.node].bytes += source.bytes_received;
            }
        }
        SWARM_CHECK(deliver(tree, std::move(one.wanted)));
    }
    return done();
}

Result<> Download::deliver(ExportTree& tree, Wanted wanted) {
    const std::uint32_t quorum =
        wanted.confirmed ? 1 : member_.volume()->quorum().of(wanted.record);
    if (quorum > 1) {
        confirm(std::move(wanted), quorum);
        return done();
    }
    auto written = write_out(tree, wanted);
    const bool not_here = !written.ok() && (written.error().code == Code::corrupt ||
                                            written.error().code == Code::not_found);
    if (!not_here || wanted.fetches == kFetchesMax) {
        return written;
    }
    SWARM_TRY(const auto stored, member_.contents().open(wanted.record.content));
    fetch(std::move(wanted), stored->stored_bytes());
    return done();
}

void Download::confirm(Wanted wanted, std::uint32_t quorum) {
    const std::uint64_t number = next_++;
    Running running;
    running.wanted = std::move(wanted);
    running.stored_before = running.stored = running.seen = running.wanted.record.content.size;
    const std::lock_guard lock(shared_->mutex);
    shared_->last_progress = clock_.now();
    auto& slot = shared_->running[number];
    slot = std::move(running);
    slot.asked = member_.volume()->quorum().confirm(
        slot.wanted.record, quorum, kConfirmMax, [shared = shared_, number](Result<> confirmed) {
            const std::lock_guard inner(shared->mutex);
            const auto found = shared->running.find(number);
            if (found == shared->running.end()) {
                return;
            }
            found->second.complete = confirmed.ok();
            if (!confirmed.ok()) {
                found->second.error = std::move(confirmed).error();
            }
            shared->changed.notify_all();
        });
}

Error Download::not_confirmed(const store::InodeRecord& record, const Error& why) const {
    const auto path = member_.tree().view().names.path_of(record);
    const std::string named = "\"" + (path.ok() ? *path : record.name) + "\"";
    if (why.code == Code::not_found) {
        return caller_error(Code::try_again, "another version of " + named +
                                                 " came meanwhile; the same command fetches it");
    }
    return network_error(Code::unavailable, named + " is not copied out: " + why.message +
                                                "; `swarmfs peers` shows who is there");
}

Result<> Download::write_out(ExportTree& tree, const Wanted& wanted) {
    const ContentId content = wanted.record.content;
    SWARM_TRY(ExportFile file, tree.begin_file(wanted.path));
    if (content.size > 0) {
        SWARM_TRY(const auto stored, member_.contents().open(content));
        Bytes buffer(std::min<std::uint64_t>(kCopyBytes, content.size));
        for (std::uint64_t at = 0; at < content.size;) {
            SWARM_TRY(const std::size_t got, stored->read(at, buffer));
            SWARM_CHECK(file.append(ByteSpan(buffer).first(got)));
            at += got;
            SWARM_CHECK(breathe());
        }
    }
    SWARM_CHECK(file.finish(wanted.record.mode, wanted.record.mtime_ns));
    ++report_.files;
    report_.bytes += content.size;
    // Copying took its time; what is under way elsewhere is not judged by it.
    const std::lock_guard lock(shared_->mutex);
    shared_->last_progress = clock_.now();
    return done();
}

std::map<std::string, std::size_t> Download::look_at_sources(const ContentId& content) {
    bool unseen = false;
    std::vector<NodeId> holders;
    for (const swarm::ContentSource& source : member_.swarm().sources(content)) {
        if (source.holds_all || source.chunks_held > 0 || source.bytes_received > 0) {
            unseen = report_.sources[source.node].link.empty() || unseen;
            if (source.connected) {
                holders.push_back(source.node);
            }
        }
    }
    if (unseen) {  // a link may change its kind, but not while its session lasts
        for (const swarm::PeerStatistics& peer : member_.swarm().peers()) {
            if (const auto found = report_.sources.find(peer.node);
                found != report_.sources.end()) {
                found->second.link = peer.link;
            }
        }
    }
    std::map<std::string, std::size_t> links;
    for (const NodeId& node : holders) {
        ++links[report_.sources[node].link];
    }
    return links;
}

void Download::cancel_all() {
    std::map<std::uint64_t, Running> running;
    {
        const std::lock_guard lock(shared_->mutex);
        running.swap(shared_->running);
    }
    for (const auto& [number, one] : running) {
        if (one.asked != 0) {
            member_.volume()->quorum().cancel(one.asked);
        } else {
            member_.swarm().cancel_fill(one.fill);
        }
    }
}

void Download::show_progress() {
    std::uint64_t bytes = report_.bytes;
    std::uint64_t arrived = report_.fetched_bytes;
    std::string path;
    std::optional<ContentId> content;
    {
        const std::lock_guard lock(shared_->mutex);
        for (const auto& [number, running] : shared_->running) {
            bytes += running.stored;
            arrived += running.stored - std::min(running.stored, running.stored_before);
            path = path.empty() ? running.wanted.path : path;
            content = content ? content : running.wanted.record.content;
        }
    }
    for (const Wanted& held : held_) {
        bytes += held.stored;
        arrived += held.stored - std::min(held.stored, held.stored_before.value_or(held.stored));
        path = path.empty() ? held.path : path;
    }
    transfer_->bytes = bytes;
    const auto links = content ? look_at_sources(*content) : std::map<std::string, std::size_t>();
    std::size_t peers = 0;
    for (const auto& [link, count] : links) {
        peers += count;
    }
    const double seconds = std::chrono::duration<double>(clock_.now() - started_).count();
    call_.progress({{"paused", transfer_->paused.load()},
                    {"files", report_.files},
                    {"files_total", files_total_},
                    {"bytes", bytes},
                    {"bytes_total", bytes_total_},
                    {"rate", static_cast<std::uint64_t>(static_cast<double>(arrived) /
                                                        std::max(seconds, 0.001))},
                    {"peers", peers},
                    {"links", links},
                    {"path", path}});
}

}  // namespace swarmfs::node
