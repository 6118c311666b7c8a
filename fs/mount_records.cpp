#include "fs/mount_records.hpp"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/node/home.hpp"

namespace swarmfs::fs {
namespace {

using nlohmann::json;

// Another one is not gone on with: what stands here decides what the kernel may rely on.
constexpr int kVersion = 1;

constexpr std::size_t kNameDigits = 16;

std::string hex_of(std::uint64_t number) {
    Bytes bytes;
    WireWriter(bytes).u64(number);
    return to_hex(bytes);
}

std::int64_t ms_of(Duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

json json_of(const MountRecord& record) {
    const FileSystemOptions& files = record.options.files;
    return {{"version", kVersion},
            {"number", record.number},
            {"swarm", record.swarm},
            {"directory", record.directory},
            {"connection", record.connection},
            {"run", files.run},
            {"ro", record.options.read_only},
            {"allow_other", record.options.allow_other},
            {"uid", files.uid},
            {"gid", files.gid},
            {"umask", files.umask},
            {"read_timeout_ms", ms_of(files.read_timeout)},
            {"cache_time_ms", ms_of(files.cache_time)},
            {"position_salt", files.position_salt},
            {"init_request", to_hex(record.init.request)},
            {"init_answer", to_hex(record.init.answer)},
            {"all_answered", record.all_answered}};
}

std::optional<MountRecord> record_of(const std::string& text) {
    try {
        const json from = json::parse(text);
        MountRecord record;
        if (from.at("version") != kVersion) {
            return std::nullopt;
        }
        record.number = from.at("number");
        record.swarm = from.at("swarm");
        record.directory = from.at("directory");
        record.connection = from.at("connection");
        record.options.read_only = from.at("ro");
        record.options.allow_other = from.at("allow_other");
        FileSystemOptions& files = record.options.files;
        files.run = from.at("run");
        files.uid = from.at("uid");
        files.gid = from.at("gid");
        files.umask = from.at("umask");
        files.read_timeout = std::chrono::milliseconds(from.at("read_timeout_ms").get<long>());
        files.cache_time = std::chrono::milliseconds(from.at("cache_time_ms").get<long>());
        files.position_salt = from.at("position_salt");
        const auto request = from_hex(from.at("init_request").get<std::string>());
        const auto answer = from_hex(from.at("init_answer").get<std::string>());
        if (!request || !answer) {
            return std::nullopt;
        }
        record.init = {*request, *answer};
        record.all_answered = from.at("all_answered");
        return record;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

}  // namespace

std::string MountRecord::descriptor_name() const {
    return "mount-" + hex_of(number);
}

std::string MountRecords::path_of(std::uint64_t number) const {
    return folder_ + "/" + hex_of(number);
}

Result<> MountRecords::save(const MountRecord& record) const {
    std::error_code failed;
    std::filesystem::create_directories(folder_, failed);
    return node::write_secret_file(path_of(record.number), json_of(record).dump());
}

void MountRecords::remove(std::uint64_t number) const {
    std::error_code failed;
    std::filesystem::remove(path_of(number), failed);
}

std::vector<MountRecord> MountRecords::load() const {
    std::vector<MountRecord> all;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, failed)) {
        if (entry.path().filename().string().size() !=
            kNameDigits) {  // a kill came while it was written
            std::filesystem::remove(entry.path(), failed);
            continue;
        }
        const auto text = node::read_secret_file(entry.path().string());
        auto record = text.ok() ? record_of(*text) : std::nullopt;
        if (record) {
            all.push_back(*std::move(record));
        } else {
            log_warning("fs", "the note of a mount cannot be used: " + entry.path().string());
            std::filesystem::remove(entry.path(), failed);
        }
    }
    return all;
}

}  // namespace swarmfs::fs
