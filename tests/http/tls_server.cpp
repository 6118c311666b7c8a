#include "tests/http/tls_server.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <thread>

#include "engine/core/assert.hpp"

namespace swarmfs::test {

namespace asio = boost::asio;
using asio::ip::tcp;

struct TlsServer::State {
    asio::io_context context;
    asio::ssl::context tls{asio::ssl::context::tls_server};
    tcp::acceptor acceptor{context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::thread thread;

    void use_certificate(const std::string& name, const std::string& file);
    void serve();
};

void TlsServer::State::use_certificate(const std::string& name, const std::string& file) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    SWARM_ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);

    std::FILE* out = std::fopen(file.c_str(), "w");
    SWARM_ASSERT(out != nullptr);
    PEM_write_X509(out, certificate);
    std::fclose(out);
    SSL_CTX_use_certificate(tls.native_handle(), certificate);
    SSL_CTX_use_PrivateKey(tls.native_handle(), key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void TlsServer::State::serve() {
    while (true) {
        boost::system::error_code failed;
        tcp::socket socket = acceptor.accept(failed);
        if (failed) {
            return;
        }
        asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
        stream.handshake(asio::ssl::stream_base::server, failed);
        while (!failed) {
            std::string input;
            asio::read_until(stream, asio::dynamic_buffer(input), "\r\n\r\n", failed);
            if (failed) {
                break;
            }
            const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
            asio::write(stream, asio::buffer(answer), failed);
        }
    }
}

TlsServer::TlsServer(const std::string& name, const std::string& certificate_file)
    : state_(std::make_unique<State>()) {
    state_->use_certificate(name, certificate_file);
    state_->thread = std::thread([this] { state_->serve(); });
}

TlsServer::~TlsServer() {
    // Accept is blocked in the kernel: shutting the socket down wakes it.
    ::shutdown(state_->acceptor.native_handle(), SHUT_RDWR);
    state_->thread.join();
}

std::uint16_t TlsServer::port() const {
    return state_->acceptor.local_endpoint().port();
}

}  // namespace swarmfs::test
