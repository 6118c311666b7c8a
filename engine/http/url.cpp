#include "engine/http/url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "engine/core/log.hpp"
#include "engine/http/target.hpp"

namespace swarmfs::http {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
// DNS ends at 253.
constexpr std::size_t kHostBytesMax = 253;

std::string bracketed(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

Error bad(std::string_view text, const char* why) {
    return caller_error(Code::invalid, "\"" + printable(text.substr(0, 200)) +
                                           "\" is no URL to connect to: " + why);
}

}  // namespace

std::string Url::origin() const {
    return (secure ? "https://" : "http://") + bracketed(host) + ":" + std::to_string(port);
}

std::string Url::authority() const {
    const bool usual = port == (secure ? kHttpsPort : kHttpPort);
    return usual ? bracketed(host) : bracketed(host) + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text) {
    if (text.size() > kTargetBytesMax) {
        return bad(text, "it is longer than 8 KiB");
    }
    const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
    if (!parsed) {
        return bad(text, "expected http://HOST[:PORT][/PATH]");
    }
    const boost::urls::url_view& view = *parsed;
    Url url;
    if (view.scheme_id() == boost::urls::scheme::https) {
        url.secure = true;
    } else if (view.scheme_id() != boost::urls::scheme::http) {
        return bad(text, "only http and https are understood");
    }
    if (view.has_userinfo()) {
        return bad(text, "it holds a user name or password");
    }
    if (view.has_fragment()) {
        return bad(text, "it has a fragment");
    }
    url.host = view.host_type() == boost::urls::host_type::ipv6 ? std::string(view.host_address())
                                                                : std::string(view.encoded_host());
    if (url.host.empty() || url.host.size() > kHostBytesMax ||
        url.host.find('%') != std::string::npos) {
        return bad(text, "its host is empty, too long, or encoded");
    }
    if (view.has_port()) {
        const std::string digits(view.port());
        const char* const end = digits.data() + digits.size();
        const auto [stopped, failed] = std::from_chars(digits.data(), end, url.port);
        if (failed != std::errc() || stopped != end || url.port == 0) {
            return bad(text, "its port is not a number from 1 to 65535");
        }
    } else {
        url.port = url.secure ? kHttpsPort : kHttpPort;
    }
    url.target = std::string(view.encoded_resource());
    if (url.target.empty() || url.target.front() != '/') {
        url.target.insert(0, "/");
    }
    return url;
}

}  // namespace swarmfs::http
