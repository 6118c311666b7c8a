#include "engine/http/routes.hpp"

#include <algorithm>
#include <array>

#include "engine/core/assert.hpp"

namespace swarmfs::http {
namespace {

// Deeper than any route; a longer path matches none.
constexpr std::size_t kPartsMax = 8;

struct Parts {
    std::array<std::string_view, kPartsMax> values;
    std::size_t count = 0;
    bool too_many = false;
};

Parts split(std::string_view path) {
    Parts parts;
    path.remove_prefix(1);
    while (!path.empty()) {
        if (parts.count == kPartsMax) {
            parts.too_many = true;
            break;
        }
        const std::size_t end = std::min(path.find('/'), path.size());
        parts.values[parts.count++] = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return parts;
}

bool is_parameter(const std::string& part) {
    return part.front() == '{';
}

bool matches(const Routes::Route& route, const Parts& parts) {
    if (route.parts.size() != parts.count || parts.too_many) {
        return false;
    }
    for (std::size_t i = 0; i < parts.count; ++i) {
        if (!is_parameter(route.parts[i]) && route.parts[i] != parts.values[i]) {
            return false;
        }
    }
    return true;
}

bool answers(const Routes::Route& route, Method method) {
    return route.method == method || (route.method == Method::get && method == Method::head);
}

}  // namespace

Reply::~Reply() {
    if (slot_) {
        slot_->give_up();
    }
}

Reply& Reply::operator=(Reply&& other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
}

void Reply::operator()(Response response) {
    SWARM_ASSERT(slot_ != nullptr);
    std::shared_ptr<Slot> slot = std::move(slot_);
    slot->deliver(std::move(response));
}

void Routes::add(Method method, std::string_view pattern, std::size_t body_bytes_max,
                 Handler handler) {
    add_route({method, {}, body_bytes_max, std::move(handler)}, pattern);
}

void Routes::add_deferred(Method method, std::string_view pattern, std::size_t body_bytes_max,
                          DeferredHandler handler) {
    add_route({method, {}, body_bytes_max, std::move(handler)}, pattern);
}

void Routes::add_route(Route route, std::string_view pattern) {
    SWARM_ASSERT(!pattern.empty() && pattern.front() == '/');
    const Parts parts = split(pattern);
    SWARM_ASSERT(!parts.too_many);
    for (std::size_t i = 0; i < parts.count; ++i) {
        route.parts.emplace_back(parts.values[i]);
    }
    // Literal parts first, so that the first match is the most exact one.
    const auto parameters = [](const Route& of) {
        return std::count_if(of.parts.begin(), of.parts.end(), is_parameter);
    };
    const auto place = std::find_if(routes_.begin(), routes_.end(), [&](const Route& other) {
        return parameters(other) > parameters(route);
    });
    routes_.insert(place, std::move(route));
}

Routes::Found Routes::find(Method method, std::string_view path,
                           std::vector<std::string_view>& parameters) const {
    parameters.clear();
    Found found;
    const Parts parts = split(path);
    for (const Route& route : routes_) {
        if (!matches(route, parts)) {
            continue;
        }
        if (!answers(route, method)) {
            found.methods_of_path += found.methods_of_path.empty() ? "" : ", ";
            found.methods_of_path += name_of(route.method);
            found.methods_of_path += route.method == Method::get ? ", HEAD" : "";
            continue;
        }
        for (std::size_t i = 0; i < parts.count; ++i) {
            if (is_parameter(route.parts[i])) {
                parameters.push_back(parts.values[i]);
            }
        }
        found.route = &route;
        found.methods_of_path.clear();
        return found;
    }
    return found;
}

}  // namespace swarmfs::http
