#include "engine/catalog/annotations.hpp"

#include <algorithm>

#include "engine/core/utf8.hpp"
#include "engine/core/wire.hpp"

namespace swarmfs::catalog {
namespace {

constexpr std::size_t kAuthorDotBytes = 48;  // node, incarnation, sequence

// Rule 2, in numbers: spine, path, file id, content, mode, time, tags, the extension's own frame.
static_assert(11 + (1 + kBaseDotsMax * kAuthorDotBytes) + (2 + kPathBytesMax) + 16 + 40 + 10 +
                  (1 + kTagsMax * (2 + kTagBytesMax)) +
                  (1 + 2 + kAttributesKey.size() + 2 + kAttributesBytesMax) <=
              kEntryBytesMax);

bool is_attribute_name(std::string_view name) {
    return !name.empty() && name.size() <= kAttributeNameBytesMax &&
           name.find('\0') == std::string_view::npos;
}

std::size_t encoded_bytes(const Attributes& attributes) {
    std::size_t bytes = 2;
    for (const auto& [name, value] : attributes) {
        bytes += 2 + name.size() + 2 + value.size();
    }
    return bytes;
}

std::string_view without_blanks(std::string_view text) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

Result<> check_tag(std::string_view tag) {
    const bool plain = std::none_of(tag.begin(), tag.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    });
    if (tag.size() > kTagBytesMax || !is_utf8(tag) || !plain) {
        return caller_error(Code::invalid, "a tag is 1 to 64 bytes of UTF-8 on one line");
    }
    return done();
}

}  // namespace

Result<> check_attributes(const Attributes& attributes) {
    for (const auto& [name, value] : attributes) {
        if (!is_attribute_name(name)) {
            return caller_error(Code::invalid, "an attribute's name has 1 to 250 bytes, none zero");
        }
        if (value.size() > kAttributeValueBytesMax) {
            return caller_error(Code::too_large, "an attribute's value is larger than 4 KiB");
        }
    }
    if (attributes.size() > kAttributesMax || encoded_bytes(attributes) > kAttributesBytesMax) {
        return caller_error(Code::no_space,
                            "a file has at most 64 attributes, of 6 KiB in all with their names");
    }
    return done();
}

Bytes encode_attributes(const Attributes& attributes) {
    SWARM_ASSERT(!attributes.empty() && attributes.size() <= kAttributesMax);
    Bytes bytes;
    bytes.reserve(encoded_bytes(attributes));
    WireWriter out(bytes);
    out.u8(kAttributesVersion);
    out.u8(static_cast<std::uint8_t>(attributes.size()));
    for (const auto& [name, value] : attributes) {
        out.text16(name);
        out.bytes16(value);
    }
    return bytes;
}

Result<Attributes> decode_attributes(ByteSpan bytes) {
    WireReader in(bytes);
    const std::uint8_t version = in.u8();
    if (!in.failed() && version != kAttributesVersion) {
        return peer_error("the attributes of a file are of format version " +
                              std::to_string(version) + ", which this program does not know",
                          Code::unsupported);
    }
    const std::size_t count = in.u8();
    Attributes attributes;
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        std::string name = in.text16();
        const ByteSpan value = in.bytes16();
        if (!attributes.empty() && name <= attributes.rbegin()->first) {
            in.fail();
            break;
        }
        attributes.emplace_hint(attributes.end(), std::move(name), to_bytes(value));
    }
    if (!in.finished() || attributes.empty() || !check_attributes(attributes).ok()) {
        return peer_error("the attributes of a file are damaged");
    }
    return attributes;
}

Result<Annotations> annotations_of(const Entry& entry) {
    Annotations annotations;
    annotations.tags = entry.tags;
    const auto found = entry.extensions.find(std::string(kAttributesKey));
    if (found != entry.extensions.end()) {
        SWARM_TRY(annotations.attributes, decode_attributes(found->second));
    }
    return annotations;
}

Result<> annotate(Entry& entry, const Annotations& annotations) {
    SWARM_CHECK(check_attributes(annotations.attributes));
    entry.tags = annotations.tags;
    if (annotations.attributes.empty()) {
        entry.extensions.erase(std::string(kAttributesKey));
    } else {
        entry.extensions[std::string(kAttributesKey)] = encode_attributes(annotations.attributes);
    }
    return done();
}

Bytes encode_annotations(const Annotations& annotations) {
    SWARM_ASSERT(annotations.tags.size() <= kTagsMax);
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(static_cast<std::uint8_t>(annotations.tags.size()));
    for (const std::string& tag : annotations.tags) {
        out.text16(tag);
    }
    out.bytes16(annotations.attributes.empty() ? Bytes()
                                               : encode_attributes(annotations.attributes));
    return bytes;
}

Result<Annotations> decode_annotations(ByteSpan bytes) {
    WireReader in(bytes);
    Annotations annotations;
    const std::size_t count = in.u8();
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        annotations.tags.push_back(in.text16());
        const std::string& tag = annotations.tags.back();
        const bool follows = i == 0 || annotations.tags[i - 1] < tag;
        if (count > kTagsMax || tag.empty() || !follows || !check_tag(tag).ok()) {
            in.fail();
        }
    }
    const ByteSpan attributes = in.bytes16();
    if (!in.finished()) {
        return peer_error("the annotations of a file are damaged");
    }
    if (!attributes.empty()) {
        SWARM_TRY(annotations.attributes, decode_attributes(attributes));
    }
    return annotations;
}

Result<std::vector<std::string>> parse_tags(std::string_view text) {
    std::vector<std::string> tags;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view tag = without_blanks(text.substr(0, comma));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
        if (tag.empty()) {
            continue;
        }
        SWARM_CHECK(check_tag(tag));
        const auto at = std::lower_bound(tags.begin(), tags.end(), tag);
        if (at == tags.end() || *at != tag) {
            tags.emplace(at, tag);
        }
        if (tags.size() > kTagsMax) {
            return caller_error(Code::no_space, "a file has at most 32 tags");
        }
    }
    return tags;
}

std::string to_text(const std::vector<std::string>& tags) {
    std::string text;
    for (const std::string& tag : tags) {
        text += (text.empty() ? "" : ",") + tag;
    }
    return text;
}

}  // namespace swarmfs::catalog
