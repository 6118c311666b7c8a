// Members over loopback TCP: every layer between two Swarms is real but the disk.

#include <doctest/doctest.h>

#include "tests/swarm/memory_member.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

TEST_CASE("a read of a content held elsewhere is answered, and its bytes are proven and stored") {
    MemoryMember reader(1);
    MemoryMember holder(2);
    const Bytes bytes = random_bytes(1, 3 * kChunkBytes + 12345);
    holder.contents.publish(bytes);
    const ContentId id = id_of(bytes);
    reader.dial(holder);
    reader.wait_for_peers(1);
    REQUIRE(reader.read(id, 300'000, 1000).ok());
    CHECK(reader.contents.get(id)->holds(300'000, ByteSpan(bytes).subspan(300'000, 1000)));
    CHECK(reader.contents.get(id)->leaves_stored < 5);
    REQUIRE(reader.read(id, 0, bytes.size()).ok());
    CHECK(reader.contents.get(id)->holds(0, bytes));
    const auto sources = reader.swarm->sources(id);
    REQUIRE(sources.size() == 1);
    CHECK(sources[0].node == holder.node);
    CHECK(sources[0].bytes_received == bytes.size());
}

TEST_CASE("contents of every shape arrive whole") {
    MemoryMember reader(1);
    MemoryMember holder(2);
    reader.dial(holder);
    reader.wait_for_peers(1);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{kLeafBytes}, std::size_t{kLeafBytes + 1},
          std::size_t{3 * kLeafBytes}, std::size_t{kChunkBytes}, std::size_t{kChunkBytes + 1},
          std::size_t{17 * kChunkBytes - 1}}) {
        CAPTURE(size);
        const Bytes bytes = random_bytes(size, size);
        holder.contents.publish(bytes);
        const ContentId id = id_of(bytes);
        REQUIRE(reader.fill(id));
        CHECK(reader.contents.get(id)->holds(0, bytes));
    }
}
