// Every storage of the tracker keeps the same promises (tracker/storage.hpp).
#include "tracker/storage.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

using namespace swarmfs;
using namespace swarmfs::tracker;

namespace {

constexpr std::uint64_t kBytesMax = 64ULL << 20;

struct Kind {
    const char* name;
    bool durable;
};
constexpr Kind kKinds[] = {{"memory", false}, {"lmdb", true}};

struct Fixture {
    explicit Fixture(const Kind& kind_in) : kind(kind_in) { open(); }
    void open() {
        storage.reset();
        if (!kind.durable) {
            storage = make_memory_storage();
            return;
        }
        auto opened = open_lmdb_storage(folder.file("data"), kBytesMax);
        REQUIRE(opened.ok());
        storage = std::move(*opened);
    }
    Result<> put(const std::string& key, const std::string& value) {
        return storage->write([&](KeyValueWriter& rows) {
            rows.put(as_bytes(key), as_bytes(value));
            return done();
        });
    }
    std::string get(const std::string& key) const {
        std::string found = "(absent)";
        const Result<> read = storage->read([&](const KeyValueReader& rows) {
            if (const auto value = rows.get(as_bytes(key))) {
                found = as_text(*value);
            }
            return done();
        });
        return read.ok() ? found : "(failed)";
    }
    const Kind& kind;
    test::TemporaryDirectory folder;
    std::unique_ptr<Storage> storage;
};

}  // namespace

TEST_CASE("what was written is read, in order, and can be erased") {
    for (const Kind& kind : kKinds) {
        CAPTURE(kind.name);
        Fixture fixture(kind);
        REQUIRE(fixture.put("b", "2").ok());
        REQUIRE(fixture.put("a", "1").ok());
        REQUIRE(fixture.put("a/1", "3").ok());
        CHECK(fixture.get("a") == "1");
        CHECK(fixture.get("c") == "(absent)");
        std::vector<std::string> seen;
        CHECK(fixture.storage
                  ->read([&](const KeyValueReader& rows) {
                      rows.scan(as_bytes("a"), as_bytes("a"), [&](ByteSpan key, ByteSpan) {
                          seen.emplace_back(as_text(key));
                          return true;
                      });
                      return done();
                  })
                  .ok());
        CHECK(seen == std::vector<std::string>{"a", "a/1"});
        CHECK(fixture.storage
                  ->write([&](KeyValueWriter& rows) {
                      rows.erase(as_bytes("a"));
                      CHECK(!rows.get(as_bytes("a")));
                      return done();
                  })
                  .ok());
        CHECK(fixture.get("a") == "(absent)");
    }
}

TEST_CASE("a change that fails leaves nothing behind") {
    for (const Kind& kind : kKinds) {
        CAPTURE(kind.name);
        Fixture fixture(kind);
        REQUIRE(fixture.put("kept", "before").ok());
        const Result<> failed = fixture.storage->write([&](KeyValueWriter& rows) -> Result<> {
            rows.put(as_bytes("new"), as_bytes("x"));
            rows.put(as_bytes("kept"), as_bytes("after"));
            rows.put(as_bytes("kept"), as_bytes("later"));
            rows.erase(as_bytes("kept"));
            return caller_error(Code::invalid, "no");
        });
        REQUIRE(!failed.ok());
        CHECK(failed.error().code == Code::invalid);
        CHECK(fixture.get("kept") == "before");
        CHECK(fixture.get("new") == "(absent)");
    }
}

TEST_CASE("an error of a look is its result") {
    for (const Kind& kind : kKinds) {
        CAPTURE(kind.name);
        Fixture fixture(kind);
        const Result<> read = fixture.storage->read(
            [](const KeyValueReader&) -> Result<> { return caller_error(Code::not_found, "no"); });
        CHECK(read.error().code == Code::not_found);
    }
}

TEST_CASE("readers beside a writer see each change whole") {
    for (const Kind& kind : kKinds) {
        CAPTURE(kind.name);
        Fixture fixture(kind);
        constexpr int kChanges = 200;
        std::thread writer([&] {
            for (int i = 1; i <= kChanges; ++i) {
                const std::string value = std::to_string(i);
                (void)fixture.storage->write([&](KeyValueWriter& rows) {
                    rows.put(as_bytes("left"), as_bytes(value));
                    rows.put(as_bytes("right"), as_bytes(value));
                    return done();
                });
            }
        });
        bool torn = false;
        for (std::string last; last != std::to_string(kChanges);) {
            (void)fixture.storage->read([&](const KeyValueReader& rows) {
                const auto left = rows.get(as_bytes("left"));
                const auto right = rows.get(as_bytes("right"));
                torn = torn || left != right;
                last = left ? std::string(as_text(*left)) : "";
                return done();
            });
        }
        writer.join();
        CHECK(!torn);
    }
}

TEST_CASE("what a durable storage acknowledged is there when it is opened again") {
    Fixture fixture(kKinds[1]);
    REQUIRE(fixture.put("a", "1").ok());
    fixture.open();
    CHECK(fixture.get("a") == "1");
}

TEST_CASE("a folder belongs to one tracker, and one that cannot be used is named") {
    Fixture fixture(kKinds[1]);
    const auto second = open_lmdb_storage(fixture.folder.file("data"), kBytesMax);
    REQUIRE(!second.ok());
    CHECK(second.error().code == Code::busy);
    CHECK(second.error().message.find(fixture.folder.path()) != std::string::npos);
    const auto impossible = open_lmdb_storage("/proc/nowhere/data", kBytesMax);
    REQUIRE(!impossible.ok());
    CHECK(impossible.error().message.find("/proc/nowhere/data") != std::string::npos);
}
