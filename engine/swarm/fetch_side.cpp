#include "engine/swarm/fetch_side.hpp"

#include <algorithm>
#include <bit>

#include "engine/content/proof.hpp"
#include "engine/core/assert.hpp"
#include "engine/protocol/peer_frames.hpp"

namespace swarmfs::swarm {

// ---- our wishes ----

void FetchSide::open(const OpenContent& open, Bytes& out) {
    const protocol::Handle handle = next_handle_++;
    const bool is_new = handles_.emplace(open.content, handle).second;
    SWARM_ASSERT(is_new);
    contents_.emplace(handle, Content{open.content, open.id, open.port, {}, 0});
    protocol::encode(protocol::Open{handle, open.id}, out);
}

void FetchSide::close(const CloseContent& close, Bytes& out) {
    const auto found = handles_.find(close.content);
    if (found == handles_.end()) {
        return;
    }
    SWARM_ASSERT(run_.leaves.empty());
    protocol::encode(protocol::Close{found->second}, out);
    contents_.erase(found->second);
    handles_.erase(found);
}

void FetchSide::ask(const AskLeaves& ask, Bytes& out) {
    const auto found = handles_.find(ask.content);
    SWARM_ASSERT(found != handles_.end());
    Content& content = contents_.at(found->second);
    content.attempt = ask.attempt;
    Chunk& chunk = content.chunks[ask.range.chunk.value];
    Asked asked;
    asked.expected = mask_of(ask.range);

    protocol::Request request{found->second, ask.range, ask.urgency, 0};
    if (!chunk.proven) {
        KnownTree known = content.port->known(ask.range.chunk);
        if (!known.proven && known.ancestor.level == 0) {
            // A content of one leaf, whose hash is the root.
            auto alone =
                content::verify_chunk_proof(content.id.size, ask.range.chunk, known.ancestor, {});
            SWARM_ASSERT(alone.ok());
            known.proven = std::move(alone).value();
        }
        if (known.proven) {
            chunk.proven = std::move(known.proven);
        } else {
            request.known_level = static_cast<std::uint8_t>(known.ancestor.level);
            asked.level = known.ancestor.level;
            asked.proof_due = known.ancestor;
        }
    }
    chunk.asked.push_back(asked);
    protocol::encode(request, out);
}

void FetchSide::cancel(const CancelLeaves& cancel, Bytes& out) {
    const auto found = handles_.find(cancel.content);
    if (found == handles_.end()) {
        return;
    }
    Content& content = contents_.at(found->second);
    const auto chunk = content.chunks.find(cancel.range.chunk.value);
    if (chunk == content.chunks.end()) {
        return;
    }
    const auto gone = static_cast<LeafMask>(chunk->second.expected() & mask_of(cancel.range));
    if (gone == 0) {
        return;
    }
    take_back(found->second, cancel.range.chunk, gone);
    const Bytes frames = take_frames();
    out.insert(out.end(), frames.begin(), frames.end());
}

// ---- the peer's frames ----

Result<FetchSide::Content*> FetchSide::content_of(protocol::Handle handle) {
    if (handle == 0 || handle >= next_handle_) {
        return peer_error("a frame about a handle that was never given");
    }
    const auto found = contents_.find(handle);
    return found == contents_.end() ? nullptr : &found->second;
}

Result<> FetchSide::on_holding(const protocol::Holding& holding) {
    SWARM_TRY(Content * content, content_of(holding.handle));
    if (content != nullptr) {
        events_.push_back(HoldingHeard{content->number, holding.kind, holding.first_chunk,
                                       to_bytes(holding.bitmap)});
    }
    return done();
}

Result<> FetchSide::on_have(const protocol::Have& have) {
    SWARM_TRY(Content * content, content_of(have.handle));
    if (content != nullptr) {
        events_.push_back(HaveHeard{content->number, have.chunks});
    }
    return done();
}

Result<> FetchSide::on_proof(const protocol::Proof& proof) {
    SWARM_TRY(Content * content, content_of(proof.handle));
    if (content == nullptr) {
        return done();
    }
    const auto found = content->chunks.find(proof.chunk.value);
    if (found == content->chunks.end()) {
        return peer_error("a proof that was never asked for");
    }
    Chunk& chunk = found->second;
    const auto known = take_proof_due(chunk, proof.known_level);
    if (!known) {
        return peer_error("a proof that was never asked for");
    }
    const auto hashes = content::hashes_from(proof.hashes);
    if (!hashes) {
        return peer_error("a proof that is not a whole number of hashes", Code::corrupt);
    }
    SWARM_TRY(auto proven,
              content::verify_chunk_proof(content->id.size, proof.chunk, *known, *hashes));
    if (!chunk.proven) {
        chunk.proven = std::move(proven);
    }
    tidy(*content, proof.chunk);
    return done();
}

Result<> FetchSide::on_leaf(const protocol::Leaf& leaf) {
    SWARM_TRY(Content * content, content_of(leaf.handle));
    if (content == nullptr) {
        return done();
    }
    const bool goes_on = !run_.leaves.empty() && run_.handle == leaf.handle &&
                         run_.range.chunk == leaf.chunk &&
                         run_.range.first + run_.range.count == leaf.leaf;
    if (!goes_on) {
        SWARM_CHECK(flush());  // while this leaf is owed: it keeps the chunk and its hashes alive
    }
    const auto found = content->chunks.find(leaf.chunk.value);
    const auto bit = static_cast<LeafMask>(leaf.leaf < kLeavesPerChunk ? 1U << leaf.leaf : 0U);
    if (found == content->chunks.end() ||
        ((found->second.expected() | found->second.loose()) & bit) == 0) {
        return peer_error("a leaf that was never asked for");
    }
    Chunk& chunk = found->second;
    const std::uint64_t size = leaf_bytes(content->id.size, first_leaf(leaf.chunk) + leaf.leaf);
    if (leaf.bytes.size() != size) {
        return peer_error("a leaf of the wrong length");
    }
    const bool expected = (chunk.expected() & bit) != 0;
    const bool old = (chunk.loose() & bit) != 0;  // or may be: rule 4
    if (!chunk.proven) {
        if (!old) {
            return peer_error("a leaf before its proof");
        }
        stored(*content, leaf.chunk, 0, 0);  // nothing of it, but the peer answers
        return done();                       // what is asked for anew comes after its proof
    }
    if (expected && old) {
        take_back(leaf.handle, leaf.chunk, bit);
    } else if (expected) {
        settle(chunk, bit, Gone::arrived);
        note_loose(leaf.handle, leaf.chunk);
    }
    if (!goes_on) {
        run_.handle = leaf.handle;
        run_.range = {leaf.chunk, leaf.leaf, 0};
    }
    ++run_.range.count;
    run_.leaves.push_back(leaf.bytes);
    return done();
}

Result<> FetchSide::on_refuse(const protocol::Refuse& refuse) {
    SWARM_TRY(Content * content, content_of(refuse.handle));
    if (content == nullptr) {
        return done();
    }
    const auto found = content->chunks.find(refuse.range.chunk.value);
    if (found == content->chunks.end()) {
        return peer_error("a refusal of what was never asked for");
    }
    Chunk& chunk = found->second;
    const auto gone = static_cast<LeafMask>(chunk.expected() & mask_of(refuse.range));
    // Where a leaf was cancelled and asked for anew, the refusal may be about the old request.
    take_back(refuse.handle, refuse.range.chunk, static_cast<LeafMask>(gone & chunk.loose()));
    settle(chunk, gone, Gone::refused);
    note_loose(refuse.handle, refuse.range.chunk);
    for (const protocol::LeafRange& range : ranges_of(refuse.range.chunk, gone)) {
        events_.push_back(RefuseHeard{content->number, range, refuse.reason});
    }
    tidy(*content, refuse.range.chunk);
    return done();
}

Result<> FetchSide::on_suggest(const protocol::Suggest& suggest) {
    SWARM_TRY(Content * content, content_of(suggest.handle));
    if (content == nullptr) {
        return done();
    }
    if (suggest.chunk.value >= chunk_count(content->id.size)) {
        return peer_error("it suggested a chunk beyond the end");
    }
    events_.push_back(SuggestHeard{content->number, suggest.chunk});
    return done();
}

// ---- storing ----

Result<> FetchSide::flush() {
    if (run_.leaves.empty()) {
        return done();
    }
    Content& content = contents_.at(run_.handle);
    const ChunkIndex number = run_.range.chunk;
    const content::ChunkHashes& proven = *content.chunks.at(number.value).proven;
    const unsigned matching = content::matching_leaves(proven, run_.range.first, run_.leaves);
    const auto right = static_cast<unsigned>(std::countr_one(matching >> run_.range.first));
    const bool lied = right < run_.leaves.size();
    run_.leaves.resize(right);
    run_.range.count = static_cast<std::uint8_t>(right);
    if (!run_.leaves.empty()) {
        const auto kept = content.port->store(run_.range, run_.leaves, proven);
        if (kept.ok()) {
            std::uint64_t bytes = 0;
            for (const ByteSpan leaf : run_.leaves) {
                bytes += leaf.size();
            }
            stored(content, number, mask_of(run_.range), bytes);
        } else {
            events_.push_back(StoreFailed{content.number, content.attempt, kept.error()});
        }
    }
    run_.leaves.clear();
    tidy(content, number);
    if (lied) {
        return peer_error("a leaf that does not match its proof", Code::corrupt);
    }
    return done();
}

void FetchSide::stored(Content& content, ChunkIndex chunk, LeafMask leaves, std::uint64_t bytes) {
    if (!events_.empty()) {
        auto* last = std::get_if<LeavesStored>(&events_.back());
        if (last != nullptr && last->content == content.number && last->chunk == chunk) {
            last->leaves |= leaves;
            last->bytes += bytes;
            return;
        }
    }
    events_.push_back(LeavesStored{content.number, chunk, leaves, bytes});
}

// A chunk of which nothing is under way is forgotten; one that is only cancelled keeps no hashes.
void FetchSide::tidy(Content& content, ChunkIndex number) {
    const bool in_run = !run_.leaves.empty() && run_.range.chunk == number &&
                        contents_.at(run_.handle).number == content.number;
    if (in_run) {
        return;
    }
    const auto found = content.chunks.find(number.value);
    if (found == content.chunks.end() || !found->second.asked.empty()) {
        return;
    }
    const Chunk& chunk = found->second;
    if (chunk.loose() == 0 && chunk.fresh.proofs.empty() && chunk.fenced.proofs.empty()) {
        content.chunks.erase(found);
    } else {
        found->second.proven.reset();
    }
}

// ---- what may still come ----

LeafMask FetchSide::Chunk::expected() const {
    LeafMask leaves = 0;
    for (const Asked& request : asked) {
        leaves |= request.expected;
    }
    return leaves;
}

std::optional<content::KnownNode> FetchSide::take_proof_due(Chunk& chunk, unsigned level) {
    // Of two that are alike, the cancelled one was asked for first.
    for (Loose* const loose : {&chunk.fenced, &chunk.fresh}) {
        for (auto proof = loose->proofs.begin(); proof != loose->proofs.end(); ++proof) {
            if (proof->level == level) {
                const content::KnownNode known = *proof;
                loose->proofs.erase(proof);
                return known;
            }
        }
    }
    for (Asked& request : chunk.asked) {
        if (request.proof_due && request.proof_due->level == level) {
            return std::exchange(request.proof_due, std::nullopt);
        }
    }
    return std::nullopt;
}

void FetchSide::settle(Chunk& chunk, LeafMask leaves, Gone how) {
    if (how == Gone::cancelled) {
        chunk.fresh.leaves |= leaves;
    }
    for (std::size_t i = 0; i < chunk.asked.size();) {
        Asked& request = chunk.asked[i];
        const bool of_it = (request.expected & leaves) != 0;
        request.expected = static_cast<LeafMask>(request.expected & ~leaves);
        std::optional<content::KnownNode> owed;
        if (of_it && how == Gone::arrived) {
            request.answered = true;
            owed = std::exchange(request.proof_due, std::nullopt);
        } else if (request.expected == 0 && how == Gone::cancelled) {
            owed = std::exchange(request.proof_due, std::nullopt);
        }
        if (request.expected == 0) {
            chunk.asked.erase(chunk.asked.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
            ++i;
        }
        if (owed) {
            owe_proof(chunk, *owed);
        }
    }
}

// Rule 5: to a request from the same level that seems to have had its proof, and has no leaf yet;
// else to one that went.
void FetchSide::owe_proof(Chunk& chunk, const content::KnownNode& known) {
    for (Asked& request : chunk.asked) {
        if (request.level == known.level && !request.proof_due && !request.answered) {
            request.proof_due = known;
            return;
        }
    }
    chunk.fresh.proofs.push_back(known);
}

// Rule 4.
void FetchSide::take_back(protocol::Handle handle, ChunkIndex number, LeafMask leaves) {
    if (leaves == 0) {
        return;
    }
    settle(contents_.at(handle).chunks.at(number.value), leaves, Gone::cancelled);
    note_loose(handle, number);
    for (const protocol::LeafRange& range : ranges_of(number, leaves)) {
        protocol::encode(protocol::Cancel{handle, range}, frames_);
    }
}

void FetchSide::note_loose(protocol::Handle handle, ChunkIndex number) {
    const Chunk& chunk = contents_.at(handle).chunks.at(number.value);
    if (chunk.fresh.leaves != 0 || !chunk.fresh.proofs.empty()) {
        fresh_.emplace(handle, number.value);
    }
}

FetchSide::Chunk* FetchSide::chunk_of(protocol::Handle handle, ChunkIndex number) {
    const auto content = contents_.find(handle);
    if (content == contents_.end()) {
        return nullptr;
    }
    const auto chunk = content->second.chunks.find(number.value);
    return chunk == content->second.chunks.end() ? nullptr : &chunk->second;
}

void FetchSide::ping_sent() {
    fenced_.clear();
    for (const auto& [handle, number] : fresh_) {
        if (Chunk* const chunk = chunk_of(handle, ChunkIndex(number))) {
            chunk->fenced = std::exchange(chunk->fresh, {});
            fenced_.emplace_back(handle, number);
        }
    }
    fresh_.clear();
}

Result<> FetchSide::ping_answered() {
    SWARM_CHECK(flush());
    for (const auto& [handle, number] : fenced_) {
        if (Chunk* const chunk = chunk_of(handle, ChunkIndex(number))) {
            chunk->fenced = {};
            tidy(contents_.at(handle), ChunkIndex(number));
        }
    }
    fenced_.clear();
    return done();
}

}  // namespace swarmfs::swarm
