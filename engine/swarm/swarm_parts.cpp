// SwarmCore: a part of a large content, fetched while nobody waits. Its chunks are needs like those
// of tiny contents, so that a part costs what it has, whatever it is a part of.

#include <algorithm>

#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

void SwarmCore::begin_part(FillId id, const FillRequest& request, TimePoint now) {
    const std::uint64_t chunks = chunk_count(request.content.size);
    const ChunkRange& range = *request.chunks;
    WantedContent::Part part;
    part.id = id;
    part.first = range.first.value;
    part.end = std::min(chunks, part.first + std::min(range.count, chunks));
    const auto obtained = obtain(request.content, request.likely, now);
    if (!obtained.ok() || part.first >= part.end) {
        FillProgress progress;
        progress.error = obtained.ok()
                             ? caller_error(Code::invalid, "a part beyond the end of the content")
                             : obtained.error();
        actions_.push_back(FillMoved{id, progress});
        return;
    }
    WantedContent& content = **obtained;
    for (ChunkIndex chunk(part.first); chunk.value < part.end; ++chunk) {
        const std::uint64_t bytes = chunk_bytes(content.id.size, chunk);
        const LeafMask stored = content.port->leaf_mask(chunk);
        const LeafMask full = leaves_of(content.id, chunk);
        part.total_bytes += bytes;
        if (stored == full) {
            part.stored_bytes += bytes;
            found_whole(content, chunk);
            continue;
        }
        content.whole_bytes -= content.whole.erase(chunk) ? bytes : 0;
        ++part.lacking;
        WantedContent::Need& need = content.needs[chunk.value];
        need.fill = static_cast<LeafMask>(full & ~stored);
        need.fill_due = now;
        content.starved.erase(chunk.value);
        queue(content, chunk);
    }
    fills_.emplace(id, content.number);
    content.parts.push_back(part);
    const std::size_t widely = open_widely(content.id);
    open_more(content, widely - std::min(widely, content.sources.size()), now);
    changed_.insert(content.number);
}

// Returns: whether the fill is of a part; it is wanted no more then.
bool SwarmCore::cancel_part(WantedContent& content, FillId id, TimePoint now) {
    const auto found = std::find_if(content.parts.begin(), content.parts.end(),
                                    [id](const auto& part) { return part.id == id; });
    if (found == content.parts.end()) {
        return false;
    }
    const WantedContent::Part part = *found;
    content.parts.erase(found);
    fills_.erase(id);
    for (ChunkIndex chunk(part.first); chunk.value < part.end; ++chunk) {
        const auto need = content.needs.find(chunk.value);
        if (need != content.needs.end() && !content.in_part(chunk)) {
            need->second.fill = 0;
            release_chunk(content, chunk, now);
        }
    }
    changed_.insert(content.number);
    return true;
}

void SwarmCore::settle_parts(WantedContent& content, const std::optional<Error>& error) {
    std::erase_if(content.parts, [&](WantedContent::Part& part) {
        const bool complete = part.lacking == 0;
        const bool over = complete || error;
        if (over || std::exchange(part.moved, false)) {
            actions_.push_back(FillMoved{
                part.id, FillProgress{part.stored_bytes, part.total_bytes, content.holders(),
                                      complete, complete ? std::nullopt : error}});
        }
        if (over) {
            fills_.erase(part.id);
        }
        return over;
    });
}

}  // namespace swarmfs::swarm
