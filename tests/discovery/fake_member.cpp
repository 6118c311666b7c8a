#include "tests/discovery/fake_member.hpp"

#include <iterator>

#include "engine/async/block_on.hpp"
#include "engine/core/wire.hpp"

namespace swarmfs::discovery::test {

protocol::AnnouncedContent content(std::uint32_t number, std::uint64_t size) {
    Bytes bytes;
    WireWriter(bytes).u32(number);
    bytes.resize(Hash256::kSize, 0xAB);
    protocol::AnnouncedContent one;
    one.content = {*Hash256::from(bytes), size};
    one.name = "file " + std::to_string(number);
    return one;
}

FakeMember::FakeMember(std::vector<std::string> urls, std::string api_key) {
    node.bytes.fill(7);
    swarm.bytes.fill(9);
    make_client(std::move(urls), std::move(api_key), {1, 2, 3});
}

void FakeMember::make_client(std::vector<std::string> urls, std::string api_key, Bytes grant) {
    TrackerOptions options;
    options.urls = std::move(urls);
    options.api_key = std::move(api_key);
    options.swarm = swarm;
    options.node = node;
    options.grant = std::move(grant);
    options.listen_port = 6881;
    client.emplace(TrackerClient::Parts{context.get_executor(), clock, dice, http, *this},
                   std::move(options));
}

FakeMember::~FakeMember() {
    stop();
}

bool FakeMember::until(const std::function<bool()>& seen, Duration bound) {
    constexpr auto kTurn = std::chrono::milliseconds(5);  // how often other threads are looked at
    const TimePoint end = clock.now() + bound;
    while (!seen()) {
        if (clock.now() > end) {
            return false;
        }
        context.restart();
        if (context.run_one_for(kTurn) > 0) {
            context.poll();  // what is ready goes on; `seen` may take longer than all of it
        }
    }
    return true;
}

void FakeMember::stop(Duration patience) {
    if (client) {
        context.restart();
        async::run_here(context, client->stop(patience));
        client.reset();
    }
    http.close_idle();
}

void FakeMember::add(const std::string& text) {
    catalog.insert(text);
    client->catalog_changed();
}

void FakeMember::hold(const protocol::AnnouncedContent& one, bool announce) {
    contents.emplace(one.content, one);
    if (announce) {
        client->announce({one});
    }
}

protocol::PeerSignature FakeMember::sign(std::string_view purpose, ByteSpan statement) {
    return fake_signature(purpose, statement);
}

std::vector<protocol::AnnouncedContent> FakeMember::contents_after(
    const std::optional<ContentId>& after, std::size_t count) {
    std::vector<protocol::AnnouncedContent> page;
    auto at = after ? contents.upper_bound(*after) : contents.begin();
    for (; at != contents.end() && page.size() < count; ++at) {
        page.push_back(at->second);
    }
    return page;
}

std::vector<Bytes> FakeMember::catalog_for(TrackerNumber tracker, ByteSpan their_vector, bool first,
                                           std::size_t bytes_max) {
    Texts& round = sent[tracker];
    if (first) {
        round = texts_of(their_vector);
    }
    std::vector<Bytes> messages;
    std::size_t bytes = 0;
    for (const std::string& text : catalog) {
        if (bytes < bytes_max && round.insert(text).second) {
            bytes += text.size();
            messages.push_back(to_bytes(as_bytes(text)));
        }
    }
    return messages;
}

Result<> FakeMember::catalog_from(TrackerNumber, const std::vector<Bytes>& messages) {
    for (const Bytes& message : messages) {
        if (as_text(message).starts_with("forged")) {
            return peer_error("the entry is not signed by its author");
        }
        catalog.emplace(as_text(message));
    }
    return done();
}

void FakeMember::on_tracker_peers(TrackerNumber, const std::vector<protocol::TrackerPeer>& learnt,
                                  transport::TellerPlace place) {
    peers = learnt;
    teller = place;
}

}  // namespace swarmfs::discovery::test
