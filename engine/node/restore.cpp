#include "engine/node/restore.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "engine/catalog/path_rules.hpp"

namespace swarmfs::node {
namespace {

constexpr std::size_t kFilesAtOnce = 16;
constexpr auto kLookEvery = std::chrono::milliseconds(200);

// One content on its way. It may end after who waits for it has gone.
struct Coming {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t stored_bytes = 0;  // guarded by mutex, like what follows
    bool ended = false;
    std::optional<Error> error;
};

bool is_below(std::string_view path, std::string_view directory) {
    return directory.empty() ||
           (path.size() > directory.size() && path.substr(0, directory.size()) == directory &&
            path[directory.size()] == '/');
}

std::string quoted(const std::string& path) {
    return "\"" + path + "\"";
}

}  // namespace

// ---- what there is ----

std::vector<Restorable> Restore::list(const std::string& path, std::size_t count_max) const {
    const TreeView view = member_.tree().view();
    std::deque<Restorable> latest;  // the oldest first
    std::map<std::pair<std::string, catalog::HybridTime>, NodeId> writers;
    view.catalog.for_each_superseded([&](catalog::HybridTime at, const catalog::Version& version) {
        const catalog::Entry& entry = version.entry;
        if (entry.path != path && !is_below(entry.path, path)) {
            return true;
        }
        writers[{entry.path, entry.clock}] = version.dot.author.node;
        if (entry.kind != catalog::EntryKind::deleted) {
            Restorable one;
            one.version = version;
            one.at = at;
            one.until_ms = catalog::wall_ms_of(at) + catalog::kKeepSupersededMs;
            latest.push_back(std::move(one));
        }
        if (latest.size() > kTakenMax) {
            latest.pop_front();
        }
        return true;
    });
    std::vector<Restorable> found;
    std::map<std::string, std::uint64_t> numbers;
    using Said = std::tuple<std::string, catalog::EntryKind, ContentId, std::string>;
    std::set<Said> said;
    std::stable_sort(latest.begin(), latest.end(), [](const Restorable& a, const Restorable& b) {
        return std::pair(a.at, a.version.entry.clock) > std::pair(b.at, b.version.entry.clock);
    });
    for (Restorable& one : latest) {
        const catalog::Entry& entry = one.version.entry;
        if (!said.insert({entry.path, entry.kind, entry.content, entry.target}).second) {
            continue;
        }
        const auto now = view.names.resolve(entry.path);
        one.deleted = !now.ok();
        const bool shown = now.ok() && store::entry_kind_of(now->kind) == entry.kind &&
                           now->content == entry.content && now->target == entry.target;
        if (shown || (now.ok() && entry.kind == catalog::EntryKind::directory)) {
            continue;
        }
        one.number = ++numbers[entry.path];
        if (const auto by = writers.find({entry.path, one.at}); by != writers.end()) {
            one.by = by->second;
        }
        for (const catalog::Version& head : view.catalog.heads(entry.path).versions) {
            if (head.entry.clock == one.at) {
                one.by = head.dot.author.node;
            }
        }
        if (entry.content.size > 0) {
            const auto stored = member_.contents().open(entry.content);
            one.stored_bytes = stored.ok() ? (*stored)->stored_bytes() : 0;
        }
        found.push_back(std::move(one));
        if (found.size() == count_max) {
            break;
        }
    }
    return found;
}

Error Restore::nothing_to_restore(const RestoreRequest& request) const {
    const TreeView view = member_.tree().view();
    const std::string where = quoted(request.path) + " of \"" + member_.membership().name + "\"";
    if (request.number) {
        return caller_error(Code::not_found, where + " has no version " +
                                                 std::to_string(*request.number) +
                                                 " that can be restored; see: swarmfs restore " +
                                                 member_.membership().name + " --list");
    }
    for (const catalog::Version& head : view.catalog.heads(request.path).versions) {
        if (head.entry.kind == catalog::EntryKind::deleted) {
            return caller_error(Code::not_found,
                                where +
                                    " was deleted more than seven days ago, or before this node "
                                    "became a member: what it was is not known here any more");
        }
    }
    return caller_error(Code::not_found,
                        "nothing at " + where +
                            " was deleted or replaced within seven days, as far as this node "
                            "knows; see: swarmfs restore " +
                            member_.membership().name + " --list");
}

// ---- what comes back ----

Result<Restore::Chosen> Restore::choose(const RestoreRequest& request) const {
    Chosen all = list(request.path, kTakenMax);
    if (all.size() >= kTakenMax) {
        return caller_error(Code::too_large,
                            "there is more to restore than fits one publication; "
                            "restore the directories below it one by one");
    }
    Chosen below;
    std::optional<Restorable> itself;
    for (Restorable& one : all) {
        const bool file = one.version.entry.path == request.path &&
                          one.version.entry.kind != catalog::EntryKind::directory;
        if (file && one.number == request.number.value_or(1)) {
            itself = one;
        } else if (!file && one.deleted && one.number == 1) {
            below.push_back(std::move(one));
        }
    }
    if (itself && (request.number || below.empty() || itself->at >= below.front().at)) {
        return Chosen{*std::move(itself)};
    }
    if (below.empty() || request.number) {
        return nothing_to_restore(request);
    }
    // Directories before what is in them.
    std::sort(below.begin(), below.end(), [](const Restorable& a, const Restorable& b) {
        return a.version.entry.path < b.version.entry.path;
    });
    return below;
}

Result<> Restore::check_free(const store::NamespaceReader& names, const std::string& path) const {
    if (names.resolve(path).ok()) {
        return caller_error(Code::exists, quoted(path) +
                                              " is there already; put what comes back elsewhere "
                                              "with --as NEWPATH");
    }
    for (auto above = catalog::parent_path(path); !above.empty();
         above = catalog::parent_path(above)) {
        const auto found = names.resolve(above);
        if (found.ok() && found->kind != store::InodeKind::directory) {
            return caller_error(Code::not_directory, quoted(std::string(above)) +
                                                         " is no directory, so nothing can be "
                                                         "put below it; say where with --as "
                                                         "NEWPATH");
        }
    }
    return done();
}

Result<RestoreReport> Restore::bring_back(const RestoreRequest& request, const GoOn& go_on) {
    if (request.as) {
        SWARM_CHECK(catalog::check_path(*request.as));
    }
    SWARM_TRY(const auto role, member_.identity().role());
    if (role == catalog::Role::read) {
        return caller_error(Code::read_only, "this node may only read in this swarm");
    }
    SWARM_TRY(const Chosen chosen, choose(request));
    const auto target_of = [&](const Restorable& one) {
        const std::string& path = one.version.entry.path;
        if (!request.as) {
            return path;
        }
        const std::size_t cut = request.path.empty() ? 0 : request.path.size() + 1;
        return path == request.path ? *request.as
                                    : catalog::join_path(*request.as, path.substr(cut));
    };
    if (request.as || chosen.size() == 1) {
        const TreeView view = member_.tree().view();
        SWARM_CHECK(check_free(view.names, request.as.value_or(target_of(chosen.front()))));
    }
    RestoreReport report;
    for (std::size_t begin = 0; begin < chosen.size(); begin += kFilesAtOnce) {
        const std::size_t end = std::min(chosen.size(), begin + kFilesAtOnce);
        std::vector<std::optional<Error>> failed(end - begin);
        std::vector<store::Hold> holds;
        const auto so_far = [&](std::uint64_t, std::uint64_t bytes) {
            return go_on(report.restored_files, report.bytes + bytes);
        };
        SWARM_CHECK(fetch(chosen, begin, end, so_far, failed, holds));
        for (std::size_t i = begin; i < end; ++i) {
            const std::string path = target_of(chosen[i]);
            auto& why = failed[i - begin];
            if (!why) {
                const auto published = publish(chosen[i], path);
                if (!published.ok()) {
                    why = published.error();
                }
            }
            const std::uint64_t bytes = chosen[i].version.entry.content.size;
            if (why && chosen.size() == 1) {
                return *std::move(why);
            }
            if (why) {
                ++report.failed_files;
                if (report.failed.size() < kNamedMax) {
                    report.failed.push_back({path, *std::move(why)});
                }
                continue;
            }
            ++report.restored_files;
            report.bytes += bytes;
            if (report.restored.size() < kNamedMax) {
                report.restored.push_back({path, bytes});
            }
        }
    }
    return report;
}

// All bytes of chosen[begin, end). `holds` keep them until they are owned. Errors: cancelled.
Result<> Restore::fetch(const Chosen& chosen, std::size_t begin, std::size_t end, const GoOn& go_on,
                        std::vector<std::optional<Error>>& failed,
                        std::vector<store::Hold>& holds) const {
    struct Wanted {
        std::shared_ptr<Coming> coming;
        swarm::FillId fill = 0;
    };
    std::vector<Wanted> wanted(end - begin);
    swarm::Swarm& swarm = member_.swarm();
    for (std::size_t i = begin; i < end; ++i) {
        const catalog::Version& version = chosen[i].version;
        const ContentId& content = version.entry.content;
        if (version.entry.kind != catalog::EntryKind::file || content.size == 0) {
            continue;
        }
        holds.push_back(member_.contents().hold(content));
        const auto stored = member_.contents().open(content);
        if (!stored.ok()) {
            failed[i - begin] = stored.error();
        } else if (!(*stored)->complete()) {
            const auto coming = std::make_shared<Coming>();
            swarm::FillRequest request;
            request.content = content;
            request.likely = version.dot.author.node;
            // The hold lives as long as the fill, which takes what is here for granted.
            const auto hold = std::make_shared<store::Hold>(member_.contents().hold(content));
            const auto fill = swarm.fill(request, [coming, hold](const swarm::FillProgress& at) {
                const std::lock_guard lock(coming->mutex);
                coming->stored_bytes = at.stored_bytes;
                coming->ended = at.complete || at.error;
                coming->error = at.error;
                coming->changed.notify_all();
            });
            wanted[i - begin] = {coming, fill};
        }
    }
    const auto give_up = [&] {
        for (const Wanted& one : wanted) {
            if (one.coming) {
                swarm.cancel_fill(one.fill);
            }
        }
    };
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto coming = wanted[i].coming;
        if (!coming) {
            continue;
        }
        std::uint64_t seen = 0;
        std::unique_lock lock(coming->mutex);
        for (Duration still{}; !coming->ended && still < kStallMax;) {
            coming->changed.wait_for(lock, kLookEvery, [&] { return coming->ended; });
            still = coming->stored_bytes == seen ? still + kLookEvery : Duration{};
            seen = coming->stored_bytes;
            lock.unlock();
            if (!go_on(0, seen)) {
                give_up();
                return caller_error(Code::cancelled, "it was broken off; what came back stays");
            }
            lock.lock();
        }
        const std::string path = quoted(chosen[begin + i].version.entry.path);
        if (coming->error) {
            failed[i] = Error{*coming->error};
            failed[i]->message = path + " cannot be fetched: " + coming->error->message;
        } else if (!coming->ended) {
            lock.unlock();
            swarm.cancel_fill(wanted[i].fill);
            failed[i] =
                network_error(Code::unavailable,
                              path + " cannot be restored: " + std::to_string(seen) + " of its " +
                                  std::to_string(chosen[begin + i].version.entry.content.size) +
                                  " bytes are here, and no member that is connected has the "
                                  "rest; try again when the one who published it is");
        }
    }
    return done();
}

Result<> Restore::publish(const Restorable& one, const std::string& path) {
    catalog::Entry entry = one.version.entry;
    const ContentId content = entry.content;
    entry.path = path;
    entry.file = {};  // a new one
    entry.base.reset();
    bool was_owned = true;
    if (content.size > 0) {
        SWARM_TRY(const auto stored, member_.contents().open(content));
        if (!stored->complete()) {
            return network_error(Code::unavailable, quoted(path) + " is not here whole any more");
        }
        was_owned = stored->owned();
        SWARM_CHECK(member_.contents().set_owned(content, true));
    }
    const auto changed = member_.tree().change(
        [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
            SWARM_CHECK(check_free(names, path));
            SWARM_TRY(const auto put,
                      names.put_path(entry, [](const catalog::Entry&) { return false; }));
            return put.dot ? done()
                           : Result<>(caller_error(Code::exists, quoted(path) + " came meanwhile"));
        },
        Tree::Origin::elsewhere);
    if (!changed.ok()) {
        if (!was_owned) {
            (void)member_.contents().set_owned(content, false).ok();
        }
        return changed.error();
    }
    if (content.size > 0) {
        member_.content_arrived(content, path);
    }
    return done();
}

}  // namespace swarmfs::node
