#include "engine/node/policy_text.hpp"

#include <algorithm>

#include <toml++/toml.h>

#include "engine/catalog/path_rules.hpp"

namespace swarmfs::node {
namespace {

// The byte at a line and a column of toml++, which counts from 1, and columns in code points.
std::size_t offset_of(std::string_view text, const toml::source_position& at) {
    std::size_t offset = 0;
    for (toml::source_index line = 1; line < at.line && offset < text.size(); ++line) {
        offset = std::min(text.find('\n', offset), text.size() - 1) + 1;
    }
    for (toml::source_index column = 1; column < at.column && offset < text.size(); ++column) {
        ++offset;
        while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) {
            ++offset;
        }
    }
    return offset;
}

std::size_t end_of_line(std::string_view text, std::size_t offset) {
    return std::min(text.find('\n', offset), text.size());
}

std::string quoted_key(std::string_view path) {
    std::string key = "\"";
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            key += '\\';
        }
        if (byte < 0x20 || byte == 0x7F) {
            constexpr const char* kDigits = "0123456789ABCDEF";
            key += "\\u00";
            key += kDigits[byte >> 4];
            key += kDigits[byte & 15];
        } else {
            key += c;
        }
    }
    return key + "\"";
}

// What comes at the end of `text` begins a line.
void end_last_line(std::string& text) {
    if (!text.empty() && text.back() != '\n') {
        text += '\n';
    }
}

void insert_line_after(std::string& text, std::size_t offset, const std::string& line) {
    const std::size_t end = end_of_line(text, offset);
    if (end == text.size()) {
        end_last_line(text);
        text += line + "\n";
    } else {
        text.insert(end + 1, line + "\n");
    }
}

// Before the first table; after the last key of the root, where there is one.
void add_to_root(std::string& text, const toml::table& root, const std::string& line) {
    const toml::node* last = nullptr;
    for (const auto& [key, value] : root) {
        if (!value.is_table() &&
            (last == nullptr || last->source().begin.line < value.source().begin.line)) {
            last = &value;
        }
    }
    if (last != nullptr) {
        insert_line_after(text, offset_of(text, last->source().end), line);
    } else {
        text.insert(0, line + (text.empty() ? "\n" : "\n\n"));
    }
}

void add_to_table(std::string& text, const toml::table& table, std::string_view path,
                  const std::string& line) {
    const std::size_t begin = offset_of(text, table.source().begin);
    if (table.is_inline()) {
        const std::size_t brace = std::min(text.find('{', begin), text.size() - 1);
        text.insert(brace + 1, " " + line + (table.empty() ? "" : ","));
    } else if (text[begin] == '[') {
        insert_line_after(text, begin, line);
    } else {
        text.insert(text.rfind('\n', begin) + 1, quoted_key(path) + "." + line + "\n");
    }
}

// Requires: the text is a policy.
std::string with_number(std::string text, std::string_view path, std::string_view key,
                        std::uint32_t number) {
    const toml::table root = toml::parse(text);
    const toml::node* const at = path.empty() ? nullptr : root.get(path);
    const toml::table* const table = path.empty()    ? &root
                                     : at == nullptr ? nullptr
                                                     : at->as_table();
    const std::string line = std::string(key) + " = " + std::to_string(number);
    if (table == nullptr) {
        end_last_line(text);
        return text + (text.empty() ? "[" : "\n[") + quoted_key(path) + "]\n" + line + "\n";
    }
    if (const toml::node* const value = table->get(key); value != nullptr && !value->is_table()) {
        const std::size_t begin = offset_of(text, value->source().begin);
        const std::size_t end = offset_of(text, value->source().end);
        return text.replace(begin, end - begin, std::to_string(number));
    }
    if (path.empty()) {
        add_to_root(text, root, line);
    } else {
        add_to_table(text, *table, path, line);
    }
    return text;
}

}  // namespace

Result<std::string> policy_text_with(std::string_view text, std::string_view path,
                                     const Policy::Said& said) {
    SWARM_TRY(const Policy before, Policy::parse(text));
    if (!path.empty()) {
        SWARM_CHECK(catalog::check_path(path));
    }
    for (const auto& number : {said.replicas, said.read_quorum}) {
        if (number && (*number < 1 || *number > Policy::kNumberMax)) {
            return caller_error(
                Code::invalid, "a policy's numbers are 1 to " + std::to_string(Policy::kNumberMax));
        }
    }
    auto meant = before.said();
    Policy::Said& here = meant[std::string(path)];
    here.replicas = said.replicas ? said.replicas : here.replicas;
    here.read_quorum = said.read_quorum ? said.read_quorum : here.read_quorum;
    std::string changed(text);
    try {
        if (said.replicas) {
            changed = with_number(std::move(changed), path, "replicas", *said.replicas);
        }
        if (said.read_quorum) {
            changed = with_number(std::move(changed), path, "read_quorum", *said.read_quorum);
        }
        const auto after = Policy::parse(changed);
        if (after.ok() && after->said() == meant) {
            return changed;
        }
        if (!after.ok() &&
            (changed.size() > Policy::kTextMax || meant.size() > Policy::kPathsMax)) {
            return after.error();
        }
    } catch (const toml::parse_error&) {
        // The first change broke it.
    }
    return caller_error(Code::unsupported,
                        std::string(Policy::kFileName) +
                            " is written in a way that cannot be changed here; edit it by hand, "
                            "through a mount");
}

}  // namespace swarmfs::node
