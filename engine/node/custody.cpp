#include "engine/node/custody.hpp"

#include <algorithm>
#include <utility>

namespace swarmfs::node {
namespace {

// Where a member did not answer in time: it may the next time.
constexpr Duration kAskAgain = std::chrono::seconds(2);

}  // namespace

Custody::Custody(const Parts& parts) : parts_(parts) {}

void Custody::start() {
    listener_ = parts_.tree.add_listener(
        [this](const std::vector<store::NameChange>& changes) { hear(changes); });
}

void Custody::hear(const std::vector<store::NameChange>& changes) {
    changed_ = changed_ || concerns_names(changes);
    const std::lock_guard lock(mutex_);
    for (const store::NameChange& change : changes) {
        if (!change.name.empty() && change.content.size > 0 && replaced_.size() < kReplacedMax) {
            replaced_.insert(change.content);
        }
    }
}

std::set<ContentId> Custody::take_replaced() {
    const std::lock_guard lock(mutex_);
    return std::exchange(replaced_, {});
}

void Custody::stop() {
    if (stopped_.exchange(true)) {
        return;
    }
    const std::lock_guard use(use_mutex_);
    parts_.tree.remove_listener(listener_);
}

void Custody::peers_changed() {
    const std::lock_guard lock(mutex_);
    answers_.clear();
    asking_ = 0;
    ++round_;
}

bool Custody::shows(const ContentId& content) {
    const std::lock_guard use(use_mutex_);
    return !stopped_ && parts_.tree.view().names.shows(content);
}

void Custody::tell_evicted(const std::set<ContentId>& contents) {
    const std::lock_guard use(use_mutex_);
    std::vector<store::NameChange> changes;
    {
        const std::lock_guard lock(mutex_);
        for (const ContentId& content : contents) {
            const auto named = named_.find(content);
            if (named == named_.end()) {
                continue;
            }
            for (const store::Inode inode : named->second.inodes) {
                changes.push_back({0, "", inode});
            }
        }
    }
    if (!stopped_ && !changes.empty()) {
        parts_.tree.tell(changes);
    }
}

Custody::Opinion Custody::ask(const ContentId& content, ChunkIndex chunk) {
    const std::lock_guard use(use_mutex_);
    if (stopped_) {
        return {Word::unknown, true};
    }
    const TimePoint now = parts_.clock.now();
    std::unique_lock lock(mutex_);
    auto named = named_.find(content);
    if (named == named_.end() || named->second.inodes.empty()) {
        lock.unlock();
        if (parts_.tree.view().names.shows(content)) {
            // It came since the census; whoever else names it does not decide alone then.
            changed_ = true;
            return {Word::unknown, true};
        }
        auto authors = parts_.opened(content);
        lock.lock();
        if (!authors) {
            named_.erase(content);
            return {Word::unnamed, true};
        }
        NamedContent opened;
        opened.authors = *std::move(authors);
        named = named_.insert_or_assign(content, std::move(opened)).first;
    }
    if (named->second.pinned) {
        return {Word::pinned, true};
    }
    const auto known = answers_.find(content);
    if (known != answers_.end() && known->second.until > now) {
        const auto& copies = known->second.copies;
        if (!copies) {
            return {Word::unknown, true};
        }
        return {copies->may_go(chunk) ? Word::may_go : Word::last_copy, copies->none_may_go()};
    }
    if (asking_ >= kAsksMax) {
        return {Word::unknown, true};
    }
    if (answers_.size() >= kAnswersMax) {
        const auto oldest = std::min_element(
            answers_.begin(), answers_.end(),
            [](const auto& a, const auto& b) { return a.second.until < b.second.until; });
        answers_.erase(oldest);
    }
    answers_[content] = {now + kAnswerCounts, std::nullopt};
    ++asking_;
    const std::uint64_t round = round_;
    lock.unlock();  // the answer may come at once
    parts_.swarm.survey(content, [weak = weak_from_this(), round](const swarm::Survey& survey) {
        if (const auto self = weak.lock()) {
            self->take_in(survey, round);
        }
    });
    return {Word::unknown, true};
}

// Thread: engine, while the swarm is open.
void Custody::take_in(const swarm::Survey& survey, std::uint64_t round) {
    {
        const std::lock_guard lock(mutex_);
        const auto asked = answers_.find(survey.content);
        const auto named = named_.find(survey.content);
        if (round != round_ || stopped_) {
            return;
        }
        --asking_;
        if (asked != answers_.end() && named != named_.end()) {
            const NamedContent& one = named->second;
            std::vector<swarm::Survey::Answer> answers = survey.answers;
            if (one.inodes.empty()) {  // rule 4
                std::erase_if(answers,
                              [&](const auto& a) { return !one.authors.contains(a.node); });
            }
            asked->second.copies.emplace(survey.content, parts_.self, one.authors, one.replicas,
                                         answers);
            if (!survey.silent.empty()) {  // who did not answer in time may yet
                asked->second.until = parts_.clock.now() + kAskAgain;
            }
        }
    }
    parts_.answered();
}

bool Custody::take_census(const std::function<bool(const ContentId&)>& wanted) {
    const std::lock_guard use(use_mutex_);
    const TimePoint began = stopped_ ? TimePoint::max() : parts_.clock.now();
    const bool pins_changed = !stopped_ && pins_seen_ != parts_.pins.version();
    if (stopped_ || (!changed_ && !pins_changed)) {
        return true;
    }
    if (began < rests_until_ && !pins_changed) {
        return false;
    }
    changed_ = false;
    pins_seen_ = parts_.pins.version();
    const auto policy = parts_.policy.policy();
    NamedContents named = named_contents(parts_.tree, *policy, parts_.pins, parts_.id, wanted,
                                         [this] { return stopped_.load(); });
    const TimePoint ended = parts_.clock.now();
    rests_until_ = ended + kCensusShare * (ended - began);
    const std::lock_guard lock(mutex_);
    for (const auto& [content, one] : named) {
        const auto before = named_.find(content);
        if (before == named_.end() || before->second.authors != one.authors ||
            before->second.replicas != one.replicas) {
            answers_.erase(content);  // it was judged by what does not hold any more
        }
    }
    named_ = std::move(named);
    return true;
}

}  // namespace swarmfs::node
