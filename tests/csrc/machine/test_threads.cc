#include <doctest/doctest.h>

#include "eeinfer/error.h"
#include "eeinfer/machine/cores.h"
#include "eeinfer/machine/threads.h"

using namespace eeinfer;

namespace {

const std::vector<std::int64_t> kFlops{1'000, 60'000'000, 1'000};

std::string read(const std::optional<std::string>& setting) { return as_threads(setting, kFlops).text(); }

}  // namespace

TEST_CASE("threads are a count, a mode, or a mode with counts") {
  const std::string cores = std::to_string(physical_cores());
  CHECK(read("3") == "parked:3");
  CHECK(read("stopping:2") == "stopping:2");
  CHECK(read("spinning:1,2,3") == "spinning:1,2,3");
  CHECK(read("shared:2,2,2") == "shared:2");
  CHECK(read("shared") == "shared:" + cores);
  CHECK(read(std::nullopt) == (cores == "1" ? "parked:1" : "parked:1," + cores + ",1"));
  CHECK(read("parked") == read(std::nullopt));
}

TEST_CASE("other settings are refused with what is allowed") {
  for (const char* setting : {"", "0", "-1", "1.5", "parked:", "parked:0", "parked:1,2", "parked:1,,2", "shared:1,2,3", "fast", "fast:2",
                              "1,2,3", "parked:99999999999", " 2", "parked:2 "}) {
    INFO(setting);
    CHECK_THROWS_WITH_AS(read(setting), doctest::Contains("give 1 or more, a mode (parked, stopping, spinning, shared)"), ConfigError);
  }
}
