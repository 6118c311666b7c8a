#include "engine/node/methods.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>

#include <algorithm>

namespace swarmfs::node {
namespace {

std::string text_of(const sockaddr& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.sa_family == AF_INET) {
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text,
                    sizeof(text));
    } else if (address.sa_family == AF_INET6) {
        ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text,
                    sizeof(text));
    }
    return text;
}

std::vector<std::string> interface_hosts() {
    std::vector<std::string> hosts;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        return hosts;
    }
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
        const std::string host = at->ifa_addr == nullptr ? "" : text_of(*at->ifa_addr);
        // A link-local address means nothing without the name of an interface.
        if (!host.empty() && !host.starts_with("fe80:")) {
            hosts.push_back(host);
        }
    }
    ::freeifaddrs(list);
    return hosts;
}

}  // namespace

std::vector<std::string> reachable_addresses(const std::string& listen_address) {
    const auto listening = transport::parse_address(listen_address);
    if (!listening.ok()) {
        return {};
    }
    const bool any = listening->host == "::" || listening->host == "0.0.0.0";
    std::vector<transport::Address> addresses;
    for (const std::string& host : any ? interface_hosts() : std::vector{listening->host}) {
        const transport::Address address{host, listening->port};
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    }
    std::stable_partition(addresses.begin(), addresses.end(),
                          [](const transport::Address& a) { return !transport::is_loopback(a); });
    std::vector<std::string> texts;
    for (const transport::Address& address : addresses) {
        texts.push_back(transport::to_text(address));
    }
    return texts;
}

std::string plain_path(const std::string& given) {
    std::string path;
    for (const char c : given) {
        const bool extra = c == '/' && (path.empty() || path.back() == '/');
        if (!extra) {
            path.push_back(c);
        }
    }
    while (!path.empty() && path.back() == '/') {
        path.pop_back();
    }
    return path;
}

Error nothing_at(const std::string& path, const std::string& swarm) {
    return caller_error(Code::not_found, "there is no \"" + path + "\" in " + swarm +
                                             "; `swarmfs list " + swarm + "` shows what there is");
}

void add_control_methods(RunningNode& node, ControlMethods& methods) {
    add_swarm_methods(node, methods);
    add_file_methods(node, methods);
    add_cache_methods(node, methods);
    add_limit_methods(node, methods);
    add_peer_methods(node, methods);
    add_policy_methods(node, methods);
    add_restore_methods(node, methods);
}

}  // namespace swarmfs::node
