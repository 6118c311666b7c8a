#include <nlohmann/json.hpp>

#include "fs/mount_table.hpp"

namespace swarmfs::fs {
namespace {

using nlohmann::json;

json shown(const MountedSwarm& mounted) {
    return {{"name", mounted.swarm}, {"directory", mounted.directory}};
}

Result<json> mount(MountTable& table, const FindVolume& find, const json& parameters) {
    SWARM_TRY(const MountOptions options,
              parse_mount_options(parameters.value("options", json::object()), table.defaults()));
    SWARM_TRY(std::shared_ptr<node::Volume> volume, find(parameters.value("name", std::string())));
    SWARM_TRY(
        const MountedSwarm mounted,
        table.mount(std::move(volume), parameters.at("directory").get<std::string>(), options));
    return shown(mounted);
}

Result<json> unmount(MountTable& table, const json& parameters) {
    const Detach how = parameters.value("lazy", false) ? Detach::at_once : Detach::when_unused;
    SWARM_TRY(const MountedSwarm was,
              table.unmount(parameters.at("directory").get<std::string>(), how));
    return shown(was);
}

}  // namespace

node::ControlMethods mount_methods(MountTable& table, FindVolume volume) {
    node::ControlMethods methods;
    methods["mount"] = [&table, find = std::move(volume)](const json& parameters,
                                                          node::ControlCall&) {
        return mount(table, find, parameters);
    };
    methods["unmount"] = [&table](const json& parameters, node::ControlCall&) {
        return unmount(table, parameters);
    };
    return methods;
}

}  // namespace swarmfs::fs
