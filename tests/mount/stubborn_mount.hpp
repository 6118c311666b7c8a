#pragma once
// A FUSE mount that looks like a swarm's, with nobody behind it but this: it lets itself be mounted
// and does with statfs(2) what the test says. For what a real swarmfsd does only in trouble.

#include <string>
#include <thread>

namespace swarmfs::test {

class StubbornMount {
public:
    // What becomes of a statfs: its errno, or one of these.
    static constexpr int kNoAnswer = -1;  // taken from the kernel, so who asked cannot be killed
    static constexpr int kDies = -2;      // the connection ends with it unanswered

    // Needs root.
    StubbornMount(const std::string& directory, int statfs_answer);
    ~StubbornMount();
    StubbornMount(const StubbornMount&) = delete;
    StubbornMount& operator=(const StubbornMount&) = delete;

    bool alive() const;  // nobody has ended its connection
    void end();          // its connection; the mount stays behind, stale

private:
    void serve();
    bool answer_one();

    const std::string directory_;
    const int statfs_answer_;
    int device_ = -1;
    int stop_[2] = {-1, -1};  // a pipe
    std::thread thread_;
};

}  // namespace swarmfs::test
