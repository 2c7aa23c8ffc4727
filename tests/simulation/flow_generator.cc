#include "tests/simulation/flow_generator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/flow/reader.h"

namespace orch::simulation {

namespace {

using orch::v1::State;

// What a list of tasks comes to.
struct Ends {
  State state = orch::v1::SUCCESS;
  int64_t runs = 0;
  bool exact = true;  // `runs` is certain.
};

class Drawer {
 public:
  explicit Drawer(Random& random) : random_(random) {}

  // Writes a list of tasks at `indent` and says how it ends when run one after another.
  Ends Sequence(int indent, int depth, int count_max, std::string* yaml) {
    Ends ends;
    const int count = 1 + static_cast<int>(random_.Below(count_max));
    bool stopped = false;
    for (int i = 0; i < count; ++i) {
      const Ends task = Task(indent, depth, yaml);
      if (stopped) continue;
      Join(&ends, task);
      stopped = ends.state == orch::v1::FAILED;
    }
    return ends;
  }

 private:
  static void Join(Ends* all, const Ends& one) {
    all->runs += one.runs;
    all->exact = all->exact && one.exact;
    const auto rank = [](State state) {
      return state == orch::v1::FAILED ? 2 : state == orch::v1::WARNING ? 1 : 0;
    };
    if (rank(one.state) > rank(all->state)) all->state = one.state;
  }

  bool Chance(double rate) { return random_.Unit() < rate; }

  void Line(int indent, const std::string& text, std::string* yaml) {
    absl::StrAppend(yaml, std::string(indent, ' '), text, "\n");
  }

  Ends Task(int indent, int depth, std::string* yaml) {
    const std::string id = absl::StrCat("t", ++last_id_);
    Line(indent, absl::StrCat("- id: ", id), yaml);
    const int inner = indent + 2;
    const bool disabled = Chance(0.05);
    const bool skipped = !disabled && Chance(0.07);
    const bool forgiving = Chance(0.1);
    if (disabled) Line(inner, "disabled: true", yaml);
    if (skipped) Line(inner, "runIf: \"{{ 1 == 2 }}\"", yaml);
    if (forgiving) Line(inner, "allowFailure: true", yaml);
    Ends ends = Body(id, inner, depth, yaml);
    if (disabled) return {};
    if (skipped) return {orch::v1::SUCCESS, 1, true};
    if (forgiving && ends.state == orch::v1::FAILED) ends.state = orch::v1::WARNING;
    return ends;
  }

  Ends Body(const std::string& id, int inner, int depth, std::string* yaml) {
    const uint64_t kind = random_.Below(depth > 0 ? 10 : 6);
    switch (kind) {
      case 0:
        Line(inner, "type: io.kestra.plugin.core.log.Log", yaml);
        Line(inner, "message: \"{{ flow.id }} {{ taskrun.id }}\"", yaml);
        return {orch::v1::SUCCESS, 1, true};
      case 1:
        Line(inner, "type: io.kestra.plugin.core.debug.Return", yaml);
        Line(inner, Chance(0.4) ? "format: \"{{ kv('colour') }}\"" : "format: \"{{ 6 * 7 }}\"",
             yaml);
        return {orch::v1::SUCCESS, 1, true};
      case 2:
      case 3:
      case 4:
      case 5: return Work(inner, yaml);
      case 6:
        Line(inner, "type: io.kestra.plugin.core.flow.Sequential", yaml);
        return Container(inner, depth, "tasks", 3, yaml);
      case 7: {
        Line(inner, "type: io.kestra.plugin.core.flow.Parallel", yaml);
        if (Chance(0.5)) Line(inner, absl::StrCat("concurrent: ", 1 + random_.Below(3)), yaml);
        Ends ends{orch::v1::SUCCESS, 1, true};
        Line(inner, "tasks:", yaml);
        const int count = 1 + static_cast<int>(random_.Below(4));
        for (int i = 0; i < count; ++i) Join(&ends, Task(inner + 2, depth - 1, yaml));
        // Which siblings were created before a failure was seen is a matter of time.
        if (ends.state == orch::v1::FAILED) ends.exact = false;
        return ends;
      }
      case 8: {
        Line(inner, "type: io.kestra.plugin.core.flow.If", yaml);
        const bool chosen = Chance(0.5);
        Line(inner, absl::StrCat("condition: \"{{ 1 == ", chosen ? 1 : 2, " }}\""), yaml);
        Line(inner, "then:", yaml);
        const Ends then = Sequence(inner + 2, depth - 1, 2, yaml);
        Ends otherwise;
        if (Chance(0.5)) {
          Line(inner, "else:", yaml);
          otherwise = Sequence(inner + 2, depth - 1, 2, yaml);
        }
        Ends ends{orch::v1::SUCCESS, 1, true};
        Join(&ends, chosen ? then : otherwise);
        return ends;
      }
      default: {
        Line(inner, "type: io.kestra.plugin.core.flow.ForEach", yaml);
        const int count = static_cast<int>(random_.Below(6));
        std::string values = "values: [";
        for (int i = 0; i < count; ++i) absl::StrAppend(&values, i > 0 ? ", " : "", "v", i);
        Line(inner, values + "]", yaml);
        const int limit = static_cast<int>(random_.Below(4));
        Line(inner, absl::StrCat("concurrencyLimit: ", limit), yaml);
        Line(inner, "tasks:", yaml);
        const Ends each = Sequence(inner + 2, depth - 1, 2, yaml);
        Ends ends{orch::v1::SUCCESS, 1, true};
        for (int i = 0; i < count; ++i) {
          Join(&ends, each);
          if (each.state == orch::v1::FAILED) break;
        }
        if (each.state == orch::v1::FAILED && limit != 1) ends.exact = false;
        return ends;
      }
    }
  }

  Ends Work(int inner, std::string* yaml) {
    Line(inner, "type: sim.Work", yaml);
    const double chance = random_.Unit();
    const State state = chance < 0.08   ? orch::v1::FAILED
                        : chance < 0.13 ? orch::v1::WARNING
                                        : orch::v1::SUCCESS;
    Line(inner, absl::StrCat("state: ", State_Name(state)), yaml);
    Line(inner, "result: \"{{ taskrun.id }}\"", yaml);
    if (Chance(0.1)) Line(inner, "note: \"{{ kv('colour') }}\"", yaml);
    return {state, 1, true};
  }

  Ends Container(int inner, int depth, const std::string& list, int count_max, std::string* yaml) {
    Line(inner, list + ":", yaml);
    const Ends children = Sequence(inner + 2, depth - 1, count_max, yaml);
    Ends ends{orch::v1::SUCCESS, 1, true};
    Join(&ends, children);
    return ends;
  }

  Random& random_;
  int last_id_ = 0;
};

}  // namespace

GeneratedFlow DrawFlow(Random& random, const flow::TaskTypes& types, const std::string& id) {
  GeneratedFlow generated;
  generated.yaml = absl::StrCat("id: ", id, "\nnamespace: sim\ntasks:\n");
  Drawer drawer(random);
  const Ends ends = drawer.Sequence(2, 3, 4, &generated.yaml);
  generated.state = ends.state;
  generated.run_count = ends.exact ? ends.runs : -1;
  flow::ReadResult read = flow::ReadFlow(generated.yaml, types, {});
  if (read.flow == nullptr) {
    std::fprintf(stderr, "a drawn flow was refused:\n%s\n", generated.yaml.c_str());
    for (const flow::Complaint& complaint : read.complaints) {
      std::fprintf(stderr, "%d:%d %s\n", complaint.mark.line, complaint.mark.column,
                   complaint.message.c_str());
    }
    std::abort();
  }
  generated.flow = read.flow;
  return generated;
}

}  // namespace orch::simulation
