#include "engine/node/reports.hpp"

#include "engine/node/workers.hpp"

namespace swarmfs::node {

std::vector<std::string> MemberReports::names() const {
    return {"peers.json", "status.json", "version"};
}

void MemberReports::report(std::string_view name, Done done) {
    jobs_.post(Lane::small, [this, name = std::string(name), done = std::move(done)] {
        const bool answers = write_ && !stopping_;
        done(answers ? write_(name) : caller_error(Code::cancelled, "the node stops"));
    });
}

}  // namespace swarmfs::node
