// fuzz: uses lmdb
//
// A tables file of arbitrary bytes, as a damaged disk gives it: checking never reads outside it,
// and what passes LMDB opens, walks and writes to without dying.

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "engine/lmdb/environment.hpp"
#include "engine/lmdb/page_check.hpp"

namespace {

// Removed when the program ends.
class Folder {
public:
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "swarmfs-fuzz-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            std::abort();
        }
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::filesystem::path file() const { return path_ / "tables.mdb"; }

private:
    std::filesystem::path path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    using namespace swarmfs;
    static const Folder folder;
    const std::filesystem::path file = folder.file();
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(length));
    if (const auto checked = lmdb::check_pages(file); !checked.ok()) {
        if (checked.error().code != Code::corrupt) {
            std::abort();
        }
        return 0;
    }
    lmdb::Options options;
    options.sync = lmdb::Sync::on_request;
    const auto environment = lmdb::Environment::open(file, options);
    if (!environment.ok()) {
        return 0;
    }
    {
        const auto reading = (*environment)->begin_read();
        if (reading.ok()) {
            reading->scan({}, {}, [](ByteSpan, ByteSpan) { return true; });
        }
    }
    auto writing = (*environment)->begin_write();
    if (writing.ok()) {
        writing->put(as_bytes("key"), as_bytes("value"));
        (void)writing->commit().ok();
    }
    return 0;
}
