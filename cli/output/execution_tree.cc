#include "cli/output/execution_tree.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/output/style.h"

namespace orch::cli {
namespace {

constexpr size_t kShownWhenFolded = 3;  // Runs of one kind that stay visible beside the counts.

std::string Name(const RunView& run) {
  std::string name = Visible(run.task);
  if (run.value.empty()) return name;
  std::string value = Visible(run.value);
  std::replace(value.begin(), value.end(), '\n', ' ');
  return absl::StrCat(name, "[", Fit(value, 40), "]");
}

std::string Took(const std::optional<absl::Time>& start, const std::optional<absl::Time>& end,
                 std::string_view state, absl::Time now) {
  if (!start || state == "CREATED" || state == "QUEUED" || state == "SKIPPED") return "";
  return ShortDuration((end ? *end : now) - *start);
}

class Drawer {
 public:
  Drawer(const ExecutionView& execution, absl::Time now, const TreeOptions& options)
      : execution_(execution), now_(now), options_(options) {
    std::set<std::string> ids;
    for (const RunView& run : execution.runs) ids.insert(run.id);
    for (const RunView& run : execution.runs) {
      children_[ids.contains(run.parent) ? run.parent : ""].push_back(&run);
    }
  }

  std::vector<std::string> Draw() {
    const std::string name =
        absl::StrCat(Visible(execution_.namespace_), ".", Visible(execution_.flow));
    std::string line = absl::StrCat(
        Paint(SignOfState(execution_.state), InkOfState(execution_.state), options_.colors), " ",
        Paint(name, Ink::kBold, options_.colors), "  ",
        Paint(execution_.state, InkOfState(execution_.state), options_.colors));
    const std::string took = Took(execution_.start, execution_.end, execution_.state, now_);
    if (!took.empty()) absl::StrAppend(&line, "  ", took);
    absl::StrAppend(&line, "  ", Paint(execution_.id, Ink::kDim, options_.colors));
    Add(line);
    if (!execution_.waiting.empty()) {
      Add(Paint(absl::StrCat("  waits: ", Visible(execution_.waiting)), Ink::kDim,
                options_.colors));
    }
    Children("", "");
    const int64_t hidden = execution_.run_count - static_cast<int64_t>(execution_.runs.size());
    if (hidden > 0) Add(absl::StrCat("  … and ", hidden, " more runs"));
    return Cut();
  }

 private:
  void Add(std::string line) { lines_.push_back(Fit(line, options_.width)); }

  void Children(const std::string& parent, const std::string& indent) {
    const auto found = children_.find(parent);
    if (found == children_.end()) return;
    if (found->second.size() <= options_.child_count_max) {
      for (size_t i = 0; i < found->second.size(); ++i) {
        Run(*found->second[i], indent, i + 1 == found->second.size());
      }
      return;
    }
    Folded(found->second, indent);
  }

  void Run(const RunView& run, const std::string& indent, bool last) {
    std::string line =
        absl::StrCat(indent, last ? "└ " : "├ ",
                     Paint(SignOfState(run.state), InkOfState(run.state), options_.colors), " ",
                     Name(run), "  ", Paint(run.state, InkOfState(run.state), options_.colors));
    const std::string took = Took(run.start, run.end, run.state, now_);
    if (!took.empty()) absl::StrAppend(&line, "  ", took);
    if (run.attempt_count > 1) absl::StrAppend(&line, "  attempt ", run.attempt_count);
    const int64_t told = static_cast<int64_t>(children_[run.id].size());
    if (run.created > told) {
      absl::StrAppend(&line, "  ", run.done, " of ", run.created, " done");
      if (run.failed > 0) absl::StrAppend(&line, ", ", run.failed, " failed");
    }
    if (!run.waiting.empty() && !IsEnd(run.state)) {
      absl::StrAppend(&line, "  ",
                      Paint("waits: " + Visible(run.waiting), Ink::kDim, options_.colors));
    }
    Add(line);
    Children(run.id, indent + (last ? "  " : "│ "));
  }

  // A line per task with its counts, then those that matter.
  void Folded(const std::vector<const RunView*>& runs, const std::string& indent) {
    std::vector<std::pair<std::string, std::vector<const RunView*>>> by_task;
    for (const RunView* run : runs) {
      auto at = std::find_if(by_task.begin(), by_task.end(),
                             [&](const auto& entry) { return entry.first == run->task; });
      if (at == by_task.end()) at = by_task.insert(by_task.end(), {run->task, {}});
      at->second.push_back(run);
    }
    for (size_t i = 0; i < by_task.size(); ++i) {
      const bool last = i + 1 == by_task.size();
      const auto& [task, members] = by_task[i];
      if (members.size() <= kShownWhenFolded) {
        for (size_t k = 0; k < members.size(); ++k) {
          Run(*members[k], indent, last && k + 1 == members.size());
        }
        continue;
      }
      Add(absl::StrCat(indent, last ? "└ " : "├ ", Visible(task), " × ", members.size(), "  ",
                       Counts(members)));
      std::vector<const RunView*> shown;
      for (const char* state : {"FAILED", "RUNNING"}) {
        size_t count = 0;
        for (const RunView* run : members) {
          if (run->state == state && count++ < kShownWhenFolded) shown.push_back(run);
        }
      }
      const std::string below = indent + (last ? "  " : "│ ");
      for (size_t k = 0; k < shown.size(); ++k) Run(*shown[k], below, k + 1 == shown.size());
    }
  }

  std::string Counts(const std::vector<const RunView*>& runs) const {
    std::map<std::string, int64_t> counts;
    for (const RunView* run : runs) ++counts[run->state];
    std::vector<std::string> parts;
    for (const auto& [state, count] : counts) {
      parts.push_back(absl::StrCat(count, " ", Paint(state, InkOfState(state), options_.colors)));
    }
    return absl::StrJoin(parts, ", ");
  }

  std::vector<std::string> Cut() {
    const size_t max = std::max<size_t>(options_.line_count_max, 2);
    if (lines_.size() <= max) return std::move(lines_);
    // The head line stays, and of the rest the end: that is where the work is.
    const size_t kept = max - 2;
    const size_t cut = lines_.size() - 1 - kept;
    std::vector<std::string> out = {lines_.front(), absl::StrCat("  … ", cut, " lines above")};
    out.insert(out.end(), lines_.end() - static_cast<std::ptrdiff_t>(kept), lines_.end());
    return out;
  }

  const ExecutionView& execution_;
  const absl::Time now_;
  const TreeOptions& options_;
  std::map<std::string, std::vector<const RunView*>> children_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> TreeLines(const ExecutionView& execution, absl::Time now,
                                   const TreeOptions& options) {
  return Drawer(execution, now, options).Draw();
}

std::vector<std::string> ChangeTeller::Tell(const ExecutionView& execution, bool colors) {
  std::vector<std::string> lines;
  const auto tell = [&](std::string_view indent, const std::string& name, const std::string& state,
                        const std::optional<absl::Time>& start,
                        const std::optional<absl::Time>& end) {
    std::string line =
        absl::StrCat(std::string(indent), Paint(SignOfState(state), InkOfState(state), colors), " ",
                     name, "  ", Paint(state, InkOfState(state), colors));
    if (end && start) absl::StrAppend(&line, "  ", ShortDuration(*end - *start));
    lines.push_back(std::move(line));
  };
  const std::string flow =
      absl::StrCat(Visible(execution.namespace_), ".", Visible(execution.flow));
  const bool changed = std::exchange(state_, execution.state) != execution.state;
  if (changed && !IsEnd(execution.state)) tell("", flow, execution.state, execution.start, {});
  for (const RunView& run : execution.runs) {
    std::string& before = run_states_[run.id];
    if (before != run.state) {
      before = run.state;
      tell("  ", Name(run), run.state, run.start, run.end);
    }
    std::string& wait = run_waits_[run.id];
    if (wait != run.waiting) {
      wait = run.waiting;
      if (!wait.empty() && !IsEnd(run.state)) {
        lines.push_back(absl::StrCat("    ", Name(run), " waits: ", Visible(wait)));
      }
    }
  }
  if (changed && IsEnd(execution.state)) {
    tell("", flow, execution.state, execution.start, execution.end);
  }
  return lines;
}

}  // namespace orch::cli
