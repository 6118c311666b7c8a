#pragma once
// What a later run of the node needs to go on with a mount, beside the descriptor the service manager
// keeps for it: one file a mount, <home>/mounts/<number in hexadecimal>, mode 0600. They count as
// long as the machine runs, so nothing is synced for their sake but what a secret file always is.
//
// Thread: one at a time.

#include <optional>
#include <string>
#include <vector>

#include "engine/core/result.hpp"
#include "fs/init_exchange.hpp"
#include "fs/mount_options.hpp"

namespace swarmfs::fs {

struct MountRecord {
    std::uint64_t number = 0;  // no two mounts ever have the same
    std::string swarm;
    std::string directory;
    MountOptions options;     // `run` among them: of the run that wrote this
    unsigned connection = 0;  // the kernel's number; 0 is not known
    InitMessages init;
    bool all_answered = false;  // that run ended in order

    // What its descriptor is called where it is kept.
    std::string descriptor_name() const;
};

class MountRecords {
public:
    explicit MountRecords(const std::string& home) : folder_(home + "/mounts") {}

    Result<> save(const MountRecord& record) const;
    void remove(std::uint64_t number) const;
    // Those that can be read; what cannot is removed.
    std::vector<MountRecord> load() const;

private:
    std::string path_of(std::uint64_t number) const;

    const std::string folder_;
};

}  // namespace swarmfs::fs
