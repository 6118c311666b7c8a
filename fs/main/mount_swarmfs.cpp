// mount.swarmfs NAME DIR [-sfnv] [-o OPTIONS]: what mount(8) calls for -t swarmfs and fstab lines.
//
// NAME may be written swarmfs:NAME. The option home=DIR names the node's home; the others go to
// `swarmfs mount`, which starts the node when it is absent and returns once DIR is live.

#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace {

// mount(8), "EXIT STATUS".
constexpr int kUsage = 1;
constexpr int kSystemError = 2;
constexpr int kMountFailed = 32;

std::string swarmfs_program() {
    std::error_code failed;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
    for (const char* place : {"../bin/swarmfs", "../tools/swarmfs"}) {
        const auto candidate = (self.parent_path() / place).lexically_normal();
        if (!failed && ::access(candidate.c_str(), X_OK) == 0) {
            return candidate.string();
        }
    }
    return "swarmfs";
}

struct Wish {
    std::string name;
    std::string directory;
    std::string home;
    std::string options;
    bool pretend = false;
};

void take_options(const std::string& list, Wish& wish) {
    std::istringstream words(list);
    for (std::string word; std::getline(words, word, ',');) {
        if (word.starts_with("home=")) {
            wish.home = word.substr(5);
        } else {
            wish.options += (wish.options.empty() ? "" : ",") + word;
        }
    }
}

bool parse(const std::vector<std::string>& words, Wish& wish) {
    std::vector<std::string> plain;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        const bool takes_value = word == "-o" || word == "-t" || word == "-N";
        if (takes_value && i + 1 == words.size()) {
            return false;
        }
        if (word == "-o") {
            take_options(words[++i], wish);
        } else if (takes_value) {
            ++i;
        } else if (word.size() > 1 && word[0] == '-') {
            wish.pretend |= word.find('f') != std::string::npos;
        } else {
            plain.push_back(word);
        }
    }
    if (plain.size() != 2) {
        return false;
    }
    wish.name = plain[0].starts_with("swarmfs:") ? plain[0].substr(8) : plain[0];
    wish.directory = plain[1];
    return true;
}

int run(const Wish& wish) {
    std::vector<std::string> words = {swarmfs_program()};
    if (!wish.home.empty()) {
        words.insert(words.end(), {"--home", wish.home});
    }
    words.insert(words.end(), {"mount", wish.name, wish.directory});
    if (!wish.options.empty()) {
        words.insert(words.end(), {"-o", wish.options});
    }
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::execvp(arguments[0], arguments.data());
        std::perror("mount.swarmfs: swarmfs cannot be started");
        ::_exit(EX_OSERR);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) {
        return kSystemError;
    }
    switch (WEXITSTATUS(status)) {
        case EX_OK: return 0;
        case EX_USAGE: return kUsage;
        case EX_OSERR: return kSystemError;
        default: return kMountFailed;
    }
}

}  // namespace

int main(int argc, char** argv) {
    Wish wish;
    if (!parse(std::vector<std::string>(argv + 1, argv + argc), wish)) {
        std::fputs("usage: mount.swarmfs NAME DIR [-o OPTIONS]\n", stderr);
        return kUsage;
    }
    return wish.pretend ? 0 : run(wish);
}
