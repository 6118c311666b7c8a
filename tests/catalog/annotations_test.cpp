#include "engine/catalog/annotations.hpp"

#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

Bytes bytes_of(std::string_view text) {
    return to_bytes(as_bytes(text));
}

}  // namespace

TEST_CASE("attributes travel in an entry's extensions and come back as they were") {
    Entry entry = file_entry("f", 1);
    entry.extensions["unknown to us"] = {1, 2, 3};
    Annotations noted;
    noted.tags = {"blue", "red"};
    noted.attributes = {{"a", {}}, {"mime\xFF", bytes_of("text/plain")}, {"z", Bytes(4096, 0)}};
    REQUIRE(annotate(entry, noted).ok());
    const Entry back = *decode_entry(*encode_entry(entry));
    CHECK(*annotations_of(back) == noted);
    CHECK(back.extensions.at("unknown to us") == Bytes{1, 2, 3});

    noted.attributes.clear();
    REQUIRE(annotate(entry, noted).ok());
    CHECK(entry.extensions.size() == 1);  // none are no extension
    CHECK(*annotations_of(entry) == noted);
}

TEST_CASE("attributes have the bytes that docs/protocol-catalog.md prints") {
    CHECK(to_hex(encode_attributes({{"mime", bytes_of("a/b")}, {"n", {}}})) ==
          "01"
          "02"
          "00046d696d65"
          "0003612f62"
          "00016e"
          "0000");
}

TEST_CASE("attributes beyond a bound are refused, and the entry stays as it was") {
    const auto refused = [](const Attributes& attributes) {
        Entry entry = file_entry("f", 1);
        const Entry before = entry;
        const auto annotated = annotate(entry, {{}, attributes});
        REQUIRE_FALSE(annotated.ok());
        CHECK(entry == before);
        return annotated.error().code;
    };
    CHECK(refused({{"", {}}}) == Code::invalid);
    CHECK(refused({{std::string(251, 'n'), {}}}) == Code::invalid);
    CHECK(refused({{std::string("a\0b", 3), {}}}) == Code::invalid);
    CHECK(refused({{"v", Bytes(4097)}}) == Code::too_large);
    CHECK(refused({{"v", Bytes(4096)}, {"w", Bytes(2048)}}) == Code::no_space);
    Attributes many;
    for (int i = 0; i < 65; ++i) {
        many[std::to_string(i)] = {};
    }
    CHECK(refused(many) == Code::no_space);
}

TEST_CASE("an entry with all attributes it may have fits beside the longest path, tags and base") {
    Entry entry = file_entry(std::string(), 1);
    while (entry.path.size() + 256 <= kPathBytesMax) {
        entry.path += (entry.path.empty() ? "" : "/") + std::string(255, 'p');
    }
    entry.base.emplace();
    for (std::size_t i = 0; i < kBaseDotsMax; ++i) {
        entry.base->push_back({{any_node(1), i}, 1});
    }
    Annotations noted;
    for (std::size_t i = 0; i < kTagsMax; ++i) {
        noted.tags.push_back(std::string(kTagBytesMax - 2, 't') + std::to_string(10 + i));
    }
    noted.attributes = {{"v", Bytes(4096)}, {"w", Bytes(kAttributesBytesMax - 4096 - 12)}};
    REQUIRE(annotate(entry, noted).ok());
    const auto bytes = encode_entry(entry);
    REQUIRE(bytes.ok());
    CHECK(*annotations_of(*decode_entry(*bytes)) == noted);
}

TEST_CASE("attributes of a later version or that are damaged are an error, not none") {
    Entry entry = file_entry("f", 1);
    entry.extensions[std::string(kAttributesKey)] = {2, 1};
    CHECK(annotations_of(entry).error().code == Code::unsupported);
    for (const Bytes& damaged : {Bytes{}, Bytes{1}, Bytes{1, 0}, Bytes{1, 1, 0, 1, 'a', 0, 1},
                                 Bytes{1, 2, 0, 1, 'b', 0, 0, 0, 1, 'a', 0, 0}}) {
        entry.extensions[std::string(kAttributesKey)] = damaged;
        CHECK(annotations_of(entry).error().code == Code::protocol);
    }
}

TEST_CASE("the row of what has no entry yet comes back as it was") {
    for (const Annotations& noted : {Annotations{}, Annotations{{"t"}, {}},
                                     Annotations{{"blue", "red"}, {{"a", {1}}, {"b", {}}}}}) {
        CHECK(*decode_annotations(encode_annotations(noted)) == noted);
    }
    CHECK_FALSE(decode_annotations(Bytes{1, 0, 0}).ok());
}

TEST_CASE("tags are words between commas, in order, each once") {
    CHECK(*parse_tags(" red,blue , red,,\n") == std::vector<std::string>{"blue", "red"});
    CHECK(to_text({"blue", "red"}) == "blue,red");
    CHECK(parse_tags("")->empty());
    CHECK(parse_tags(std::string(65, 'x')).error().code == Code::invalid);
    CHECK(parse_tags("not \xFF UTF-8").error().code == Code::invalid);
    CHECK(parse_tags("two\nlines").error().code == Code::invalid);
    std::string many;
    for (int i = 0; i < 33; ++i) {
        many += "t" + std::to_string(i) + ",";
    }
    CHECK(parse_tags(many).error().code == Code::no_space);
}

}  // namespace swarmfs::catalog
