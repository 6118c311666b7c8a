#include "engine/node/tracker_line.hpp"

#include <algorithm>
#include <future>

#include <boost/asio/post.hpp>

#include "engine/async/block_on.hpp"
#include "engine/node/methods.hpp"

namespace swarmfs::node {
namespace {

constexpr Duration kLeavePatience = std::chrono::seconds(1);

// Names and contents of a swarm's files, each content once, in order of ids.
using Held = std::map<ContentId, std::string>;

void collect(const store::NamespaceReader& names, store::Inode directory, Held& held) {
    constexpr std::size_t kPage = 1000;
    std::string after;
    for (;;) {
        const auto page = names.list(directory, after, kPage);
        for (const store::InodeRecord& record : page) {
            if (record.kind == store::InodeKind::directory) {
                collect(names, record.inode, held);
            } else if (record.kind == store::InodeKind::file && record.content.size > 0) {
                held.emplace(record.content, record.name);
            }
        }
        if (page.size() < kPage) {
            return;
        }
        after = page.back().name;
    }
}

}  // namespace

TrackerLine::TrackerLine(Member& member)
    : member_(member),
      http_(member.common_.engine.executor(0), member.common_.clock),
      client_({member.common_.engine.executor(0), member.common_.clock, member.common_.dice, http_,
               *this},
              options()) {}

TrackerLine::~TrackerLine() = default;

discovery::TrackerOptions TrackerLine::options() const {
    discovery::TrackerOptions options;
    options.urls = member_.membership_.trackers;
    options.api_key = member_.common_.settings.api_key;
    options.swarm = member_.membership_.swarm;
    options.node = member_.identity_.self();
    options.grant = member_.identity_.grant();
    options.listen_port = member_.common_.listen_port;
    return options;
}

void TrackerLine::start() {
    client_.start();
}

void TrackerLine::stop() {
    async::block_on(member_.common_.engine.executor(0), client_.stop(kLeavePatience));
    std::promise<void> closed;
    boost::asio::post(member_.common_.engine.context(0), [this, &closed] {
        http_.close_idle();
        closed.set_value();
    });
    closed.get_future().wait();
}

std::vector<Member::TrackerReport> TrackerLine::report() {
    std::promise<std::vector<Member::TrackerReport>> answer;
    boost::asio::post(member_.common_.engine.context(0), [this, &answer] {
        std::vector<Member::TrackerReport> reports;
        for (const discovery::TrackerReport& one : client_.report()) {
            reports.push_back({one.url, one.state, one.detail});
        }
        answer.set_value(std::move(reports));
    });
    return answer.get_future().get();
}

protocol::PeerSignature TrackerLine::sign(std::string_view purpose, ByteSpan statement) {
    return member_.identity_.key().sign(purpose, statement).bytes;
}

std::vector<std::string> TrackerLine::own_addresses() {
    std::vector<std::string> addresses = reachable_addresses(member_.common_.listen_address);
    addresses.resize(std::min(addresses.size(), protocol::kPeerAddressesMax));
    return addresses;
}

// Returns: nothing when it is not here whole.
std::optional<protocol::AnnouncedContent> TrackerLine::describe(const ContentId& content) {
    const auto stored = member_.common_.contents.open(content);
    if (!stored.ok() || !(*stored)->complete()) {
        return std::nullopt;
    }
    protocol::AnnouncedContent announced;
    announced.content = content;
    const std::uint64_t chunks = chunk_count(content.size);
    if (chunks == 1) {
        announced.chunk_hashes = {content.root};
    } else if (chunks <= protocol::kChunkHashesMax) {
        announced.chunk_hashes.resize(chunks);
        if (!(*stored)->nodes().read_nodes(kChunkLevel, 0, announced.chunk_hashes).ok()) {
            announced.chunk_hashes.clear();
        }
    }
    return announced;
}

void TrackerLine::content_held(const ContentId& content, const std::string& name) {
    if (auto announced = describe(content)) {
        announced->name = name;
        client_.announce({*std::move(announced)});
    }
}

std::vector<protocol::AnnouncedContent> TrackerLine::contents_after(
    const std::optional<ContentId>& after, std::size_t count) {
    if (!after) {
        held_.clear();
        const TreeView view = member_.tree_.view();
        collect(view.names, store::kRootInode, held_);
    }
    std::vector<protocol::AnnouncedContent> contents;
    for (auto at = after ? held_.upper_bound(*after) : held_.begin();
         at != held_.end() && contents.size() < count; ++at) {
        if (auto announced = describe(at->first)) {
            announced->name = at->second.substr(0, protocol::kContentNameBytesMax);
            contents.push_back(*std::move(announced));
        }
    }
    return contents;
}

Bytes TrackerLine::catalog_vector() {
    Bytes bytes;
    WireWriter out(bytes);
    catalog::write_vector(out, member_.tree_.view().catalog.vector_to_tell());
    return bytes;
}

std::vector<Bytes> TrackerLine::catalog_for(discovery::TrackerNumber tracker, ByteSpan their_vector,
                                            bool first, std::size_t bytes_max) {
    std::vector<Bytes> messages;
    WireReader in(their_vector);
    const catalog::VersionVector theirs = catalog::read_vector(in);
    if (!in.finished()) {
        return messages;
    }
    catalog::Sender& sender = senders_[tracker];
    if (first) {
        // A tracker that lost its disk says so with a smaller vector: begin anew from what it says.
        sender = catalog::Sender();
        sender.learn(theirs);
    }
    const TreeView view = member_.tree_.view();
    const auto keep = [&](catalog::MessageKind, Bytes message) {
        messages.push_back(std::move(message));
    };
    const bool read = sender.send(view.catalog, bytes_max, keep).ok();
    if (!read || !member_.tree_.sync_sealed().ok()) {
        messages.clear();
    }
    return messages;
}

Result<> TrackerLine::catalog_from(discovery::TrackerNumber, const std::vector<Bytes>& messages) {
    for (const Bytes& message : messages) {
        SWARM_CHECK(member_.sync_.take(message));
    }
    return done();
}

void TrackerLine::on_tracker_peers(discovery::TrackerNumber,
                                   const std::vector<protocol::TrackerPeer>& peers,
                                   transport::TellerPlace teller) {
    for (const protocol::TrackerPeer& peer : peers) {
        std::vector<std::string> addresses = peer.addresses;
        addresses.push_back(peer.address);
        for (const std::string& address : addresses) {
            member_.learn(address, discovery::AddressSource::tracker, teller, peer.peer);
        }
    }
    member_.consider_dialling();
}

}  // namespace swarmfs::node
