// fuzz: uses core crypto channel
// A stream of records under a man in the middle who follows a script: what is heard is the
// beginning of what was said, and a close is heard only after all of it.
//
//   input = seed:u8 step*     step = verb:u8, and as many more bytes as the verb takes
#include <algorithm>

#include "engine/channel/records.hpp"
#include "engine/core/wire.hpp"

namespace {

using namespace swarmfs;
using namespace swarmfs::channel;

constexpr std::size_t kRecordsMax = 16;

// What was said: the records in order, the last one a close.
struct Said {
    std::vector<Bytes> records;
    std::vector<Bytes> texts;

    explicit Said(SendCipher send, std::uint8_t seed) {
        for (std::size_t i = 0; i + 1 < kRecordsMax; ++i) {
            const Bytes text(1 + (seed + i * 7) % 40, static_cast<std::uint8_t>('a' + i));
            Bytes record(kLengthBytes);
            record.insert(record.end(), text.begin(), text.end());
            record.resize(record.size() + crypto::kAeadTagBytes);
            send.seal(record);
            records.push_back(record);
            texts.push_back(text);
        }
        records.push_back(send.seal_close());
        texts.emplace_back();
    }
};

// The bytes that arrive, by the script: pass on a record, skip one, repeat one, write anything.
Bytes tampered(const Said& said, WireReader& script) {
    Bytes stream;
    std::size_t next = 0;
    const auto pass = [&](std::size_t index) {
        const Bytes& record = said.records[index % kRecordsMax];
        stream.insert(stream.end(), record.begin(), record.end());
    };
    while (script.remaining() > 0 && stream.size() < 4096) {
        switch (script.u8() % 6) {
            case 0: pass(next++); break;
            case 1: ++next; break;
            case 2: pass(script.u8()); break;
            case 3: stream.push_back(script.u8()); break;
            case 4: {
                const std::size_t at = script.u16();
                if (!stream.empty()) {
                    stream[at % stream.size()] ^= script.u8();
                }
                break;
            }
            default:
                stream.resize(stream.size() - std::min<std::size_t>(stream.size(), script.u8()));
        }
    }
    return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    WireReader script({data, size});
    const crypto::Secret32 key;
    const Said said(SendCipher(key), script.u8());
    Bytes stream = tampered(said, script);

    ReceiveCipher receive(key);
    std::size_t heard = 0;
    MutableByteSpan rest(stream);
    bool alive = true;
    for (;;) {
        const auto message = take_message(rest, 65'535);
        if (!message.ok() || !message->has_value()) {
            break;
        }
        const std::size_t length = (*message)->size();
        const ByteSpan arrived = ByteSpan(rest).first(kLengthBytes + length);
        alive = alive && heard < kRecordsMax && std::ranges::equal(arrived, said.records[heard]);
        const auto text = receive.open(rest.subspan(kLengthBytes, length));
        SWARM_ASSERT(text.ok() == alive);
        if (alive) {
            SWARM_ASSERT(std::ranges::equal(*text, said.texts[heard]));
            ++heard;
        }
        rest = rest.subspan(kLengthBytes + length);
    }
    SWARM_ASSERT(receive.closed() == (heard == kRecordsMax));
    return 0;
}
