// fuzz: uses http
//
// Where to listen is said in settings and arguments. What is accepted prints in one form that means
// the same.

#include <cstdlib>

#include "engine/core/bytes.hpp"
#include "engine/http/listen.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    using namespace swarmfs;
    const auto endpoint = http::parse_listen(std::string(as_text({data, length})));
    if (!endpoint.ok()) {
        if (endpoint.error().code != Code::configuration) {
            std::abort();
        }
        return 0;
    }
    const std::string text = http::text_of(*endpoint);
    const auto again = http::parse_listen(text);
    if (!again.ok() || *again != *endpoint || http::text_of(*again) != text) {
        std::abort();
    }
    return 0;
}
