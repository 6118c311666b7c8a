#include "engine/core/file_time.hpp"

#include <doctest/doctest.h>

namespace swarmfs {

TEST_CASE("a time beyond what 64 bits of nanoseconds hold is the last or the first they do") {
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
    CHECK(file_time_ns(1, 5) == 1'000'000'005);
    CHECK(file_time_ns(-1, 5) == -999'999'995);
    CHECK(file_time_ns(9'223'372'035, 999'999'999) == 9'223'372'035'999'999'999);
    CHECK(file_time_ns(-9'223'372'036, 0) == -9'223'372'036'000'000'000);
    CHECK(file_time_ns(10'413'792'000, 0) == kLast);  // the year 2300
    CHECK(file_time_ns(-10'000'000'000, 0) == kFirst);
    CHECK(file_time_ns(kLast, 999'999'999) == kLast);
    CHECK(file_time_ns(kFirst, 0) == kFirst);
}

}  // namespace swarmfs
