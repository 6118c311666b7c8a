#include "engine/channel/records.hpp"

#include "engine/channel/noise.hpp"
#include "engine/core/wire.hpp"
#include "engine/protocol/peer_messages.hpp"

namespace swarmfs::channel {

static_assert(kRecordPlaintextMax == protocol::kRecordPlaintextMax);

Result<std::optional<ByteSpan>> take_message(ByteSpan stream, std::size_t bytes_max) {
    if (stream.size() < kLengthBytes) {
        return std::optional<ByteSpan>();
    }
    WireReader reader(stream);
    const std::size_t length = reader.u16();
    if (length == 0 || length > bytes_max) {
        return peer_error("a message of an impossible length");
    }
    if (reader.remaining() < length) {
        return std::optional<ByteSpan>();
    }
    return std::optional(reader.raw(length));
}

crypto::AeadNonce RecordKey::nonce_bytes() const {
    return noise_nonce(nonce_);
}

void RecordKey::advance() {
    if (++nonce_ < kRecordsPerKey) {
        return;
    }
    key_ = noise_rekey(key_);
    cipher_.rekey(key_);
    nonce_ = 0;
    ++keys_used_;
}

void SendCipher::seal(MutableByteSpan record) {
    SWARM_ASSERT(record.size() > kRecordOverhead);  // an empty record would say goodbye
    seal_any(record);
}

Bytes SendCipher::seal_close() {
    Bytes record(kRecordOverhead);
    seal_any(record);
    closed_ = true;
    return record;
}

void SendCipher::seal_any(MutableByteSpan record) {
    SWARM_ASSERT(!closed_ && key_.usable());
    SWARM_ASSERT(record.size() <= kRecordPlaintextMax + kRecordOverhead);
    const std::size_t length = record.size() - kLengthBytes;
    record[0] = static_cast<std::uint8_t>(length >> 8);
    record[1] = static_cast<std::uint8_t>(length);
    const MutableByteSpan sealed = record.subspan(kLengthBytes);
    key_.cipher().seal(key_.nonce_bytes(), {}, sealed.first(length - crypto::kAeadTagBytes),
                       sealed.last(crypto::kAeadTagBytes));
    key_.advance();
}

Result<MutableByteSpan> ReceiveCipher::open(MutableByteSpan sealed) {
    const auto broken = [this] {
        failed_ = true;
        return peer_error("a record was changed, cut, repeated or left out on its way");
    };
    if (failed_ || closed_ || !key_.usable() || sealed.size() < crypto::kAeadTagBytes ||
        sealed.size() > kRecordPlaintextMax + crypto::kAeadTagBytes) {
        return broken();
    }
    const MutableByteSpan text = sealed.first(sealed.size() - crypto::kAeadTagBytes);
    if (!key_.cipher().open(key_.nonce_bytes(), {}, text, sealed.last(crypto::kAeadTagBytes))) {
        return broken();
    }
    key_.advance();
    closed_ = text.empty();
    return text;
}

}  // namespace swarmfs::channel
