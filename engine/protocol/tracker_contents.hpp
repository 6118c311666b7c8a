#pragma once
// What members hold, as they tell a tracker and as it tells others. A content's name is the pair
// (root, size); "file_hash" is the root. Manners and bounds as in tracker_messages.hpp.
// Pure; any thread.

#include "engine/protocol/tracker_messages.hpp"

namespace swarmfs::protocol {

// {"file_hash","name","size","chunk_size":262144,"chunks","complete"?,"chunk_hashes"?}
struct AnnouncedContent {
    ContentId content;
    std::string name;
    bool complete = true;               // all of it is held
    std::vector<Hash256> chunk_hashes;  // none, or one a chunk: the roots of their subtrees
};

// One content or an array of them. The token is the header X-Peer-Token, or the field "token" of a
// single content.
struct Announce {
    std::vector<AnnouncedContent> contents;
    std::optional<PeerToken> token;
};

// {"file_hash","name","size","chunk_size","chunks","seeders","swarm"}
struct FileSummary {
    ContentId content;
    SwarmId swarm;
    std::string name;
    std::uint64_t seeders = 0;  // online, and holding all of it
};
// {"files":[...],"next"?}: `next` is the cursor of the page that follows.
struct FilesPage {
    std::vector<FileSummary> files;
    std::string next;
};
// A summary and {"merkle_root","chunk_hashes":[...],"chunk_hashes_known","next"?}
struct FileDetail {
    FileSummary summary;
    bool chunk_hashes_known = false;
    std::vector<Hash256> chunk_hashes;  // one page of them
    std::optional<std::uint64_t> next;  // the chunk at which the next page begins
};

std::string encode(const std::vector<AnnouncedContent>& contents);
std::string encode(const FilesPage& page);
std::string encode(const FileDetail& detail);
// Errors: invalid for a size, hash or count that contradicts another, or beyond its bound.
Result<Announce> decode_announce(std::string_view body);

}  // namespace swarmfs::protocol
