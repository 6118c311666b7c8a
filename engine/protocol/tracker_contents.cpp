#include "engine/protocol/tracker_contents.hpp"

#include "engine/protocol/json_fields.hpp"

namespace swarmfs::protocol {

using nlohmann::json;

namespace {

// Deep enough for a list of contents with their hashes, and for a field nobody knows.
constexpr int kAnnounceDepthMax = 6;

// Reads an announce as it is parsed, without building a tree of it: the busiest request of a
// tracker. Depth 1 is the outermost bracket; contents stand at depth 1 (one) or 2 (an array).
class AnnounceReader {
public:
    using number_integer_t = json::number_integer_t;
    using number_unsigned_t = json::number_unsigned_t;
    using number_float_t = json::number_float_t;
    using string_t = json::string_t;
    using binary_t = json::binary_t;

    Announce announce;
    std::string failure;

    bool null() { return value_of_no_use(); }
    bool boolean(bool value) {
        if (at_field(Field::complete)) {
            current_.complete = value;
            return true;
        }
        return value_of_no_use();
    }
    bool number_integer(number_integer_t) { return value_of_no_use(); }
    bool number_unsigned(number_unsigned_t value) {
        if (!in_content() || field_ == Field::other) {
            return value_of_no_use();
        }
        switch (field_) {
            case Field::size:
                current_.content.size = value;
                return value > 0 && value <= kContentBytesMax ? true : fail("size is out of range");
            case Field::chunk_size:
                return value == kChunkBytes ? true : fail("chunk_size is always 262144");
            case Field::chunks: chunks_ = value; return true;
            default: return value_of_no_use();
        }
    }
    bool number_float(number_float_t, const string_t&) { return value_of_no_use(); }
    bool binary(binary_t&) { return fail("binary values have no place here"); }
    bool string(string_t& value);
    bool start_object(std::size_t) { return open(Bracket::object); }
    bool start_array(std::size_t) { return open(Bracket::array); }
    bool key(string_t& name);
    bool end_object();
    bool end_array() {
        --depth_;
        in_hashes_ = false;
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const json::exception&) {
        return fail("the announce is not JSON");
    }

private:
    enum class Bracket { object, array };
    enum class Field {
        other,
        file_hash,
        name,
        size,
        chunk_size,
        chunks,
        complete,
        chunk_hashes,
        token
    };

    bool fail(std::string why) {
        if (failure.empty()) {
            failure = std::move(why);
        }
        return false;
    }
    int content_depth() const { return is_array_ ? 2 : 1; }
    bool in_content() const { return depth_ == content_depth() && open_content_; }
    bool at_field(Field field) const { return in_content() && field_ == field; }
    // A value where none of this type is expected: harmless in a field nobody knows.
    bool value_of_no_use() {
        if (!open_content_ || in_hashes_ || (in_content() && field_ != Field::other)) {
            return fail("a field of the announce has the wrong type");
        }
        return true;
    }
    bool open(Bracket bracket);
    bool finish_content();

    int depth_ = 0;
    bool is_array_ = false;
    bool open_content_ = false;
    bool in_hashes_ = false;
    bool has_hash_ = false;
    Field field_ = Field::other;
    unsigned seen_ = 0;  // a bit for each known field of the content
    std::optional<std::uint64_t> chunks_;
    AnnouncedContent current_;
};

bool AnnounceReader::open(Bracket bracket) {
    if (depth_ == 0 && bracket == Bracket::array) {
        is_array_ = true;
    } else if (depth_ == content_depth() - 1 && !open_content_) {
        if (bracket == Bracket::array) {
            return fail("an announce is one content or a list of contents");
        }
        if (announce.contents.size() == kAnnounceContentsMax) {
            return fail("an announce holds at most 1000 contents");
        }
        open_content_ = true;
        has_hash_ = false;
        seen_ = 0;
        chunks_.reset();
        current_ = AnnouncedContent{};
    } else if (at_field(Field::chunk_hashes) && bracket == Bracket::array) {
        in_hashes_ = true;
    } else if (!value_of_no_use()) {
        return false;
    }
    ++depth_;
    return true;
}

bool AnnounceReader::key(string_t& name) {
    if (!in_content()) {
        return true;
    }
    field_ = name == "file_hash"      ? Field::file_hash
             : name == "name"         ? Field::name
             : name == "size"         ? Field::size
             : name == "chunk_size"   ? Field::chunk_size
             : name == "chunks"       ? Field::chunks
             : name == "complete"     ? Field::complete
             : name == "chunk_hashes" ? Field::chunk_hashes
             : name == "token"        ? Field::token
                                      : Field::other;
    const unsigned bit = 1U << static_cast<unsigned>(field_);
    if (field_ != Field::other && (seen_ & bit) != 0) {
        return fail("a field is said twice");
    }
    seen_ |= bit;
    return true;
}

bool AnnounceReader::string(string_t& value) {
    if (in_hashes_) {
        Hash256 hash;
        if (current_.chunk_hashes.size() == kChunkHashesMax || !read_hex(value, hash.bytes)) {
            return fail("chunk_hashes holds at most 16384 hashes of 64 hexadecimal digits");
        }
        current_.chunk_hashes.push_back(hash);
        return true;
    }
    if (at_field(Field::file_hash)) {
        has_hash_ = read_hex(value, current_.content.root.bytes);
        return has_hash_ ? true : fail("file_hash must be 64 lower-case hexadecimal digits");
    }
    if (at_field(Field::name)) {
        if (value.empty() || value.size() > kContentNameBytesMax) {
            return fail("name must have 1 to 1024 bytes");
        }
        current_.name = std::move(value);
        return true;
    }
    if (at_field(Field::token)) {
        PeerToken token;
        if (!read_hex(value, token.bytes)) {
            return fail("token must be 32 lower-case hexadecimal digits");
        }
        announce.token = token;
        return true;
    }
    return value_of_no_use();
}

bool AnnounceReader::end_object() {
    const bool content_ends = in_content();
    --depth_;
    return content_ends ? finish_content() : true;
}

bool AnnounceReader::finish_content() {
    open_content_ = false;
    field_ = Field::other;
    const std::uint64_t count = chunk_count(current_.content.size);
    if (!has_hash_ || current_.content.size == 0 || current_.name.empty()) {
        return fail("a content needs file_hash, name and size");
    }
    if (current_.content.root.is_zero()) {
        return fail("file_hash of a content cannot be zero");
    }
    if (chunks_ && *chunks_ != count) {
        return fail("chunks contradicts size");
    }
    if (!current_.chunk_hashes.empty() && current_.chunk_hashes.size() != count) {
        return fail("chunk_hashes holds none, or one for each chunk");
    }
    announce.contents.push_back(std::move(current_));
    return true;
}

json summary_json(const FileSummary& file) {
    return {{"file_hash", file.content.root.hex()},
            {"name", file.name},
            {"size", file.content.size},
            {"chunk_size", kChunkBytes},
            {"chunks", chunk_count(file.content.size)},
            {"seeders", file.seeders},
            {"swarm", file.swarm.hex()}};
}

json hashes_json(const std::vector<Hash256>& hashes) {
    json list = json::array();
    for (const Hash256& hash : hashes) {
        list.push_back(hash.hex());
    }
    return list;
}

}  // namespace

Result<Announce> decode_announce(std::string_view body) {
    if (body.size() > kAnnounceBodyBytesMax) {
        return caller_error(Code::too_large, "an announce is larger than 2 MiB");
    }
    if (!json_within(body, kAnnounceDepthMax)) {
        return caller_error(Code::invalid,
                            "the announce is nested too deeply or has too many values");
    }
    AnnounceReader reader;
    const bool parsed = json::sax_parse(body, &reader);
    if (!parsed || !reader.failure.empty()) {
        return caller_error(Code::invalid,
                            reader.failure.empty() ? "the announce is not JSON" : reader.failure);
    }
    return std::move(reader.announce);
}

// As text at once: a node that reads many small files announces each, and building a tree of
// values for them was a quarter of what its engine thread did.
std::string encode(const std::vector<AnnouncedContent>& contents) {
    std::string list = "[";
    for (const AnnouncedContent& content : contents) {
        list += list.size() > 1 ? "," : "";
        list += "{\"file_hash\":\"" + content.content.root.hex() +
                "\",\"name\":" + dump(content.name) +
                ",\"size\":" + std::to_string(content.content.size) +
                ",\"chunk_size\":" + std::to_string(kChunkBytes) +
                ",\"chunks\":" + std::to_string(chunk_count(content.content.size));
        list += content.complete ? "" : ",\"complete\":false";
        if (!content.chunk_hashes.empty()) {
            list += ",\"chunk_hashes\":[";
            for (const Hash256& hash : content.chunk_hashes) {
                list += "\"" + hash.hex() + "\",";
            }
            list.back() = ']';
        }
        list += "}";
    }
    return list + "]";
}

std::string encode(const FilesPage& page) {
    json files = json::array();
    for (const FileSummary& file : page.files) {
        files.push_back(summary_json(file));
    }
    json object = {{"files", std::move(files)}};
    if (!page.next.empty()) {
        object["next"] = page.next;
    }
    return dump(object);
}

std::string encode(const FileDetail& detail) {
    json object = summary_json(detail.summary);
    object["merkle_root"] = detail.summary.content.root.hex();
    object["chunk_hashes_known"] = detail.chunk_hashes_known;
    object["chunk_hashes"] = hashes_json(detail.chunk_hashes);
    if (detail.next) {
        object["next"] = *detail.next;
    }
    return dump(object);
}

}  // namespace swarmfs::protocol
