#pragma once
// A client that sends exactly the bytes it is told to: what Client would never send.

#include <cstdint>
#include <string>
#include <string_view>

namespace swarmfs::test {

class RawClient {
public:
    // Connects to 127.0.0.1. Every wait for the other end is bounded by 10 s. The kernel keeps about
    // `unread_bytes_max` for this end; 0: as many as it likes.
    explicit RawClient(std::uint16_t port, int unread_bytes_max = 0);
    ~RawClient();
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    // Returns: false when the other end has gone.
    bool send(std::string_view bytes);
    // Says that no more will be sent.
    void finish_sending();
    // Returns: the next answer, head and body (Content-Length only); "" when the connection ended.
    std::string answer(bool to_head = false);
    // Returns: everything until the other end closes.
    std::string rest();
    // Returns: whether the other end closed (or reset) without sending anything more.
    bool closed();

private:
    bool receive();
    int socket_ = -1;
    std::string buffer_;
    bool timed_out_ = false;
};

// The status of an answer; 0 for none.
int status_of(const std::string& answer);
std::string body_of(const std::string& answer);

}  // namespace swarmfs::test
