// Extended attributes of a member's files: those programs set, and the file system's own.
#include <doctest/doctest.h>

#include <future>

#include "engine/crypto/hash.hpp"
#include "tests/node/lone_volume.hpp"

namespace swarmfs::node {
namespace {

using test::LoneVolume;
using Value = Result<std::optional<Bytes>>;

Value get(LoneVolume& at, Inode inode, std::string_view name) {
    std::promise<Value> answer;
    at.volume->extended_attributes().get(inode, name,
                                         [&](Value value) { answer.set_value(std::move(value)); });
    return answer.get_future().get();
}

// "-" for none, the error's code for an error.
std::string own(LoneVolume& at, Inode inode, const std::string& name) {
    const Value value = get(at, inode, "swarmfs." + name);
    if (!value.ok()) {
        return name_of(value.error().code);
    }
    return *value ? std::string(as_text(**value)) : "-";
}

Result<bool> set(LoneVolume& at, Inode inode, std::string_view name, std::string_view value,
                 AttributeRule rule = AttributeRule::set) {
    return at.volume->extended_attributes().set(inode, name, as_bytes(value), rule);
}

std::string sha256_of(const std::string& text) {
    return crypto::sha256(as_bytes(text)).hex();
}

// Larger than a leaf, so that its hash is not its root.
std::string long_text(std::size_t size = 3'000'000) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; i += 1000) {
        text[i] = static_cast<char>('a' + i / 1000 % 26);
    }
    return text;
}

}  // namespace

TEST_CASE("an attribute is set, replaced, listed and removed by the rules of xattr(7)") {
    LoneVolume at;
    const Inode file = at.make_file("file", "text");
    FileAttributes& attributes = at.volume->extended_attributes();
    CHECK_FALSE(*set(at, file, "a", "0", AttributeRule::replace));
    CHECK(*set(at, file, "a", "1", AttributeRule::create));
    CHECK(set(at, file, "a", "2", AttributeRule::create).error().code == Code::exists);
    CHECK(*set(at, file, "a", "3", AttributeRule::replace));
    CHECK(*set(at, file, "empty", ""));
    CHECK(as_text(**get(at, file, "a")) == "3");
    CHECK((*get(at, file, "empty"))->empty());
    CHECK_FALSE(get(at, file, "other")->has_value());
    CHECK(*attributes.names(file) == std::vector<std::string>{"a", "empty"});
    CHECK(*attributes.remove(file, "a"));
    CHECK_FALSE(*attributes.remove(file, "a"));
    CHECK(set(at, file, "v", std::string(4097, 'v')).error().code == Code::too_large);
    CHECK(*set(at, file, "v", std::string(4096, 'v')));
    CHECK(set(at, file, "w", std::string(4096, 'w')).error().code == Code::no_space);
    CHECK(get(at, 12345, "a").error().code == Code::not_found);
    CHECK(attributes.names(12345).error().code == Code::not_found);
    CHECK(set(at, 12345, "a", "").error().code == Code::not_found);
}

TEST_CASE("attributes survive what is written to the file meanwhile and after, and its renaming") {
    LoneVolume at;
    const auto created = at.create("file");
    const Inode file = created.attributes.inode;
    CHECK(*set(at, file, "before", "1"));  // nobody else knows of it yet
    at.write(created.handle, 0, "text");
    at.close(created.handle);
    at.jobs.drain();
    const auto handle = at.open_to_write("file");
    at.write(handle, 0, "more text");
    CHECK(*set(at, file, "while", "2"));
    at.close_and_hold(handle, "yet more text");
    CHECK(*set(at, file, "hashing", "3"));
    at.disk.let_go();
    at.jobs.drain();
    REQUIRE(at.volume->rename(kRootInode, "file", kRootInode, "moved", RenameRule::replace).ok());
    CHECK(at.read("moved") == "yet more text");
    CHECK(at.inode_of("moved") == file);
    for (const char* name : {"before", "while", "hashing"}) {
        CAPTURE(name);
        CHECK(get(at, file, name)->has_value());
    }
}

TEST_CASE("setting an attribute changes the ctime and nothing else that stat shows") {
    LoneVolume at;
    const Inode file = at.make_file("file", "text");
    Attributes before = *at.volume->attributes(file);
    at.clock.advance(std::chrono::seconds(5));
    CHECK(*set(at, file, "a", "1"));
    const Attributes after = *at.volume->attributes(file);
    CHECK(after.ctime_ns > before.ctime_ns);
    CHECK(after.mtime_ns == before.mtime_ns);
    CHECK(after.size == before.size);
}

TEST_CASE("an open file without a name shows its attributes and takes no more") {
    LoneVolume at;
    const Inode file = at.make_file("file", "text");
    CHECK(*set(at, file, "a", "1"));
    const auto handle = at.open_to_write("file");
    REQUIRE(at.volume->remove_file(kRootInode, "file").ok());
    CHECK(as_text(**get(at, file, "a")) == "1");
    CHECK(set(at, file, "b", "2").error().code == Code::unsupported);
    at.volume->release(handle);
}

TEST_CASE("the file system's own attributes say what is known of a file") {
    LoneVolume at;
    const Inode file = at.make_file("file", "text");
    CHECK(own(at, file, "state") == "stored");
    CHECK(own(at, file, "have") == "4/4");
    CHECK(own(at, file, "root") == sha256_of("text"));  // one leaf
    CHECK(own(at, file, "sha256") == sha256_of("text"));
    CHECK(own(at, file, "author") == at.identity->self().hex());
    CHECK(own(at, file, "sources") == "0");
    CHECK(own(at, file, "last_error") == "-");
    CHECK(own(at, file, "tags") == "-");
    CHECK(own(at, file, "no such thing") == "-");
    for (const char* name : {"state", "have", "root", "sha256", "sources", "author"}) {
        CAPTURE(name);
        const bool of_all = std::string(name) == "author";
        const Inode directory = at.volume->make_directory(kRootInode, name, 0755)->inode;
        CHECK((own(at, directory, name) == "-") == !of_all);
    }
    const Inode empty = at.make_file("empty", "");
    CHECK(own(at, empty, "state") == "stored");
    CHECK(own(at, empty, "have") == "0/0");
    CHECK(own(at, empty, "root") == "-");
    CHECK(own(at, empty, "sha256") == sha256_of(""));
}

TEST_CASE("the file system's own attributes are not listed, and only tags can be set") {
    LoneVolume at;
    const Inode file = at.make_file("file", "text");
    FileAttributes& attributes = at.volume->extended_attributes();
    CHECK(*set(at, file, "swarmfs.tags", "red, blue,red"));
    CHECK(own(at, file, "tags") == "blue,red");
    CHECK(attributes.names(file)->empty());
    CHECK(set(at, file, "swarmfs.tags", std::string(70, 'x')).error().code == Code::invalid);
    CHECK(*attributes.remove(file, "swarmfs.tags"));
    CHECK(own(at, file, "tags") == "-");
    CHECK_FALSE(*attributes.remove(file, "swarmfs.tags"));
    CHECK(set(at, file, "swarmfs.state", "stored").error().code == Code::permission);
    CHECK(set(at, file, "swarmfs.new", "1").error().code == Code::permission);
    CHECK(attributes.remove(file, "swarmfs.root").error().code == Code::permission);
}

TEST_CASE("a file that is being written says so, and is hashed when it is published") {
    LoneVolume at;
    const auto created = at.create("file");
    const Inode file = created.attributes.inode;
    CHECK(own(at, file, "state") == "writing");
    CHECK(own(at, file, "author") == "-");
    at.close_and_hold(created.handle, "text");
    CHECK(own(at, file, "state") == "publishing");
    CHECK(own(at, file, "root") == "-");
    CHECK(own(at, file, "sha256") == "busy");
    at.disk.let_go();
    at.jobs.drain();
    CHECK(own(at, file, "state") == "stored");
    CHECK(own(at, file, "sha256") == sha256_of("text"));
}

TEST_CASE("the hash of a whole file is computed once and kept as long as a file shows it") {
    LoneVolume at;
    const std::string text = long_text();
    const Inode file = at.make_file("file", text);
    const ContentId content = at.tree->view().names.find(file)->content;
    CHECK_FALSE(at.tree->file_hash(content));
    CHECK(own(at, file, "sha256") == sha256_of(text));
    CHECK(at.tree->file_hash(content)->hex() == sha256_of(text));
    REQUIRE(at.contents->remove(content).ok());
    CHECK(own(at, file, "sha256") == sha256_of(text));  // nothing is left to compute it from
    REQUIRE(at.volume->remove_file(kRootInode, "file").ok());
    CHECK_FALSE(at.tree->file_hash(content));
    CHECK(at.tree->keep_file_hash(content, {}).ok());  // it came too late
    CHECK_FALSE(at.tree->file_hash(content));
}

TEST_CASE("a file that is not here whole is not hashed") {
    LoneVolume at;
    const Inode file = at.make_file("file", long_text());
    REQUIRE(at.contents->remove(at.tree->view().names.find(file)->content).ok());
    CHECK(own(at, file, "sha256") == "try_again");
    CHECK(own(at, file, "state") == "remote");
    CHECK(own(at, file, "have") == "0/3000000");
}

TEST_CASE(
    "who asks for a hash waits on no thread, can give up, and is answered when the node stops") {
    LoneVolume at;
    const std::string text = long_text();
    const Inode file = at.make_file("file", text);
    FileAttributes& attributes = at.volume->extended_attributes();
    // The threads that would hash it have something else to do.
    std::promise<void> gate;
    const std::shared_future<void> opened = gate.get_future().share();
    for (int i = 0; i < 2; ++i) {
        at.jobs.post(Lane::small, [opened] { opened.wait(); });
    }
    std::promise<Value> first;
    std::promise<Value> second;
    const auto ticket = attributes.get(file, "swarmfs.sha256",
                                       [&](Value value) { first.set_value(std::move(value)); });
    CHECK(ticket != 0);
    CHECK(attributes.get(file, "swarmfs.sha256",
                         [&](Value value) { second.set_value(std::move(value)); }) != 0);
    at.volume->cancel_read(ticket);
    CHECK(first.get_future().get().error().code == Code::cancelled);
    SUBCASE("the other one still gets it") {
        gate.set_value();
        CHECK(as_text(**second.get_future().get()) == sha256_of(text));
    }
    SUBCASE("the node stops") {
        attributes.stop();
        gate.set_value();
        CHECK(second.get_future().get().error().code == Code::cancelled);
        CHECK(own(at, file, "sha256") == "try_again");
        CHECK(own(at, file, "sources") == "cancelled");
    }
}

}  // namespace swarmfs::node
