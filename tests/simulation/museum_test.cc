// Every bug of the museum must be caught: a simulation that lets one pass proves nothing.
#include "base/museum.h"

#include <cstdio>
#include <string>

#include "base/log.h"
#include "gtest/gtest.h"
#include "tests/simulation/world.h"

namespace orch::simulation {
namespace {

constexpr uint64_t kSeedCountMax = 300;

// The first seed at which a bug is seen, 0 if none.
uint64_t FirstSeedThatCatches(const std::string& bug) {
  ShowExhibit(bug);
  for (uint64_t seed = 1; seed <= kSeedCountMax; ++seed) {
    Sometimes sometimes;
    World world(seed, sometimes);
    const std::string violation = world.Run();
    if (violation.empty()) continue;
    std::printf("%-32s seed %3llu: %.120s\n", bug.c_str(), static_cast<unsigned long long>(seed),
                violation.c_str());
    ShowExhibit("");
    return seed;
  }
  ShowExhibit("");
  return 0;
}

class Museum : public testing::TestWithParam<const char*> {};

TEST_P(Museum, TheSimulationCatchesIt) {
  SetLogLevel(LogLevel::kOff);
  EXPECT_GT(FirstSeedThatCatches(GetParam()), 0u) << "not caught by " << kSeedCountMax << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Bugs, Museum,
                         testing::Values("no epoch check", "no sequence check",
                                         "the fence is a bare UPDATE", "the look-up does not wait",
                                         "dispatch before the commit",
                                         "results without a token check"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           std::string name(info.param);
                           for (char& c : name) {
                             if (!isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace orch::simulation
