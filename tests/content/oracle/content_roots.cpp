// Prints "ROOT SIZE NAME" for each file named on the command line, for libtorrent_roots.py. Files
// are fed in pieces of a prime length, so that leaves straddle them.

#include <cstdio>
#include <fstream>

#include "engine/content/tree_builder.hpp"

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i], std::ios::binary);
        if (!file) {
            std::fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
        swarmfs::content::TreeBuilder builder;
        swarmfs::Bytes piece(1'000'003);
        while (file.read(reinterpret_cast<char*>(piece.data()),
                         static_cast<std::streamsize>(piece.size())) ||
               file.gcount() > 0) {
            builder.append(swarmfs::ByteSpan(piece).first(static_cast<std::size_t>(file.gcount())));
        }
        const swarmfs::ContentId id = builder.finish().id();
        std::printf("%s %llu %s\n", id.root.hex().c_str(), static_cast<unsigned long long>(id.size),
                    argv[i]);
    }
    return 0;
}
