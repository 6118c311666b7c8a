#pragma once
// Two ends of a stream in memory, on one executor, that hand over a few bytes at a time.

#include <deque>
#include <memory>
#include <utility>

#include "engine/async/event.hpp"
#include "engine/transport/link.hpp"

namespace swarmfs::test {

class PipeLink final : public transport::Link {
public:
    // Each read yields at most `step` bytes.
    static std::pair<std::unique_ptr<PipeLink>, std::unique_ptr<PipeLink>> make(
        async::Executor executor, std::size_t step);
    ~PipeLink() override { close(); }

    async::Task<Result<std::size_t>> read_some(MutableByteSpan into) override;
    async::Task<Result<>> write(std::span<const ByteSpan> buffers) override;
    void shut_down() override;
    void close() override;
    transport::LinkKind kind() const override { return transport::LinkKind::direct; }
    const transport::Address& remote() const override { return remote_; }
    async::Executor executor() override { return executor_; }

    // Of what this end writes: the byte at this position of the stream is changed on its way.
    void damage_byte(std::size_t position) { damage_ = position; }
    // The stream of this end is cut after so many bytes more.
    void cut_after(std::size_t bytes) { cut_ = bytes; }
    std::size_t written() const { return written_; }
    // What this end writes is kept there, too, as it is on its way. `copy` outlives the link.
    void keep_written(Bytes* copy) { copy_ = copy; }

private:
    struct Stream {
        std::deque<std::uint8_t> bytes;
        bool ended = false;
        async::Signal changed;
    };
    PipeLink(async::Executor executor, std::size_t step, std::shared_ptr<Stream> in,
             std::shared_ptr<Stream> out);

    async::Executor executor_;
    const std::size_t step_;
    std::shared_ptr<Stream> in_;
    std::shared_ptr<Stream> out_;
    transport::Address remote_{"192.0.2.1", 6881};
    std::size_t written_ = 0;
    std::size_t damage_ = SIZE_MAX;
    std::size_t cut_ = SIZE_MAX;
    Bytes* copy_ = nullptr;
};

}  // namespace swarmfs::test
