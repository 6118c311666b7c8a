// Replicator: what it found, for people.

#include <algorithm>
#include <future>
#include <tuple>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "engine/node/replicator.hpp"

namespace swarmfs::node {

std::string Replicator::why(const Short& one) const {
    const TimePoint now = parts_.clock.now();
    if (one.members < one.wanted && one.copies >= one.members) {
        return "only " + std::to_string(one.members) +
               (one.members == 1 ? " member is" : " members are") + " connected";
    }
    if (!one.available) {
        return "nobody who is connected has all of it";
    }
    if (now < one.since) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(one.since - now).count();
        return "taken in " + std::to_string(left) + " s, unless who held it comes back";
    }
    if (now < one.since + 2 * Patience{}.turn) {
        return "";
    }
    if (one.no_room) {
        return "neither this member nor those before it have room for it";
    }
    return "no member with room has taken it yet";
}

ReplicationReport Replicator::report() {
    if (parts_.engine.get_executor().running_in_this_thread()) {
        return report_here();
    }
    std::promise<ReplicationReport> answer;
    boost::asio::post(parts_.engine, [&] { answer.set_value(report_here()); });
    return answer.get_future().get();
}

ReplicationReport Replicator::report_here() const {
    ReplicationReport report = counted_;
    std::vector<std::pair<double, const ContentId*>> order;
    for (const auto& [content, one] : short_) {
        ++report.short_contents;
        report.short_bytes += content.size;
        order.emplace_back(static_cast<double>(one.copies) / one.wanted, &content);
    }
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
        return std::tie(a.first, *a.second) < std::tie(b.first, *b.second);
    });
    order.resize(std::min(order.size(), kWorstMax));
    for (const auto& [part, content] : order) {
        const Short& one = short_.at(*content);
        report.worst.push_back({one.path, one.copies, one.wanted, why(one)});
    }
    return report;
}

}  // namespace swarmfs::node
