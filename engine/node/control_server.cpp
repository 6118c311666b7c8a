#include "engine/node/control_server.hpp"

#include <algorithm>

#include "engine/core/log.hpp"
#include "engine/protocol/control.hpp"
#include "engine/transport/local_socket.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using transport::LocalConnection;

constexpr auto kLastAnswerMax = std::chrono::seconds(2);

class Call final : public ControlCall {
public:
    Call(std::uint64_t id, LocalConnection& connection) : id_(id), connection_(connection) {}

    void progress(const json& report) override {
        protocol::ControlReply reply;
        reply.id = id_;
        reply.progress = report;
        if (!connection_.write(protocol::encode(reply)).ok()) {
            connection_.shut_down();
        }
    }
    bool abandoned() const override { return connection_.hung_up(); }

private:
    const std::uint64_t id_;
    LocalConnection& connection_;
};

protocol::ControlReply failure(std::uint64_t id, Error error) {
    protocol::ControlReply reply;
    reply.id = id;
    reply.error = std::move(error);
    return reply;
}

// Parameters of the wrong type are the caller's mistake; nlohmann reports them by throwing.
Result<json> run(const ControlMethod& method, const json& params, ControlCall& call) {
    try {
        return method(params, call);
    } catch (const json::exception& error) {
        return caller_error(Code::invalid, std::string("bad parameters: ") + error.what());
    } catch (const std::exception& error) {  // one caller's trouble must not end the node
        log_error("node", std::string("a control method failed: ") + error.what());
        return disk_error(Code::io, std::string("the node failed at this: ") + error.what());
    }
}

protocol::ControlReply answer(const ControlMethods& methods, const std::string& line,
                              LocalConnection& connection) {
    const auto request = protocol::decode_request(line);
    if (!request.ok()) {
        return failure(0, request.error());
    }
    const auto method = methods.find(request->method);
    if (method == methods.end()) {
        return failure(request->id,
                       caller_error(Code::unsupported,
                                    "this swarmfsd has no \"" + request->method +
                                        "\"; restart it if swarmfs was upgraded: swarmfs stop"));
    }
    Call call(request->id, connection);
    auto result = run(method->second, request->params, call);
    if (!result.ok()) {
        return failure(request->id, std::move(result).error());
    }
    protocol::ControlReply reply;
    reply.id = request->id;
    reply.result = *std::move(result);
    return reply;
}

}  // namespace

ControlServer::ControlServer(ControlMethods methods) : methods_(std::move(methods)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::open(const std::string& path,
                                                           ControlMethods methods) {
    std::unique_ptr<ControlServer> server(new ControlServer(std::move(methods)));
    SWARM_TRY(server->listener_, transport::LocalListener::open(path));
    server->accept_thread_ = std::thread(&ControlServer::accept_loop, server.get());
    return server;
}

ControlServer::~ControlServer() {
    if (!listener_) {
        return;
    }
    listener_->shut_down();
    if (accept_thread_.joinable()) {
        accept_thread_.join();
    }
    // Answers under way still leave, the one to `stop` among them; nothing more is heard. Whoever
    // does not read his answer holds up the end for a moment only.
    {
        std::unique_lock lock(mutex_);
        for (Conversation& conversation : conversations_) {
            conversation.connection->stop_hearing();
        }
        ended_.wait_for(lock, kLastAnswerMax, [this] {
            return std::all_of(conversations_.begin(), conversations_.end(),
                               [](const Conversation& c) { return c.over.load(); });
        });
    }
    for (Conversation& conversation : conversations_) {
        conversation.connection->shut_down();
        conversation.thread.join();
    }
}

void ControlServer::accept_loop() {
    while (std::shared_ptr<LocalConnection> connection = listener_->accept()) {
        const std::lock_guard lock(mutex_);
        join_finished();
        if (conversations_.size() >= kConnectionsMax) {
            log_warning("node", "too many control connections; one is turned away");
            continue;
        }
        Conversation& conversation = conversations_.emplace_back();
        conversation.connection = std::move(connection);
        conversation.thread = std::thread(&ControlServer::converse, this, std::ref(conversation));
    }
}

void ControlServer::converse(Conversation& conversation) {
    LocalConnection& connection = *conversation.connection;
    for (;;) {
        auto line = connection.read_line(protocol::kControlLineBytesMax);
        if (!line.ok() || !line->has_value()) {
            break;
        }
        if (!connection.write(protocol::encode(answer(methods_, **line, connection))).ok()) {
            break;
        }
    }
    // The descriptor is closed when the thread is joined; the caller must learn of the end now.
    connection.shut_down();
    const std::lock_guard lock(mutex_);
    conversation.over = true;
    ended_.notify_all();
}

void ControlServer::join_finished() {
    for (auto at = conversations_.begin(); at != conversations_.end();) {
        if (at->over) {
            at->thread.join();
            at = conversations_.erase(at);
        } else {
            ++at;
        }
    }
}

}  // namespace swarmfs::node
