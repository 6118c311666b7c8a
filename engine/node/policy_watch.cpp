#include "engine/node/policy_watch.hpp"

#include <boost/asio/post.hpp>

#include "engine/core/log.hpp"

namespace swarmfs::node {
namespace {

// Requires: the content is stored whole, and no larger than Policy::kTextMax.
Result<Policy> policy_in(store::ContentStore& contents, const ContentId& content) {
    SWARM_TRY(const auto stored, contents.open(content));
    Bytes text(content.size);
    SWARM_TRY(const std::size_t read, stored->read(0, text));
    return Policy::parse({reinterpret_cast<const char*>(text.data()), read});
}

}  // namespace

void PolicyWatch::look() {
    if (stopped_) {
        return;
    }
    const auto record = parts_.tree.view().names.lookup(store::kRootInode, Policy::kFileName);
    if (!record.ok()) {
        forget_fill();
        looked_at_.reset();
        take({});
        return;
    }
    if (record->kind != store::InodeKind::file) {
        forget_fill();
        looked_at_.reset();
        failed(caller_error(Code::configuration, std::string(Policy::kFileName) + " is no file"));
        return;
    }
    if (!record->dot || looked_at_ == record->content) {
        return;  // not published yet (rule 3), or known already
    }
    forget_fill();
    looked_at_ = record->content;
    if (record->content.size == 0) {
        take({});
    } else if (record->content.size > Policy::kTextMax) {
        failed(caller_error(Code::too_large, std::string(Policy::kFileName) + " has more than " +
                                                 std::to_string(Policy::kTextMax) + " bytes"));
    } else {
        fetch(*record);
    }
}

void PolicyWatch::fetch(const store::InodeRecord& record) {
    const auto stored = parts_.contents.open(record.content);
    if (stored.ok() && (*stored)->complete()) {
        read(record.content);
        return;
    }
    swarm::FillRequest request;
    request.content = record.content;
    request.likely = record.dot->author.node;
    fill_ = parts_.swarm.fill(request, [weak = weak_from_this(), content = record.content,
                                        hold = std::make_shared<store::Hold>(parts_.contents.hold(
                                            record.content))](const swarm::FillProgress& progress) {
        const auto self = weak.lock();
        if (!self || self->stopped_ || self->looked_at_ != content) {
            return;
        }
        if (progress.complete) {
            self->fill_ = 0;
            self->read(content);
        } else if (progress.error) {
            self->fill_ = 0;
            self->failed(*progress.error);
        }
    });
}

void PolicyWatch::read(const ContentId& content) {
    parts_.jobs.post(Lane::small, [self = shared_from_this(), content] {
        auto policy = policy_in(self->parts_.contents, content);
        boost::asio::post(self->parts_.engine, [self, content, read = std::move(policy)]() mutable {
            self->use(content, std::move(read));
        });
    });
}

void PolicyWatch::use(const ContentId& content, Result<Policy> policy) {
    if (stopped_ || looked_at_ != content) {
        return;  // another one by now
    }
    if (policy.ok()) {
        take(*std::move(policy));
    } else {
        failed(policy.error());
    }
}

void PolicyWatch::take(Policy policy) {
    again_timer_.cancel();
    parts_.problems.worked(Doing::agreeing, "");
    {
        const std::lock_guard lock(policy_mutex_);
        if (*policy_ == policy) {
            return;
        }
        policy_ = std::make_shared<const Policy>(std::move(policy));
    }
    if (on_changed_) {
        on_changed_();
    }
}

void PolicyWatch::failed(const Error& why) {
    const std::string what = "the policy stays as it was: " + why.message;
    log_warning("node", what);
    parts_.problems.failed(Doing::agreeing, "", what);
    again_timer_.expires_after(kAgainEvery);
    again_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& failed) {
        if (const auto self = weak.lock(); self && !failed && !self->stopped_) {
            self->looked_at_.reset();
            self->look();
        }
    });
}

void PolicyWatch::forget_fill() {
    if (const swarm::FillId fill = std::exchange(fill_, 0); fill != 0) {
        parts_.swarm.cancel_fill(fill);
    }
}

void PolicyWatch::stop() {
    forget_fill();
    stopped_ = true;
    again_timer_.cancel();
}

}  // namespace swarmfs::node
