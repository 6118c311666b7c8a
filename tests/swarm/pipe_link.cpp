#include "tests/swarm/pipe_link.hpp"

#include <algorithm>

namespace swarmfs::test {

std::pair<std::unique_ptr<PipeLink>, std::unique_ptr<PipeLink>> PipeLink::make(
    async::Executor executor, std::size_t step) {
    auto there = std::make_shared<Stream>();
    auto back = std::make_shared<Stream>();
    return {std::unique_ptr<PipeLink>(new PipeLink(executor, step, back, there)),
            std::unique_ptr<PipeLink>(new PipeLink(executor, step, there, back))};
}

PipeLink::PipeLink(async::Executor executor, std::size_t step, std::shared_ptr<Stream> in,
                   std::shared_ptr<Stream> out)
    : executor_(std::move(executor)), step_(step), in_(std::move(in)), out_(std::move(out)) {}

async::Task<Result<std::size_t>> PipeLink::read_some(MutableByteSpan into) {
    while (in_->bytes.empty() && !in_->ended) {
        (void)co_await in_->changed.wait();
    }
    const std::size_t count = std::min({into.size(), step_, in_->bytes.size()});
    std::copy_n(in_->bytes.begin(), count, into.begin());
    in_->bytes.erase(in_->bytes.begin(), in_->bytes.begin() + static_cast<std::ptrdiff_t>(count));
    co_return count;
}

async::Task<Result<>> PipeLink::write(std::span<const ByteSpan> buffers) {
    for (const ByteSpan buffer : buffers) {
        for (const std::uint8_t byte : buffer) {
            if (out_->ended || written_ == cut_) {
                out_->ended = true;
                out_->changed.notify();
                co_return network_error(Code::unavailable, "the pipe was cut");
            }
            out_->bytes.push_back(written_ == damage_ ? static_cast<std::uint8_t>(byte ^ 1) : byte);
            ++written_;
            if (copy_ != nullptr) {
                copy_->push_back(out_->bytes.back());
            }
        }
    }
    out_->changed.notify();
    co_return done();
}

void PipeLink::shut_down() {
    out_->ended = true;
    out_->changed.notify();
}

void PipeLink::close() {
    shut_down();
    in_->ended = true;
    in_->changed.notify();
}

}  // namespace swarmfs::test
