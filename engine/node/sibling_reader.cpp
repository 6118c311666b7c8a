#include "engine/node/sibling_reader.hpp"

namespace swarmfs::node {
namespace {

// Reads that wait for the thread that plans. Beyond it some are forgotten: a run finds its place
// again at the next one.
constexpr std::size_t kNotedMax = 256;

Sibling sibling_of(store::InodeRecord&& record) {
    Sibling sibling;
    sibling.inode = record.inode;
    sibling.name = std::move(record.name);
    sibling.kind = record.kind == store::InodeKind::file        ? Sibling::Kind::file
                   : record.kind == store::InodeKind::directory ? Sibling::Kind::directory
                                                                : Sibling::Kind::other;
    sibling.content = record.content;
    if (record.dot) {
        sibling.author = record.dot->author.node;
    }
    return sibling;
}

}  // namespace

SiblingReader::~SiblingReader() {
    carry_out(window_.end());
}

void SiblingReader::note_read(OpenFile& file, bool waited) {
    if (!waited && !any_runs_.load(std::memory_order_relaxed)) {
        return;
    }
    SiblingWindow::Read read;
    read.inode = file.inode();
    read.waited = waited;
    {
        const std::lock_guard lock(file.mutex());
        if (file.staged || file.record.content.size == 0 || file.named != Named::yes) {
            return;
        }
        read.place = {file.record.parent, file.record.name};
        read.bytes = file.record.content.size;
    }
    {
        const std::lock_guard lock(noted_mutex_);
        if (noted_.size() < kNotedMax) {
            noted_.push_back(std::move(read));
        }
        if (planning_) {
            return;
        }
        planning_ = true;
    }
    while (auto next = next_noted()) {
        carry_out(window_.on_read(*next, parts_.clock.now()));
        any_runs_ = window_.runs() > 0;
    }
}

// Returns: nothing, and ends the planning, when there is none.
std::optional<SiblingWindow::Read> SiblingReader::next_noted() {
    const std::lock_guard lock(noted_mutex_);
    if (noted_.empty()) {
        planning_ = false;
        return std::nullopt;
    }
    SiblingWindow::Read next = std::move(noted_.front());
    noted_.pop_front();
    return next;
}

void SiblingReader::carry_out(const SiblingWindow::Plan& plan) {
    for (const SiblingWindow::Ticket ticket : plan.abandon) {
        std::optional<swarm::FillId> fill;
        {
            const std::lock_guard lock(fetching_->mutex);
            if (const auto found = fetching_->fills.find(ticket); found != fetching_->fills.end()) {
                fill = found->second;
                fetching_->fills.erase(found);
            }
        }
        if (fill) {
            parts_.swarm.cancel_fill(*fill);
        }
    }
    for (const SiblingWindow::Fetch& fetch : plan.fetch) {
        swarm::FillRequest request;
        request.content = fetch.content;
        request.order = swarm::FillOrder::sequential;
        request.likely = fetch.likely;
        // The callback runs on the engine thread and waits for this mutex: it finds the fill.
        const std::lock_guard lock(fetching_->mutex);
        fetching_->fills[fetch.ticket] = parts_.swarm.fill(
            std::move(request), [fetching = fetching_, ticket = fetch.ticket,
                                 hold = std::make_shared<store::Hold>(parts_.contents.hold(
                                     fetch.content))](const swarm::FillProgress& progress) {
                if (progress.complete || progress.error) {
                    const std::lock_guard inner(fetching->mutex);
                    fetching->fills.erase(ticket);
                }
            });
    }
}

std::vector<Sibling> SiblingReader::list(std::uint64_t directory, std::string_view after,
                                         std::size_t count) {
    std::vector<Sibling> siblings;
    for (store::InodeRecord& record : parts_.tree.view().names.list(directory, after, count)) {
        siblings.push_back(sibling_of(std::move(record)));
    }
    return siblings;
}

std::optional<Siblings::Place> SiblingReader::place_of(std::uint64_t directory) {
    auto record = parts_.tree.view().names.find(directory);
    if (!record.ok() || directory == store::kRootInode) {
        return std::nullopt;
    }
    return Place{record->parent, std::move(record->name)};
}

// What cannot be looked at is nothing to fetch either.
bool SiblingReader::stored(const ContentId& content) {
    const auto found = parts_.contents.open(content);
    return !found.ok() || (*found)->complete();
}

}  // namespace swarmfs::node
