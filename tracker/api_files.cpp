// /api/files…
//
// What a file is called comes from the catalog where the tracker has it, which is signed and
// durable; who holds it comes from announces. A list is both, merged.
#include <algorithm>
#include <map>

#include "engine/core/wire.hpp"
#include "engine/http/target.hpp"
#include "tracker/api.hpp"

namespace swarmfs::tracker {

using http::Method;
using http::QueryValues;
using http::Request;
using http::Response;

namespace {

constexpr std::size_t kFilesPerPage = 100;
constexpr std::size_t kPeersPerPage = 50;
constexpr std::size_t kChunkHashesPerPage = 1024;

struct File {
    protocol::FileSummary summary;
    std::shared_ptr<const std::vector<Hash256>> chunk_hashes;
};
using Files = std::map<ContentKey, File>;

void add_announced(Files& files, Registry::Listed listed) {
    File& file = files[listed.key];
    file.summary = {listed.key.content, listed.key.swarm, std::move(listed.name), listed.seeders};
    file.chunk_hashes = std::move(listed.chunk_hashes);
}

// The catalog's name goes before an announced one.
void add_named(Files& files, NamedContent named) {
    File& file = files[named.key];
    file.summary.content = named.key.content;
    file.summary.swarm = named.key.swarm;
    file.summary.name = std::move(named.path);
}

std::string cursor_of(const ContentKey& key) {
    Bytes bytes;
    WireWriter out(bytes);
    out.fixed(key.content.root);
    out.u64(key.content.size);
    out.fixed(key.swarm);
    return to_base64url(bytes);
}

Result<std::optional<ContentKey>> key_of_cursor(const std::string* cursor) {
    if (cursor == nullptr) {
        return std::optional<ContentKey>{};
    }
    const auto bytes = from_base64url(*cursor);
    WireReader in(bytes ? ByteSpan(*bytes) : ByteSpan());
    ContentKey key;
    key.content.root = in.fixed<Hash256>();
    key.content.size = in.u64();
    key.swarm = in.fixed<SwarmId>();
    if (!in.finished()) {
        return caller_error(Code::invalid, "\"cursor\" is not one this tracker gave");
    }
    return std::optional(key);
}

Result<std::optional<SwarmId>> swarm_of(const QueryValues& query) {
    const std::string* text = query.find("swarm");
    if (text == nullptr) {
        return std::optional<SwarmId>{};
    }
    auto swarm = id_of<SwarmId>(*text, "\"swarm\"");
    if (!swarm.ok()) {
        return caller_error(Code::invalid, swarm.problem().detail);
    }
    return std::optional(*swarm);
}

Result<protocol::FilesPage> list_page(const ApiParts& parts, std::string_view query_text) {
    SWARM_TRY(const QueryValues query, QueryValues::parse(query_text));
    SWARM_TRY(const std::uint64_t limit,
              query.number("limit", kFilesPerPage, 1, protocol::kFilesPerPageMax));
    SWARM_TRY(const std::optional<ContentKey> after, key_of_cursor(query.find("cursor")));
    SWARM_TRY(const std::optional<SwarmId> swarm, swarm_of(query));

    Registry::Page announced = parts.registry.list(after, swarm, limit);
    NamedPage named;
    SWARM_CHECK(parts.storage.read([&](const KeyValueReader& rows) {
        named = list_named(rows, after, swarm, limit);
        return done();
    }));
    // Beyond the place where either list was cut off, the other one may have holes.
    std::optional<ContentKey> known_to = announced.looked_at;
    if (named.looked_at && (!known_to || *named.looked_at < *known_to)) {
        known_to = named.looked_at;
    }
    Files files;
    for (Registry::Listed& listed : announced.contents) {
        add_announced(files, std::move(listed));
    }
    for (NamedContent& content : named.contents) {
        add_named(files, std::move(content));
    }
    protocol::FilesPage page;
    for (auto& [key, file] : files) {
        if (known_to && *known_to < key) {
            break;
        }
        if (page.files.size() == limit) {
            const protocol::FileSummary& last = page.files.back();
            page.next = cursor_of({last.content, last.swarm});
            return page;
        }
        page.files.push_back(std::move(file.summary));
    }
    page.next = known_to ? cursor_of(*known_to) : std::string();
    return page;
}

struct FileQuestion {
    Hash256 root;
    std::optional<SwarmId> swarm;
    std::optional<std::uint64_t> size;
    QueryValues query;
};

Outcome<FileQuestion> question_of(const Request& request) {
    auto root = id_of<Hash256>(request.parameters[0], "the file_hash");
    if (!root.ok()) {
        return root.problem();
    }
    auto query = QueryValues::parse(request.query);
    if (!query.ok()) {
        return problem_of(query.error());
    }
    auto swarm = swarm_of(*query);
    const auto size = query->number("size", 0, 0, kContentBytesMax);
    if (!swarm.ok() || !size.ok()) {
        return problem_of(swarm.ok() ? size.error() : swarm.error());
    }
    return FileQuestion{*root, *swarm,
                        *size == 0 ? std::nullopt : std::optional<std::uint64_t>(*size),
                        std::move(*query)};
}

Result<Files> files_of(const ApiParts& parts, const FileQuestion& question) {
    Files files;
    for (Registry::Listed& listed : parts.registry.list_root(question.root)) {
        add_announced(files, std::move(listed));
    }
    SWARM_CHECK(parts.storage.read([&](const KeyValueReader& rows) {
        for (NamedContent& named : list_named_root(rows, question.root)) {
            add_named(files, std::move(named));
        }
        return done();
    }));
    std::erase_if(files, [&](const auto& file) {
        return (question.swarm && file.first.swarm != *question.swarm) ||
               (question.size && file.first.content.size != *question.size);
    });
    return files;
}

Problem no_such_file() {
    return {404, "not_found", "no file of this hash is known here"};
}

Response describe_file(const ApiParts& parts, const Request& request) {
    auto question = question_of(request);
    if (!question.ok()) {
        return problem_response(question.problem());
    }
    const auto first = question->query.number("chunk", 0, 0, kContentBytesMax / kChunkBytes);
    const auto limit =
        question->query.number("limit", kChunkHashesPerPage, 1, protocol::kChunkHashesPerPageMax);
    if (!first.ok() || !limit.ok()) {
        return problem_response(problem_of(first.ok() ? limit.error() : first.error()));
    }
    const auto files = files_of(parts, *question);
    if (!files.ok()) {
        return problem_response(problem_of(files.error()));
    }
    // Several swarms, or several claims of size: the one that can be had from most.
    const auto best =
        std::max_element(files->begin(), files->end(), [](const auto& left, const auto& right) {
            return left.second.summary.seeders < right.second.summary.seeders;
        });
    if (best == files->end()) {
        return problem_response(no_such_file());
    }
    const File& file = best->second;
    protocol::FileDetail detail{file.summary, false, {}, std::nullopt};
    std::vector<Hash256> own{file.summary.content.root};  // one chunk: its hash is the root
    const bool single = chunk_count(file.summary.content.size) == 1;
    const std::vector<Hash256>* hashes = single ? &own : file.chunk_hashes.get();
    if (hashes != nullptr) {
        detail.chunk_hashes_known = true;
        const std::size_t begin = std::min<std::size_t>(*first, hashes->size());
        const std::size_t end = std::min<std::size_t>(begin + *limit, hashes->size());
        detail.chunk_hashes.assign(hashes->begin() + static_cast<std::ptrdiff_t>(begin),
                                   hashes->begin() + static_cast<std::ptrdiff_t>(end));
        if (end < hashes->size()) {
            detail.next = end;
        }
    }
    return Response::json(protocol::encode(detail));
}

Response peers_of_file(const ApiParts& parts, const Request& request) {
    auto question = question_of(request);
    if (!question.ok()) {
        return problem_response(question.problem());
    }
    const auto limit =
        question->query.number("limit", kPeersPerPage, 1, protocol::kPeersPerPageMax);
    if (!limit.ok()) {
        return problem_response(problem_of(limit.error()));
    }
    const auto peers = parts.registry.holders(question->root, question->swarm, question->size,
                                              request.remote_address, *limit);
    if (peers.empty()) {
        const auto files = files_of(parts, *question);
        if (!files.ok() || files->empty()) {
            return problem_response(files.ok() ? no_such_file() : problem_of(files.error()));
        }
    }
    return Response::json(protocol::encode(peers));
}

Response list_files(const ApiParts& parts, const Request& request) {
    const auto page = list_page(parts, request.query);
    return page.ok() ? Response::json(protocol::encode(*page))
                     : problem_response(problem_of(page.error()));
}

Response announce(const ApiParts& parts, const Request& request) {
    auto announce = protocol::decode_announce(request.body);
    if (!announce.ok()) {
        return problem_response(problem_of(announce.error()));
    }
    if (const auto token = request.header(protocol::kPeerTokenHeader)) {
        announce->token = protocol::PeerToken::from_hex(*token);
    }
    if (!announce->token) {
        return problem_response(
            {403, "token_needed",
             "an announce shows the token of its peer: register, then send it as X-Peer-Token"});
    }
    auto accepted = parts.registry.announce(*announce->token, std::move(announce->contents));
    if (!accepted.ok()) {
        return problem_response(accepted.problem());
    }
    return Response::json(R"({"accepted":)" + std::to_string(*accepted) + "}");
}

}  // namespace

void add_file_routes(http::Routes& routes, const ApiParts& parts) {
    const auto bound = [&parts](Response (*handler)(const ApiParts&, const Request&)) {
        return [parts, handler](const Request& request) { return handler(parts, request); };
    };
    routes.add(Method::post, "/api/files/announce", protocol::kAnnounceBodyBytesMax,
               bound(announce));
    routes.add(Method::get, "/api/files", 0, bound(list_files));
    routes.add(Method::get, "/api/files/{hash}", 0, bound(describe_file));
    routes.add(Method::get, "/api/files/{hash}/peers", 0, bound(peers_of_file));
}

}  // namespace swarmfs::tracker
