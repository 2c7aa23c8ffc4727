// Functions over the variables of an execution.
#include <string>
#include <utility>

#include "expression/evaluator.h"
#include "expression/registry.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;

// A member by the text of a key, null if absent.
Result<Value> MemberOrNull(Evaluator& evaluator, const Value& object, std::string_view key) {
  ASSIGN_OR_FAIL(std::optional<Value> member, evaluator.Member(object, key));
  return member ? *std::move(member) : Value::Null();
}

// The loop values of the ancestors, outermost first.
Result<std::vector<Value>> AncestorValues(Evaluator& evaluator) {
  std::vector<Value> values;
  ASSIGN_OR_FAIL(const Value parents, evaluator.Path({"parents"}));
  for (auto parent = parents.items().rbegin(); parent != parents.items().rend(); ++parent) {
    ASSIGN_OR_FAIL(const Value taskrun, MemberOrNull(evaluator, *parent, "taskrun"));
    ASSIGN_OR_FAIL(Value value, MemberOrNull(evaluator, taskrun, "value"));
    if (!value.is_null()) values.push_back(std::move(value));
  }
  return values;
}

Result<Value> CurrentEachOutput(Args arguments, Evaluator& evaluator) {
  const Value* outputs = arguments.Get(0);
  if (outputs == nullptr || !outputs->is_map()) {
    return EvalFailure(
        "The 'currentEachOutput' function expects an argument 'outputs' with type map");
  }
  ASSIGN_OR_FAIL(std::vector<Value> path, AncestorValues(evaluator));
  ASSIGN_OR_FAIL(const Value own, evaluator.Path({"taskrun", "value"}));
  if (!own.is_null()) path.push_back(own);
  Value current = *outputs;
  for (size_t i = 0; i < path.size(); ++i) {
    ASSIGN_OR_FAIL(std::optional<Value> next, evaluator.Member(current, JavaText(path[i])));
    if (next) {
      current = *std::move(next);
    } else if (i + 1 == path.size()) {
      return Value::Null();
    } else {
      return EvalFailure("There are no outputs for the loop value '" + JavaText(path[i]) + "'");
    }
  }
  return current;
}

bool SameWord(std::string_view a, std::string_view b) { return ToLower(a) == ToLower(b); }

Result<Value> TasksWithState(Args arguments, Evaluator& evaluator) {
  if (!IsGiven(arguments.Get(0))) {
    return EvalFailure("The 'tasksWithState' function expects an argument 'state'");
  }
  const std::string wanted = JavaText(*arguments.Get(0));
  ASSIGN_OR_FAIL(const Value given, evaluator.Path({"tasks"}));
  ASSIGN_OR_FAIL(const Value tasks, evaluator.Whole(given));
  std::vector<Value> found;
  const auto add = [&](const Value& id, const Value& state, const Value* value) {
    if (!SameWord(JavaText(state), wanted)) return;
    MapBuilder map(MapOrder::kJavaHash);
    map.Set("taskId", id);
    map.Set("state", state);
    if (value != nullptr) map.Set("value", *value);
    found.push_back(map.Build());
  };
  for (const MapEntry& task : tasks.entries()) {
    const Value* state = task.value.Find("state");
    if (state != nullptr && !state->is_map()) {
      add(task.key, *state, nullptr);
      continue;
    }
    for (const MapEntry& each : task.value.entries()) {
      if (const Value* inner = each.value.Find("state")) add(task.key, *inner, &each.key);
    }
  }
  return Value::List(std::move(found));
}

Result<Value> IterationOutput(Args arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Value current, evaluator.Path({"taskrun", "iteration"}));
  if (!current.is_integer())
    return EvalFailure("iterationOutput can only be used inside an iteration");
  Value task = arguments.Or(0);
  if (task.is_null()) {
    ASSIGN_OR_FAIL(task, evaluator.Path({"task", "id"}));
  }
  const Value wanted = arguments.Or(1, Value::Long(current.AsInt() - 1));
  if (!wanted.is_integer()) return EvalFailure("The iteration must be a whole number");
  ASSIGN_OR_FAIL(const Value outputs, evaluator.Path({"outputs"}));
  ASSIGN_OR_FAIL(Value level, MemberOrNull(evaluator, outputs, JavaText(task)));
  if (level.is_null()) return Value::Null();
  ASSIGN_OR_FAIL(const std::vector<Value> path, AncestorValues(evaluator));
  for (const Value& step : path) {
    ASSIGN_OR_FAIL(level, MemberOrNull(evaluator, level, JavaText(step)));
  }
  ASSIGN_OR_FAIL(const Value all, evaluator.Whole(level));
  const int64_t index = wanted.AsInt();
  if (index < 0 || index >= static_cast<int64_t>(all.size())) {
    return EvalFailure("There is no iteration " + std::to_string(index));
  }
  const Value entry = all.is_map() ? all.entries()[static_cast<size_t>(index)].value
                                   : all.items()[static_cast<size_t>(index)];
  return MemberOrNull(evaluator, entry, "value");
}

Result<Value> ParentOutput(Args arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Value outputs, evaluator.Path({"outputs"}));
  Value ancestor;
  if (const Value* index = arguments.Get(0); IsGiven(index)) {
    ASSIGN_OR_FAIL(const Value parents, evaluator.Path({"parents"}));
    const int64_t count = static_cast<int64_t>(parents.size());
    if (!index->is_integer() || index->AsInt() < 0 || index->AsInt() >= count) {
      return EvalFailure("There is no ancestor " + JavaText(*index));
    }
    // Counted from the outermost, which is the last of the list.
    ancestor = parents.items()[static_cast<size_t>(count - 1 - index->AsInt())];
  } else {
    ASSIGN_OR_FAIL(ancestor, evaluator.Path({"parent"}));
  }
  ASSIGN_OR_FAIL(const Value task, MemberOrNull(evaluator, ancestor, "task"));
  ASSIGN_OR_FAIL(const Value id, MemberOrNull(evaluator, task, "id"));
  if (id.is_null()) return Value::Null();
  ASSIGN_OR_FAIL(Value found, MemberOrNull(evaluator, outputs, JavaText(id)));
  ASSIGN_OR_FAIL(const Value taskrun, MemberOrNull(evaluator, ancestor, "taskrun"));
  ASSIGN_OR_FAIL(const Value value, MemberOrNull(evaluator, taskrun, "value"));
  if (value.is_null()) return found;
  return MemberOrNull(evaluator, found, JavaText(value));
}

Result<Value> Env(Args arguments, Evaluator& evaluator) {
  if (!IsGiven(arguments.Get(0)))
    return EvalFailure("The 'env' function expects an argument 'name'");
  ASSIGN_OR_FAIL(const Value envs, evaluator.Path({"envs"}));
  ASSIGN_OR_FAIL(const Value value,
                 MemberOrNull(evaluator, envs, ToLower(JavaText(*arguments.Get(0)))));
  return value.is_null() ? arguments.Or(1) : value;
}

Result<Value> LoopOutputs(Args arguments, Evaluator& evaluator) {
  if (!IsGiven(arguments.Get(0)) || !IsGiven(arguments.Get(1))) {
    return EvalFailure("The 'loopOutputs' function expects arguments 'outputs' and 'name'");
  }
  const std::string name = JavaText(*arguments.Get(1));
  const Value& all = *arguments.Get(0);
  std::vector<Value> found;
  const auto add = [&](const Value& iteration) -> Result<bool> {
    ASSIGN_OR_FAIL(const Value outputs, MemberOrNull(evaluator, iteration, "outputs"));
    ASSIGN_OR_FAIL(Value value, MemberOrNull(evaluator, outputs, name));
    found.push_back(std::move(value));
    return true;
  };
  for (const Value& iteration : all.items()) {
    ASSIGN_OR_FAIL([[maybe_unused]] const bool added, add(iteration));
  }
  for (const MapEntry& iteration : all.entries()) {
    ASSIGN_OR_FAIL([[maybe_unused]] const bool added, add(iteration.value));
  }
  return Value::List(std::move(found));
}

}  // namespace

std::span<const FunctionSpec> FlowFunctions() {
  static const auto* const functions = new std::vector<FunctionSpec>{
      {"currentEachOutput", Parameters::Of({"outputs"}), CurrentEachOutput},
      {"tasksWithState", Parameters::Of({"state"}), TasksWithState},
      {"iterationOutput", Parameters::Of({"taskId", "iteration"}), IterationOutput},
      {"parentOutput", Parameters::Of({"index"}), ParentOutput},
      {"env", Parameters::Of({"name", "default"}), Env},
      {"loopOutputs", Parameters::Of({"outputs", "name"}), LoopOutputs},
  };
  return *functions;
}

}  // namespace orch::expression
