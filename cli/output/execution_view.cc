#include "cli/output/execution_view.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "expression/text.h"

namespace orch::cli {
namespace {

using expression::Value;

std::string TextAt(const Value& map, std::string_view key) {
  const Value* value = map.Find(key);
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? value->AsString() : expression::PrintText(*value);
}

int64_t IntAt(const Value& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value != nullptr && value->is_integer() ? value->AsInt() : 0;
}

std::optional<absl::Time> TimeAt(const Value& map, std::string_view key) {
  absl::Time time;
  std::string error;
  const std::string text = TextAt(map, key);
  if (text.empty() || !absl::ParseTime(absl::RFC3339_full, text, &time, &error))
    return std::nullopt;
  return time;
}

std::string WaitingAt(const Value& map) {
  const Value* waiting = map.Find("waiting");
  if (waiting == nullptr || waiting->is_null()) return "";
  if (waiting->is_string()) return waiting->AsString();
  const std::string detail = TextAt(*waiting, "detail");
  return detail.empty() ? TextAt(*waiting, "reason") : detail;
}

struct StateView {
  std::string current;
  std::optional<absl::Time> start, end;
};

StateView StateAt(const Value& map) {
  const Value* state = map.Find("state");
  if (state == nullptr) return {};
  if (state->is_string()) return {state->AsString(), {}, {}};
  return {TextAt(*state, "current"), TimeAt(*state, "startDate"), TimeAt(*state, "endDate")};
}

}  // namespace

absl::StatusOr<ExecutionView> ExecutionView::Of(const Value& json) {
  ExecutionView view;
  view.id = TextAt(json, "id");
  StateView state = StateAt(json);
  if (view.id.empty() || state.current.empty()) {
    return absl::InvalidArgumentError("this is no execution: it has no id or no state");
  }
  view.namespace_ = TextAt(json, "namespace");
  view.flow = TextAt(json, "flowId");
  view.state = std::move(state.current);
  view.start = state.start;
  view.end = state.end;
  view.waiting = WaitingAt(json);
  const Value* runs = json.Find("taskRunList");
  if (runs != nullptr && runs->is_sequence()) {
    for (const Value& item : runs->items()) {
      RunView run;
      run.id = TextAt(item, "id");
      run.task = TextAt(item, "taskId");
      run.parent = TextAt(item, "parentTaskRunId");
      run.value = TextAt(item, "value");
      StateView run_state = StateAt(item);
      run.state = std::move(run_state.current);
      run.start = run_state.start;
      run.end = run_state.end;
      run.waiting = WaitingAt(item);
      if (const Value* attempts = item.Find("attempts"); attempts && attempts->is_sequence()) {
        run.attempt_count = static_cast<int>(attempts->size());
      }
      if (const Value* counts = item.Find("counts"); counts && counts->is_map()) {
        run.created = IntAt(*counts, "created");
        run.live = IntAt(*counts, "live");
        run.failed = IntAt(*counts, "failed");
        run.done = IntAt(*counts, "done");
      }
      view.runs.push_back(std::move(run));
    }
  }
  view.run_count = std::max<int64_t>(IntAt(json, "taskRunCount"), view.runs.size());
  return view;
}

bool IsEnd(std::string_view state) {
  return state == "SUCCESS" || state == "WARNING" || state == "FAILED" || state == "KILLED" ||
         state == "CANCELLED" || state == "SKIPPED" || state == "RETRIED";
}

std::string ShortDuration(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) duration = absl::ZeroDuration();
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 59.95) return absl::StrFormat("%.1f s", seconds);
  const int64_t whole = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (whole < 3600) return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  return absl::StrFormat("%d h %02d min", whole / 3600, whole / 60 % 60);
}

}  // namespace orch::cli
