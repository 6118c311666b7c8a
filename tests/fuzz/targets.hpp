#pragma once
// The fuzz targets linked into the driver, by name. targets.cpp is written by CMakeLists.txt.

#include <cstddef>
#include <cstdint>
#include <span>

namespace swarmfs::fuzz {

struct Target {
    const char* name;
    int (*one_input)(const std::uint8_t* bytes, std::size_t size);
};

std::span<const Target> targets();

}  // namespace swarmfs::fuzz
