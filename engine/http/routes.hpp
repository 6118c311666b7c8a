#pragma once
// Which handler answers which path. A pattern is a path whose parts are literal or a parameter:
// "/api/files/{hash}/peers". A literal part goes before a parameter. Parameters are handed on as
// text; handlers turn them into typed ids before they mean anything.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/http/message.hpp"

namespace swarmfs::http {

// Answers one request that was put off. Call it once, on any thread; nothing happens when the
// client has gone. A Reply that dies uncalled answers 500, as a handler that fails does.
class Reply {
public:
    struct Slot {
        virtual ~Slot() = default;
        virtual void deliver(Response response) = 0;
        // It will not be answered any more.
        virtual void give_up() = 0;
    };
    explicit Reply(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}
    ~Reply();
    Reply(Reply&&) = default;
    Reply& operator=(Reply&& other) noexcept;
    void operator()(Response response);

private:
    std::shared_ptr<Slot> slot_;
};

// Runs on one of the server's threads, at once with other handlers. Must not block.
using Handler = std::function<Response(const Request&)>;
// For answers that wait, such as for a commit: takes what it needs of the request, and returns.
using DeferredHandler = std::function<void(const Request&, Reply)>;

class Routes {
public:
    struct Route {
        Method method;
        std::vector<std::string> parts;  // "{…}" for a parameter
        std::size_t body_bytes_max = 0;
        std::variant<Handler, DeferredHandler> handler;
    };
    struct Found {
        const Route* route = nullptr;  // null: no such path, or not with this method
        std::string methods_of_path;   // "GET, HEAD", when only the method was wrong
    };

    // A GET route answers HEAD as well. Requires: the pattern begins with "/".
    void add(Method method, std::string_view pattern, std::size_t body_bytes_max, Handler handler);
    void add_deferred(Method method, std::string_view pattern, std::size_t body_bytes_max,
                      DeferredHandler handler);

    // Fills `parameters` with views into `path`.
    Found find(Method method, std::string_view path,
               std::vector<std::string_view>& parameters) const;

private:
    void add_route(Route route, std::string_view pattern);
    std::vector<Route> routes_;
};

}  // namespace swarmfs::http
