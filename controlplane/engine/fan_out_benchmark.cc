// What one child of a large loop costs, through Decide and Apply alone. The cost must not grow with the
// number of children: the ratio at the end is to stay near 1.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/engine/world.h"

namespace orch::engine {
namespace {

double MicrosPerChild(int count, std::string_view task, bool by_workers) {
  std::string values = "[";
  for (int i = 0; i < count; ++i) absl::StrAppend(&values, i == 0 ? "" : ",", i);
  World::Options options;
  options.check_every_step = false;
  options.keep_steps = false;
  World world(
      absl::StrCat("id: f\nnamespace: n\ninputs: [{id: v, type: STRING}]\ntasks: [{id: L, type: "
                   "flow.ForEach, concurrencyLimit: 0, values: '{{ inputs.v }}', tasks: [",
                   std::string(task), "]}]\n"),
      options);
  const auto begin = std::chrono::steady_clock::now();
  world.Create(absl::StrCat(R"({"v":")", values, "]\"}"));
  if (by_workers) world.WorkAll();
  const auto end = std::chrono::steady_clock::now();
  if (world.state() != v1::SUCCESS || world.run_count() != count + 1) {
    std::printf("it ended %s with %ld runs\n", v1::State_Name(world.state()).c_str(),
                world.run_count());
  }
  return std::chrono::duration<double, std::micro>(end - begin).count() / count;
}

void Measure(const char* name, std::string_view task, bool by_workers) {
  MicrosPerChild(1'000, task, by_workers);  // Warm.
  double small = 1e9;
  for (int i = 0; i < 5; ++i) small = std::min(small, MicrosPerChild(1'000, task, by_workers));
  const double large = MicrosPerChild(100'000, task, by_workers);
  std::printf("%s: %.1f us a child of 1,000, %.1f us of 100,000, ratio %.2f\n", name, small, large,
              large / small);
}

}  // namespace
}  // namespace orch::engine

int main() {
  orch::engine::Measure("debug.Return",
                        "{id: r, type: debug.Return, format: '{{ taskrun.value }}'}", false);
  orch::engine::Measure("worker runs ", "{id: w, type: acme.Work}", true);
  return 0;
}
