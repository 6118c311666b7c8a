#pragma once
// Changes one number in the text of a policy (policy.hpp) where it stands: comments, order and all
// else that people wrote stay as they are. Pure; any thread.

#include <string>
#include <string_view>

#include "engine/node/policy.hpp"

namespace swarmfs::node {

// What `path` ("" is the root) says from now on; what is not set stays as it is.
// Returns: the text with that.
// Errors: as Policy::parse, of `text` and of what comes of it; unsupported, for a text of a form that
// is not understood well enough to change it.
Result<std::string> policy_text_with(std::string_view text, std::string_view path,
                                     const Policy::Said& said);

}  // namespace swarmfs::node
