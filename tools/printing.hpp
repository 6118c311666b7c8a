#pragma once
// How numbers, tables and progress look to people. Data goes to standard output; messages and
// progress to standard error, progress only when that is a terminal.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/result.hpp"

namespace swarmfs::tools {

std::string human_bytes(std::uint64_t bytes);                    // "1.4 MiB"
std::string human_rate(std::uint64_t bytes_a_second);            // "1.4 MiB/s"
std::string human_duration(std::uint64_t ms);                    // "3 h 12 min"
std::string human_count(std::uint64_t count, const char* noun);  // "1 file", "2 files"
std::string human_time(std::int64_t ns_since_1970);              // "2026-11-21 07:05", local

// Columns padded to their widest cell; `right` names the columns aligned to the right.
class Table {
public:
    explicit Table(std::vector<std::string> heads, std::vector<std::size_t> right = {})
        : rows_{std::move(heads)}, right_(std::move(right)) {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    void print() const;

private:
    std::vector<std::vector<std::string>> rows_;
    std::vector<std::size_t> right_;
};

// One line that is drawn over and over on a terminal; silent elsewhere.
class ProgressLine {
public:
    ProgressLine();
    ~ProgressLine();
    void bar(std::uint64_t at, std::uint64_t total, const std::string& after);
    void text(const std::string& line);

private:
    void draw(const std::string& line);
    const bool terminal_;
    bool drawn_ = false;
};

void print_json(const nlohmann::json& value);

// For a command line that cannot be meant, found after it was parsed: exit code 64.
Error usage_error(std::string message);

// The table of exit codes in docs/control.md.
int exit_code_of(const Error& error);
// Prints "swarmfs: …" and returns the exit code.
int report(const Error& error);

}  // namespace swarmfs::tools
