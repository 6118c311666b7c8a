#pragma once
// A link with a channel on it: what crosses it is sealed, and both ends have shown that they know
// the swarm's secret. Who they are, hello says.
//
// Rules:
//   1. A stranger is refused at message one; the handshake as a whole has a deadline.
//   2. Records are read many at a time and opened where they lie; they are built and sealed where
//      they will be sent from. No byte is copied on the way.
//   3. An end of the stream without a close record is a cut, not a goodbye.
// Thread: the link's, as for Link. One reader and one writer.

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "engine/channel/channel.hpp"
#include "engine/core/clock.hpp"
#include "engine/transport/link.hpp"

namespace swarmfs::transport {

// Chosen by us: three round trips over the slowest path, and a lost packet or two.
inline constexpr Duration kHandshakeDeadline = std::chrono::seconds(10);

// Records under construction, in one buffer. Frames are written straight into it.
class RecordBuilder {
public:
    // Chosen by us: enough for one write to amortise its system call, small enough to stay in the
    // second-level cache between sealing and sending.
    static constexpr std::size_t kFullBytes = 256 * 1024;

    // Room for one frame, in the current record or a new one.
    // Requires: 0 < bytes <= channel::kRecordPlaintextMax; !full().
    // Valid until: clear() or release().
    MutableByteSpan extend(std::size_t bytes);
    // Takes back the last `bytes` of what the latest extend() gave; then of the one before.
    void retract(std::size_t bytes);

    bool empty() const { return records_.empty(); }
    bool full() const { return used_ >= kFullBytes; }
    // Until it is full.
    std::size_t room() const { return kFullBytes - std::min(kFullBytes, used_); }
    // Seals every record. Returns: what is to be sent. Valid until: clear() or release().
    ByteSpan seal(channel::SendCipher& cipher);
    void clear();
    // Gives the memory back until the next extend().
    void release();

private:
    struct Record {
        std::size_t begin = 0;
        std::size_t plaintext = 0;
    };
    std::unique_ptr<std::uint8_t[]> buffer_;
    std::size_t used_ = 0;
    std::vector<Record> records_;
};

class SecureLink {
public:
    // Runs the handshake. The link is closed when it fails.
    // Errors: peer errors (a stranger, another version, a forgery; all alike), and the link's.
    static async::Task<Result<std::unique_ptr<SecureLink>>> initiate(
        std::unique_ptr<Link> link, channel::ChannelSecrets secrets, Dice& dice,
        Duration deadline = kHandshakeDeadline);
    // Requires: at most channel::kSwarmsTriedMax candidates.
    static async::Task<Result<std::unique_ptr<SecureLink>>> respond(
        std::unique_ptr<Link> link, std::vector<channel::ChannelSecrets> candidates, Dice& dice,
        Duration deadline = kHandshakeDeadline);

    SecureLink(std::unique_ptr<Link> link, bool initiator);

    bool initiator() const { return initiator_; }
    const Hash256& handshake_hash() const { return keys_->handshake_hash; }
    // Which of the responder's candidates it is about; 0 at an initiator.
    std::size_t swarm_index() const { return keys_->swarm_index; }
    Link& link() { return *link_; }
    const Link& link() const { return *link_; }

    // Waits for at least one whole record, and opens all that are there.
    // Returns: their plaintexts, in order; none after a proper close. Valid until: the next call.
    // Errors: a peer error for a forgery; network, unavailable, for a cut; the link's.
    async::Task<Result<std::span<const ByteSpan>>> read_records();
    // Seals and sends what `records` holds, and clears it.
    async::Task<Result<>> write_records(RecordBuilder& records);
    // Says that nothing more will come, and ends our stream.
    async::Task<Result<>> write_close();

    std::uint64_t bytes_read() const { return bytes_read_; }
    std::uint64_t bytes_written() const { return bytes_written_; }

private:
    static async::Task<Result<std::unique_ptr<SecureLink>>> shake(std::unique_ptr<SecureLink> link,
                                                                  channel::Handshake handshake,
                                                                  Bytes first);
    async::Task<Result<Bytes>> read_handshake_message();
    async::Task<Result<>> write_bytes(ByteSpan bytes);
    Result<> open_all();
    void make_room();

    std::unique_ptr<Link> link_;
    const bool initiator_;
    std::unique_ptr<channel::ChannelKeys> keys_;  // once the handshake is done
    std::unique_ptr<std::uint8_t[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;  // what is not opened yet
    std::size_t end_ = 0;
    unsigned small_reads_ = 0;  // in a row
    std::vector<ByteSpan> opened_;
    std::uint64_t bytes_read_ = 0;
    std::uint64_t bytes_written_ = 0;
};

}  // namespace swarmfs::transport
