#pragma once
// Which contents the tables of a home need, whatever swarm they are of.
//
//   names     rows of inodes (namespace_rows.hpp): what a tree shows, conflict copies and files that
//             are not published yet included
//   staging   rows of files being written (staged_file.hpp): the version below what was written
//   layers    contents that lie over another one (layered_file.hpp), as long as they are stored
//   history   entries of catalogs whose bytes are still here: what was replaced or deleted less than
//             seven days ago
// A row that cannot be read may need anything: whoever asks is told, and removes nothing.
// Pure but for reading; thread: as the reader's.

#include <functional>

#include "engine/core/ids.hpp"
#include "engine/core/key_value.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::store {

using VisitContent = std::function<void(const ContentId& id)>;

// What a row of names, staging or layers needs; nothing, when it is another row.
// Returns: false for one that cannot be read.
bool visit_needed_by_row(ByteSpan key, ByteSpan value, const VisitContent& visit);

// Errors: corrupt (a row cannot be read), io.
Result<> visit_needed_by_names(const KeyValueReader& rows, const VisitContent& visit);
Result<> visit_needed_by_staging(const KeyValueReader& rows, const VisitContent& visit);
Result<> visit_needed_by_layers(const KeyValueReader& rows, const VisitContent& visit);
Result<> visit_needed_by_history(const KeyValueReader& rows, const VisitContent& visit);

// Whether names, files being written or layers need this one content, or may: a row cannot be read, or
// a swarm's names were not counted yet (namespace_sums.hpp).
// Cost: a look-up a swarm, and the rows of files being written.
bool is_needed_but_by_history(const KeyValueReader& rows, const ContentId& id);

}  // namespace swarmfs::store
