// SwarmShell: whether others show what is shown here (read_quorum.hpp).

#include "engine/swarm/swarm_shell.hpp"

namespace swarmfs::swarm {

ConfirmId SwarmShell::confirm(ConfirmRequest request, ConfirmDone done) {
    const ConfirmId id = next_id_++;
    soon([id, request = std::move(request), done = std::move(done)](SwarmShell& shell) mutable {
        if (shell.closing_) {
            done(caller_error(Code::cancelled, "the swarm is closed"));
            return;
        }
        shell.confirms_.emplace(id, std::move(done));
        shell.quorum_.ask(id, std::move(request), shell.parts_.clock.now());
    });
    return id;
}

void SwarmShell::cancel_confirm(ConfirmId id) {
    soon([id](SwarmShell& shell) { shell.quorum_.cancel(id); });
}

void SwarmShell::decide_quorum(TimePoint now) {
    for (QuorumAction& action : quorum_.decide(now)) {
        if (auto* ask = std::get_if<AskConfirm>(&action)) {
            outbox_[ask->peer].push_back(SendConfirm{std::move(ask->confirm)});
        } else if (std::holds_alternative<MembersWanted>(action)) {
            parts_.listener.on_members_wanted();
        } else if (auto* end = std::get_if<ConfirmEnded>(&action)) {
            const auto found = confirms_.find(end->id);
            const ConfirmDone done = std::move(found->second);
            confirms_.erase(found);
            done(std::move(end->outcome));
        }
    }
}

void SwarmShell::answer_confirm(PeerNumber number, const protocol::Confirm& asked) {
    const auto answer = parts_.catalog.shows(asked.version, asked.path)
                            ? protocol::ConfirmAnswer::yes
                            : protocol::ConfirmAnswer::no;
    outbox_[number].push_back(SendConfirmed{{asked.nonce, answer}});
}

}  // namespace swarmfs::swarm
