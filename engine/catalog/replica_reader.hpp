#pragma once
// What a replica of the catalog says: versions, the view of a path, and how far each author was
// applied. Everything lives in the map it is given (a part of the store under a prefix of its own);
// an object of this class is a cheap window on it.
//
// A path's *heads* are the versions of it that no other version has replaced. Its *view* is what
// merge.hpp makes of them; that is what file systems and listings show.
//
// A head of which only the stub has arrived (somebody withheld a current version, or is still
// sending its successor) leaves its path *unsettled*: what was shown there and beside it stays
// until the rest is here. Whoever follows the touched paths passes an unsettled one over; it is
// touched again when it settles.
// Thread: as the map's.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/catalog/merge.hpp"
#include "engine/catalog/publication.hpp"
#include "engine/catalog/version_vector.hpp"
#include "engine/core/key_value.hpp"

namespace swarmfs::catalog {

// More versions than anybody looks at. Beyond them, of one path, the authors' newest are
// considered, authors in order of their keys: all replicas look at the same ones.
inline constexpr std::size_t kHeadsShownMax = 256;
inline constexpr std::size_t kHeadsShownPerAuthorMax = 16;

struct Heads {
    std::vector<Version> versions;  // those whose entries are here
    bool settled = true;
};

struct ConflictCopy {
    std::string name;  // beside the path's own
    Version version;

    bool operator==(const ConflictCopy&) const = default;
};

struct View {
    bool settled = true;
    Shows shows = Shows::nothing;
    std::optional<Version> main;  // when shows == version
    std::vector<ConflictCopy> beside;

    bool operator==(const View&) const = default;
};

class ReplicaReader {
public:
    // Requires: `rows` outlives the reader.
    explicit ReplicaReader(const KeyValueReader& rows) : rows_(rows) {}

    // What was applied, of every author. Our own entries count once they are signed.
    VersionVector vector() const;
    // What others are told: `vector`, but of an author no further than before a publication of
    // which a head has only its stub here. Whoever has the body sends it again then. At most
    // kAuthorsMax authors; of nodes with many incarnations some are left out first.
    VersionVector vector_to_tell() const;
    // Something is whole and may be in turn: Replica::advance has work.
    bool something_is_ready() const;
    std::uint64_t applied_of(const AuthorId& author) const;

    // Requires: the path passed check_path.
    Heads heads(std::string_view path) const;
    View view(std::string_view path) const;
    // What is shown at exactly this path, conflict names included, also beside an unsettled path.
    // Nothing for implicit directories, nor for an unsettled path itself.
    std::optional<Version> find(std::string_view path) const;
    bool has_children(std::string_view directory) const;

    // Returns: nothing when it is unknown, or only its stub is left.
    std::optional<Version> version(const Dot& dot) const;

    // Visits the paths that show something, in the order of their hashes, from `from` on; false
    // ends it. Implicit directories are left out: they have no versions.
    using VisitView =
        std::function<bool(const Hash256& hash, const std::string& path, const View& view)>;
    void for_each_current(const Hash256& from, const VisitView& visit) const;

    // Visits the names below a directory at which something lives, in byte order, after `after`.
    void for_each_child(std::string_view directory, std::string_view after,
                        const std::function<bool(std::string_view name)>& visit) const;

    // Visits what every entry names whose bytes are still here: versions that stand, those replaced
    // or deleted less than kKeepSupersededMs ago, which can be had again, and those yet to be
    // applied. Returns: false when an entry cannot be read.
    bool for_each_content(const std::function<void(const ContentId&)>& visit) const;

    // Visits versions that were replaced or deleted and whose entries are still whole, in the order in
    // which that happened; `at` is the clock of the entry that did it. False ends it.
    using VisitSuperseded = std::function<bool(HybridTime at, const Version& version)>;
    void for_each_superseded(const VisitSuperseded& visit) const;

    // Heads of which only the stub is here: to be asked for again, from somebody else.
    std::vector<Dot> bodiless_heads(std::size_t count_max) const;

    // The next header of `author` that holds entries beyond `sequence`, as it was signed.
    std::optional<Bytes> header_after(const AuthorId& author, std::uint64_t sequence) const;
    // The stored row of an entry, for sending on.
    std::optional<Bytes> entry_row(const Dot& dot) const;

    std::optional<AuthorId> own_author() const;
    // Local entries that no header has signed yet.
    std::uint64_t unsealed() const;
    // The latest time written on anything that was applied or appended.
    HybridTime latest_clock() const;

protected:
    std::uint64_t number(std::string_view word) const;
    std::uint64_t count_children(std::string_view directory) const;
    std::vector<std::string> names_in_group(const Hash256& directory,
                                            const std::string& conflict_name) const;
    std::vector<std::string> copies_in_group(const Hash256& directory,
                                             const std::string& conflict_name) const;

private:
    void for_each_copy(const Hash256& directory, const std::string& conflict_name,
                       const std::function<bool(const Dot& loser, std::string name)>& visit) const;
    Heads heads_of(const Hash256& path) const;
    View view_of(const Hash256& hash, std::string_view path) const;
    void name_copies(std::string_view path, std::vector<ConflictCopy>& copies) const;

    const KeyValueReader& rows_;
};

}  // namespace swarmfs::catalog
