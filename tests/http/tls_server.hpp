#pragma once
// An https server for one test: a certificate of its own for one name, and a fixed answer.

#include <cstdint>
#include <memory>
#include <string>

namespace swarmfs::test {

class TlsServer {
public:
    // Writes the certificate, which is its own authority, to `certificate_file`.
    TlsServer(const std::string& name, const std::string& certificate_file);
    ~TlsServer();

    std::uint16_t port() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace swarmfs::test
