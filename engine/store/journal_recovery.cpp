// What Journal::recover finds in the segment files of an earlier opening.

#include <algorithm>
#include <tuple>

#include "engine/store/journal.hpp"
#include "engine/store/journal_files.hpp"
#include "engine/store/lost_tables.hpp"

namespace swarmfs::store {
namespace {

Result<Bytes> whole_file(Disk& disk, const Path& path) {
    SWARM_TRY(const auto file, disk.open(path, Open::read));
    SWARM_TRY(const FileStatus status, file->status());
    Bytes bytes(static_cast<std::size_t>(status.size));
    SWARM_TRY(const std::size_t got, file->read_at(0, bytes));
    bytes.resize(got);
    return bytes;
}

struct FoundSegment {
    std::uint64_t number = 0;
    Path path;
    SegmentReplay replay;  // opening 0 when the file was only just made, or begun anew
    bool damaged = false;  // there is something where the header should be, and it is none

    std::string name() const { return path.filename().string(); }
};

const VisitRecord kOnlyCount = [](std::uint64_t, Changes&&) {};

Error other_version(const Path& path) {
    return disk_error(Code::corrupt,
                      path.string() +
                          ": this journal was written by another version of swarmfs, and may hold "
                          "what was not stored otherwise yet; start that version, which stores it "
                          "when it stops, or " +
                          how_to_start_without(path.parent_path()));
}

Result<std::vector<FoundSegment>> find_segments(Disk& disk, const Path& folder) {
    SWARM_TRY(const auto names, disk.list(folder));
    std::vector<FoundSegment> found;
    for (const auto& name : names) {
        const auto number = segment_number(name);
        if (!number) {
            continue;
        }
        FoundSegment segment{*number, folder / name, {}, false};
        SWARM_TRY(const Bytes bytes, whole_file(disk, segment.path));
        const HeaderState header = header_state(bytes);
        if (header == HeaderState::other_version) {
            return other_version(segment.path);
        }
        segment.damaged = header == HeaderState::damaged;
        segment.replay = replay_segment(bytes, kOnlyCount).value_or(SegmentReplay{});
        found.push_back(std::move(segment));
    }
    return found;
}

// A damaged header may stand above whole records. Which use a segment must be of to go on where
// what the tables have, or another segment, ends is known; and records prove which use they are of.
Result<> find_headers(Disk& disk, const Journal::Mark& mark, std::vector<FoundSegment>& found,
                      std::vector<std::string>& repaired) {
    for (bool again = true; std::exchange(again, false);) {
        std::vector<std::uint64_t> ends{mark.applied};
        for (const FoundSegment& segment : found) {
            const SegmentUse& use = segment.replay.use;
            if (!segment.damaged && use.opening == mark.opening && segment.replay.records > 0) {
                ends.push_back(use.first_sequence + segment.replay.records - 1);
            }
        }
        for (FoundSegment& segment : found) {
            for (std::size_t i = 0; segment.damaged && i < ends.size(); ++i) {
                SWARM_TRY(const Bytes bytes, whole_file(disk, segment.path));
                const SegmentUse use{mark.opening, ends[i] + 1, mark.applied};
                const SegmentReplay replay = replay_records(bytes, use, kOnlyCount);
                if (replay.records > 0) {
                    segment.replay = replay;
                    segment.damaged = false;
                    again = true;
                    repaired.push_back(segment.name() + ": its header is damaged, its " +
                                       std::to_string(replay.records) + " changes are whole");
                }
            }
        }
    }
    return done();
}

// In the order in which they were written.
void sort(std::vector<FoundSegment>& found) {
    std::sort(found.begin(), found.end(), [](const FoundSegment& a, const FoundSegment& b) {
        const auto order = [](const FoundSegment& segment) {
            return std::tuple(segment.replay.use.opening, segment.replay.use.first_sequence,
                              segment.number);
        };
        return order(a) < order(b);
    });
}

Error tables_are_older(const Path& folder, const Journal::Mark& mark, const SegmentUse& use) {
    const auto at = [](std::uint32_t opening, std::uint64_t sequence) {
        return "change " + std::to_string(sequence) + " of opening " + std::to_string(opening);
    };
    return disk_error(Code::corrupt,
                      folder.string() + ": its tables end at " + at(mark.opening, mark.applied) +
                          ", its journal goes on from " + at(use.opening, use.applied) +
                          ", so a table file was removed or replaced; put it back, or " +
                          how_to_start_without(folder));
}

// Nothing of it is believed, and nothing of it is lost.
void put_aside(Disk& disk, const FoundSegment& segment, const std::string& why,
               Journal::Recovery& recovery) {
    recovery.aside.push_back(segment.path);
    recovery.repaired.push_back(segment.name() + ": " + why + "; the file is kept as " +
                                aside_path(disk, segment.path).filename().string());
}

}  // namespace

Result<Journal::Recovery> Journal::recover(Disk& disk, const Path& folder, const Mark& mark,
                                           const VisitRecord& visit) {
    SWARM_TRY(auto found, find_segments(disk, folder));
    Recovery recovery;
    SWARM_CHECK(find_headers(disk, mark, found, recovery.repaired));
    sort(found);
    const bool damaged = std::any_of(found.begin(), found.end(),
                                     [](const auto& segment) { return segment.damaged; });
    recovery.last_sequence = mark.applied;
    bool ended = false;
    for (const FoundSegment& segment : found) {
        const SegmentUse& use = segment.replay.use;
        recovery.next_file = std::max(recovery.next_file, segment.number + 1);
        if (segment.damaged) {
            put_aside(disk, segment,
                      "its header is damaged, and changes acknowledged last may be lost with it",
                      recovery);
            continue;
        }
        if (use.opening > mark.opening ||
            (use.opening == mark.opening && use.applied > mark.applied)) {
            return tables_are_older(folder, mark, use);
        }
        if (use.opening < mark.opening || use.first_sequence <= mark.applied) {
            recovery.files.push_back(segment.path);
            recovery.spent.push_back(segment.path);
            continue;
        }
        if (ended || use.first_sequence != recovery.last_sequence + 1) {
            ended = true;
            const std::string dropped = std::to_string(segment.replay.records) + " changes dropped";
            if (segment.replay.records > 0 && damaged) {
                put_aside(disk, segment, dropped + ", which follow lost ones", recovery);
                continue;
            }
            recovery.files.push_back(segment.path);
            if (segment.replay.records > 0) {
                recovery.repaired.push_back(segment.name() + ": " + dropped +
                                            ", which follow a lost one and were never synced");
            }
            continue;
        }
        recovery.files.push_back(segment.path);
        if (segment.replay.records == 0 && !segment.replay.torn) {
            recovery.spent.push_back(segment.path);  // begun, and nothing came
            continue;
        }
        SWARM_TRY(const Bytes bytes, whole_file(disk, segment.path));
        replay_records(bytes, use, [&](std::uint64_t sequence, Changes&& changes) {
            recovery.last_sequence = sequence;
            ++recovery.records;
            visit(sequence, std::move(changes));
        });
        if (segment.replay.torn) {
            ended = true;
            recovery.repaired.push_back(segment.name() + ": ends in a torn change after number " +
                                        std::to_string(recovery.last_sequence) +
                                        ", which was never acknowledged");
        }
    }
    return recovery;
}

}  // namespace swarmfs::store
