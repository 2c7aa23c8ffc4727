// The main proof: the real conductor, dispatch and worker session over simulated clock, network, store
// and processes. `--seed=N` replays one world, `--seeds=N` runs more of them.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/log.h"
#include "gtest/gtest.h"
#include "tests/simulation/world.h"

namespace orch::simulation {
namespace {

uint64_t seed_count = 300;
uint64_t only_seed = 0;

void ExpectSituations(Sometimes& sometimes) {
  for (const char* name : {
           "a stream was cut",
           "a message was lost on a live stream",
           "a message arrived twice",
           "a message was overtaken",
           "a commit was refused",
           "a commit was lost and had happened",
           "a commit was lost and had not happened",
           "a commit was lost while still under way",
           "a commit was never answered",
           "a commit was told twice",
           "a paused control plane woke up",
           "the control plane died",
           "a worker died and its scripts went on",
           "a machine died with work on it",
           "a worker was cut off",
           "a restarted worker found an attempt",
           "a result was a duplicate",
           "a result was fenced",
           "an execution was killed",
           "a worker was lost and its attempt repeated",
           "a run lost its third worker",
           "a fact was fetched",
           "a task outlasted its lease's first term",
           "a create was refused for a while",
       }) {
    sometimes.Expect(name);
  }
}

TEST(Simulation, EveryExecutionSettlesAsTheOracleSays) {
  Sometimes sometimes;
  ExpectSituations(sometimes);
  const uint64_t first = only_seed > 0 ? only_seed : 1;
  const uint64_t last = only_seed > 0 ? only_seed : seed_count;
  int64_t steps = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    World world(seed, sometimes);
    const std::string violation = world.Run();
    steps += world.steps();
    ASSERT_EQ(violation, "") << "replay with --seed=" << seed << "\n" << world.options().Describe();
  }
  std::printf("%llu seeds, %lld steps\n", static_cast<unsigned long long>(last - first + 1),
              static_cast<long long>(steps));
  for (const auto& [name, count] : sometimes.counts()) {
    std::printf("  %8lld %s\n", static_cast<long long>(count), name.c_str());
  }
  if (only_seed == 0 && seed_count >= 300) {
    for (const std::string& missed : sometimes.Missed()) ADD_FAILURE() << "never: " << missed;
  }
}

TEST(Simulation, ASeedReplaysExactly) {
  for (uint64_t seed : {3, 17, 42, 99}) {
    Sometimes sometimes;
    World first(seed, sometimes);
    World second(seed, sometimes);
    EXPECT_EQ(first.Run(), second.Run());
    EXPECT_EQ(first.hash(), second.hash()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace orch::simulation

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  orch::SetLogLevel(std::getenv("ORCH_SIM_LOG") != nullptr ? orch::LogLevel::kDebug
                                                           : orch::LogLevel::kOff);
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--seed=", 7) == 0) {
      orch::simulation::only_seed = std::strtoull(argv[i] + 7, nullptr, 10);
    }
    if (std::strncmp(argv[i], "--seeds=", 8) == 0) {
      orch::simulation::seed_count = std::strtoull(argv[i] + 8, nullptr, 10);
    }
  }
  return RUN_ALL_TESTS();
}
