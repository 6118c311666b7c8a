// CacheKeeper: which chunks go.

#include <algorithm>

#include "engine/node/cache_keeper.hpp"

namespace swarmfs::node {
namespace {

// How often a candidate that was used meanwhile is put back before it goes all the same.
constexpr unsigned kSecondLooks = 4;
// Contents that people want gone, of a round: those that a custody may ask about at once.
constexpr std::size_t kWishesAtOnce = Custody::kAsksMax;

}  // namespace

void CacheKeeper::Choice::add(const ContentId& content, ChunkIndex chunk) {
    if (taken.insert({content, chunk}).second) {
        chunks.push_back({content, chunk});
        bytes += chunk_bytes(content.size, chunk);
    }
}

std::vector<store::StoredChunk> CacheKeeper::choose(std::uint64_t bytes, bool& asking) {
    Choice choice;
    std::map<std::pair<ContentId, ChunkIndex>, unsigned> looks;
    std::uint64_t kept = 0;
    choose_replaced(bytes, choice, asking);
    for (std::size_t draws = 0; choice.bytes < bytes && draws < kDrawsMax && !stopping_;) {
        const std::size_t wanted = pool_.size() < EvictionPool::kPool ? EvictionPool::kPool : 2;
        for (std::size_t i = 0; i < wanted; ++i, ++draws) {
            draw(asking);
        }
        const auto oldest = pool_.take();
        if (!oldest || choice.taken.contains({oldest->content, oldest->chunk})) {
            continue;
        }
        const auto content = parts_.contents.open(oldest->content);
        if (!content.ok() || (*content)->leaf_mask(oldest->chunk) == 0) {
            continue;
        }
        const std::uint64_t used = store::ContentEviction(**content).last_use(oldest->chunk);
        if (used != oldest->last_use && ++looks[{oldest->content, oldest->chunk}] < kSecondLooks) {
            pool_.offer({used, oldest->content, oldest->chunk});
            continue;
        }
        const auto entry = index_.find(oldest->content);
        if (entry == index_.end() || !may_go(entries_[entry->second], oldest->chunk, asking)) {
            continue;
        }
        choice.add(oldest->content, oldest->chunk);
    }
    for (const Entry& entry : entries_) {
        kept += entry.kept ? entry.bytes : 0;
    }
    kept_ = kept;
    return std::move(choice.chunks);
}

void CacheKeeper::choose_replaced(std::uint64_t bytes, Choice& choice, bool& asking) {
    for (const auto& custody : custodies()) {
        replaced_.merge(custody->take_replaced());
    }
    for (auto one = replaced_.begin(); one != replaced_.end() && choice.bytes < bytes;) {
        one = choose_of(*one, bytes, choice, asking) ? std::next(one) : replaced_.erase(one);
    }
}

// Returns: whether more of it may go later.
bool CacheKeeper::choose_of(const ContentId& id, std::uint64_t bytes, Choice& choice,
                            bool& asking) {
    // A small one goes only as a whole, when nobody has it open: it is drawn, or the sweeper's.
    const auto content = parts_.contents.open(id);
    if (!content.ok() || id.size <= store::kSmallBytesMax || (*content)->stored_bytes() == 0 ||
        (*content)->owned() || (*content)->in_place() || parts_.contents.top_over(id)) {
        return false;
    }
    for (const auto& custody : custodies()) {
        if (custody->shows(id)) {
            return false;
        }
    }
    choose_chunks(**content, bytes, choice, asking);
    return true;
}

void CacheKeeper::choose_chunks(store::StoredContent& content, std::uint64_t bytes, Choice& choice,
                                bool& asking) {
    Entry entry{content.id(), 0, false};
    const store::ContentEviction eviction(content);
    std::optional<ChunkIndex> last;
    while (choice.bytes < bytes && !entry.kept) {
        const auto chunk = eviction.stored_near(last ? *last + 1 : ChunkIndex());
        if (!chunk || (last && *chunk <= *last)) {
            break;
        }
        if (may_go(entry, *chunk, asking)) {
            choice.add(content.id(), *chunk);
        }
        last = chunk;
    }
}

// Rule 6. A few at a time: the answers for the first come while the next are asked about.
void CacheKeeper::evict_wished() {
    const TimePoint now = parts_.clock.now();
    {
        const std::lock_guard lock(mutex_);
        for (const ContentId& content : std::exchange(wished_, {})) {
            wishes_.insert_or_assign(content, now + kWishMax);
        }
    }
    if (wishes_.empty()) {
        return;
    }
    take_in_fresh();
    (void)take_census();
    std::size_t left = kWishesAtOnce;
    for (auto wish = wishes_.begin(); wish != wishes_.end() && left > 0 && !stopping_; --left) {
        bool more = true;
        bool settled = false;
        while (more && !settled) {
            Choice choice;
            settled = choose_wished(wish->first, choice);
            more = !choice.chunks.empty() && give_back(choice.chunks).value_or(0) > 0;
        }
        wish = settled || now >= wish->second ? wishes_.erase(wish) : std::next(wish);
    }
}

// Returns: whether what stays was decided by everybody, and all of the rest is chosen.
bool CacheKeeper::choose_wished(const ContentId& id, Choice& choice) {
    bool asking = false;
    const auto content = parts_.contents.open(id);
    for (auto layer = content.ok() ? *content : nullptr; layer; layer = layer->base()) {
        const ContentId below = layer->id();
        const auto all = custodies();
        if (below != id && std::any_of(all.begin(), all.end(), [&](const auto& custody) {
                return custody->shows(below);
            })) {
            break;
        }
        choose_chunks(*layer, kBatchBytes, choice, asking);
    }
    return !asking && choice.bytes < kBatchBytes;
}

// One candidate, each stored byte alike likely, into the pool.
void CacheKeeper::draw(bool& asking) {
    if (std::exchange(sums_stale_, false)) {
        sums_.clear();
        std::uint64_t sum = 0;
        for (const Entry& entry : entries_) {
            sum += entry.kept ? 0 : entry.bytes;
            sums_.push_back(sum);
        }
    }
    if (sums_.empty() || sums_.back() == 0) {
        return;
    }
    const std::uint64_t at = dice_.below(sums_.back());
    Entry& entry = entries_[static_cast<std::size_t>(
        std::upper_bound(sums_.begin(), sums_.end(), at) - sums_.begin())];
    const auto content = parts_.contents.open(entry.content);
    const auto nothing = [&] {
        entry.bytes = 0;
        sums_stale_ = true;
    };
    if (!content.ok()) {
        nothing();
        return;
    }
    const store::ContentEviction eviction(**content);
    const auto chunk =
        eviction.stored_near(ChunkIndex(dice_.below(chunk_count(entry.content.size))));
    if (!chunk) {
        nothing();
        return;
    }
    if (may_go(entry, *chunk, asking)) {
        pool_.offer({eviction.last_use(*chunk), entry.content, *chunk});
    }
}

// Rule 2.
bool CacheKeeper::may_go(Entry& entry, ChunkIndex chunk, bool& asking) {
    using Word = Custody::Word;
    if (parts_.contents.held(entry.content)) {
        return false;
    }
    bool named = false;  // by a swarm that lets it go
    // What lies below a newer version is kept, or not, for that one's sake.
    const ContentId content = parts_.contents.top_over(entry.content).value_or(entry.content);
    if (chunk.value >= chunk_count(content.size)) {
        return true;
    }
    for (const auto& custody : custodies()) {
        const Custody::Opinion opinion = custody->ask(content, chunk);
        asking = asking || opinion.word == Word::unknown;
        if (opinion.word == Word::pinned || (opinion.word == Word::last_copy && opinion.whole)) {
            entry.kept = sums_stale_ = true;
        }
        if (opinion.word != Word::unnamed && opinion.word != Word::may_go) {
            return false;
        }
        named = named || opinion.word == Word::may_go;
    }
    return named || !parts_.needed(content);
}

}  // namespace swarmfs::node
