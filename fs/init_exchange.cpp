#include "fs/init_exchange.hpp"

#include <linux/fuse.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "fs/fuse_api.hpp"
#include "fs/fuse_session.hpp"

namespace swarmfs::fs {
namespace {

extern "C" ssize_t swarmfs_fuse_writev(int descriptor, iovec* parts, int count, void* user_data) {
    return static_cast<FuseSession*>(user_data)->send(descriptor, parts, count);
}

extern "C" ssize_t swarmfs_fuse_read(int descriptor, void* into, std::size_t room,
                                     void* user_data) {
    return static_cast<FuseSession*>(user_data)->receive(descriptor, into, room);
}

template <class T>
std::optional<T> message_at(ByteSpan bytes, std::size_t offset) {
    if (bytes.size() < offset + sizeof(T)) {
        return std::nullopt;
    }
    T out;
    std::memcpy(&out, bytes.data() + offset, sizeof(T));
    return out;
}

}  // namespace

bool InitExchange::attach(fuse_session* session, int descriptor) {
    fuse_custom_io io{};
    io.writev = swarmfs_fuse_writev;
    io.read = swarmfs_fuse_read;
    return fuse_session_custom_io(session, &io, descriptor) == 0;
}

bool InitExchange::promise_is_to_be_added(const fuse_conn_info& connection) {
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
    (void)connection;
    return false;
#else
    constexpr unsigned kMinorThatHasIt = 33;
    return connection.proto_major == FUSE_KERNEL_VERSION &&
           connection.proto_minor >= kMinorThatHasIt;
#endif
}

void InitExchange::expect_answer(bool add_promise) {
    adds_promise_ = add_promise;
    answer_is_next_ = true;
}

void InitExchange::note_read(ByteSpan message) {
    if (has_request_.load(std::memory_order_relaxed)) {
        return;
    }
    const auto header = message_at<fuse_in_header>(message, 0);
    if (header && header->opcode == FUSE_INIT) {
        messages_.request.assign(message.begin(), message.end());
        has_request_ = true;
    }
}

bool InitExchange::note_answer(const iovec* parts, int count) {
    if (!answer_is_next_.load(std::memory_order_relaxed)) {
        return false;
    }
    answer_is_next_ = false;
    constexpr int kHeaderAndBody = 2;
    const bool usual =
        count == kHeaderAndBody && parts[0].iov_len == sizeof(fuse_out_header) &&
        parts[1].iov_len >= offsetof(fuse_init_out, flags) + sizeof(fuse_init_out::flags) &&
        static_cast<const fuse_out_header*>(parts[0].iov_base)->error == 0;
    if (usual && adds_promise_) {
        static_cast<fuse_init_out*>(parts[1].iov_base)->flags |= FUSE_HANDLE_KILLPRIV_V2;
    }
    messages_.answer.clear();
    for (int i = 0; i < count; ++i) {
        const auto* const bytes = static_cast<const std::uint8_t*>(parts[i].iov_base);
        messages_.answer.insert(messages_.answer.end(), bytes, bytes + parts[i].iov_len);
    }
    return true;
}

bool can_resend(const InitMessages& messages) {
    constexpr std::uint32_t kHasResend = 1U << (39 - 32);  // linux/fuse.h FUSE_HAS_RESEND
    constexpr std::uint32_t kExtended = 1U << 30;          // FUSE_INIT_EXT: there are flags2
    const auto init = message_at<fuse_init_in>(messages.request, sizeof(fuse_in_header));
    return init && (init->flags & kExtended) != 0 && (init->flags2 & kHasResend) != 0;
}

}  // namespace swarmfs::fs
