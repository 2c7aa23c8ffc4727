#include "controlplane/flow/inputs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "controlplane/flow/coercion.h"
#include "controlplane/flow/schema_check.h"
#include "expression/json.h"
#include "expression/text.h"

namespace orch::flow {
namespace {

using expression::Value;

// Names that hide those of other variables.
class Overlay : public expression::Variables {
 public:
  Overlay(Value inputs, const expression::Variables* rest)
      : inputs_(std::move(inputs)), rest_(rest) {}

  std::optional<Value> Find(std::string_view name) const override {
    if (name == "inputs") return inputs_;
    return rest_ == nullptr ? std::nullopt : rest_->Find(name);
  }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names = {"inputs"};
    if (rest_ == nullptr) return names;
    for (std::string& name : rest_->Names()) {
      if (name != "inputs") names.push_back(std::move(name));
    }
    return names;
  }

 private:
  Value inputs_;
  const expression::Variables* rest_;
};

// The value under dotted `id` set in a map of maps; what is no map on the way is replaced.
Value WithNested(const Value& map, std::string_view id, const Value& value) {
  expression::MapBuilder builder;
  if (map.is_map()) {
    for (const expression::MapEntry& entry : map.entries()) builder.Set(entry.key, entry.value);
  }
  const size_t dot = id.find('.');
  if (dot == std::string_view::npos) {
    builder.Set(id, value);
  } else {
    const std::string_view head = id.substr(0, dot);
    const Value* inner = map.Find(head);
    builder.Set(head,
                WithNested(inner == nullptr ? Value::Null() : *inner, id.substr(dot + 1), value));
  }
  return builder.Build();
}

bool HasNested(const Value& map, std::string_view id) {
  const Value* at = &map;
  for (;;) {
    const size_t dot = id.find('.');
    at = at->Find(id.substr(0, dot));
    if (at == nullptr) return false;
    if (dot == std::string_view::npos) return true;
    id.remove_prefix(dot + 1);
  }
}

// A map of maps that is filled id by id, and built once.
class Nesting {
 public:
  void Set(std::string_view id, const Value& value) {
    std::vector<Node>* level = &roots_;
    for (;;) {
      const size_t dot = id.find('.');
      const std::string_view head = id.substr(0, dot);
      auto found = level == &roots_ ? FindRoot(head) : FindIn(level, head);
      if (dot == std::string_view::npos) {
        found->value = value;
        return;
      }
      level = &found->children;
      id.remove_prefix(dot + 1);
    }
  }
  Value Build() const { return Build(roots_); }

 private:
  struct Node {
    std::string name;
    Value value;
    std::vector<Node> children;
  };

  std::vector<Node>::iterator FindRoot(std::string_view name) {
    const auto known = root_index_.find(name);
    if (known != root_index_.end()) return roots_.begin() + known->second;
    root_index_.emplace(name, roots_.size());
    roots_.push_back({std::string(name), {}, {}});
    return roots_.end() - 1;
  }
  static std::vector<Node>::iterator FindIn(std::vector<Node>* level, std::string_view name) {
    auto found =
        std::find_if(level->begin(), level->end(), [&](const Node& n) { return n.name == name; });
    if (found != level->end()) return found;
    level->push_back({std::string(name), {}, {}});
    return level->end() - 1;
  }
  static Value Build(const std::vector<Node>& level) {
    expression::MapBuilder map;
    for (const Node& node : level) {
      map.Set(node.name, node.children.empty() ? node.value : Build(node.children));
    }
    return map.Build();
  }

  std::vector<Node> roots_;
  std::map<std::string, size_t, std::less<>> root_index_;
};

// Which inputs share the first part of their ids.
using IdsByHead = std::map<std::string, std::vector<size_t>, std::less<>>;

// `inputs` as one of them sees it: the values of those it depends on, and null for all others.
// Built member by member as it is asked for, since flows may have thousands of inputs.
class VisibleInputs : public expression::View {
 public:
  VisibleInputs(const std::vector<Input>& inputs, const IdsByHead& by_head,
                const std::vector<ResolvedInput>& resolved, std::set<size_t> dependencies)
      : inputs_(inputs),
        by_head_(by_head),
        resolved_(resolved),
        dependencies_(std::move(dependencies)) {}

  std::optional<Value> Get(std::string_view key) const override {
    const auto found = by_head_.find(key);
    if (found == by_head_.end()) return std::nullopt;
    Nesting nesting;
    for (const size_t i : found->second) {
      nesting.Set(inputs_[i].id, dependencies_.contains(i) ? resolved_[i].value : Value::Null());
    }
    const Value built = nesting.Build();
    return *built.Find(key);
  }
  absl::StatusOr<Value> Materialise(expression::Fuel& fuel) const override {
    if (!fuel.Spend(static_cast<int64_t>(inputs_.size()))) {
      return absl::ResourceExhaustedError("there are too many inputs to list them");
    }
    Nesting nesting;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      nesting.Set(inputs_[i].id, dependencies_.contains(i) ? resolved_[i].value : Value::Null());
    }
    return nesting.Build();
  }
  bool Empty() const override { return inputs_.empty(); }

 private:
  const std::vector<Input>& inputs_;
  const IdsByHead& by_head_;
  const std::vector<ResolvedInput>& resolved_;
  const std::set<size_t> dependencies_;
};

class Resolution {
 public:
  Resolution(const std::vector<Input>& inputs, const SuppliedInputs& supplied,
             const expression::Renderer& renderer, const expression::EvaluationContext& context)
      : inputs_(inputs), supplied_(supplied), renderer_(renderer), context_(context) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      index_.emplace(inputs[i].id, i);
      by_head_[inputs[i].id.substr(0, inputs[i].id.find('.'))].push_back(i);
    }
    states_.resize(inputs.size());
    result_.inputs.resize(inputs.size());
  }

  InputsOutcome Run() {
    for (size_t i = 0; i < inputs_.size(); ++i) ResolveWithDependencies(i);
    if (!needed_.empty()) {
      expression::Need need;
      for (auto& [key, fact] : needed_) need.facts.push_back(std::move(fact));
      return need;
    }
    for (const auto& [id, value] : supplied_) {
      if (!index_.contains(id)) result_.unknown.push_back(id);
    }
    return std::move(result_);
  }

 private:
  enum class State { kNew, kOpen, kDone, kNeedsFacts };

  // Dependencies first; with a stack of our own, since chains are as long as users make them.
  void ResolveWithDependencies(size_t start) {
    std::vector<std::pair<size_t, size_t>> stack = {{start, 0}};
    while (!stack.empty()) {
      auto& [at, next] = stack.back();
      if (states_[at] == State::kDone || states_[at] == State::kNeedsFacts) {
        stack.pop_back();
        continue;
      }
      states_[at] = State::kOpen;
      bool waits = false;
      while (!waits && next < inputs_[at].depends_on.size()) {
        const auto found = index_.find(inputs_[at].depends_on[next++]);
        if (found == index_.end() || states_[found->second] != State::kNew) continue;
        stack.emplace_back(found->second, 0);
        waits = true;
      }
      if (waits) continue;
      const size_t ready = stack.back().first;
      stack.pop_back();
      states_[ready] = Resolve(ready) ? State::kDone : State::kNeedsFacts;
    }
  }

  // False when a fact is missing.
  bool Resolve(size_t i) {
    const Input& input = inputs_[i];
    ResolvedInput& resolved = result_.inputs[i];
    resolved.id = input.id;
    for (const std::string& id : input.depends_on) {
      const auto found = index_.find(id);
      if (found == index_.end() || found->second == i) continue;
      if (states_[found->second] == State::kNeedsFacts) return false;
      if (!result_.inputs[found->second].enabled) resolved.enabled = false;
    }
    if (!resolved.enabled) return true;

    std::set<size_t> dependencies;
    for (const std::string& id : input.depends_on) {
      const auto found = index_.find(id);
      if (found != index_.end() && found->second != i) dependencies.insert(found->second);
    }
    // No value of an evaluation outlives this call, so neither does the view.
    const Overlay variables(Value::OfView(std::make_shared<VisibleInputs>(
                                inputs_, by_head_, result_.inputs, std::move(dependencies))),
                            context_.variables);
    expression::EvaluationContext context = context_;
    context.variables = &variables;
    return Enable(input, context, &resolved) && Choose(input, context, &resolved) &&
           Give(input, context, &resolved);
  }

  // The outcome's value; nullopt with `*needs` set, or with an error's message.
  std::optional<Value> Evaluate(expression::Outcome outcome, bool* needs, std::string* message) {
    if (auto* need = std::get_if<expression::Need>(&outcome)) {
      for (expression::Fact& fact : need->facts) {
        std::string key = fact.Key();
        needed_.emplace(std::move(key), std::move(fact));
      }
      *needs = true;
      return std::nullopt;
    }
    if (auto* error = std::get_if<expression::Error>(&outcome)) {
      *message = error->message;
      return std::nullopt;
    }
    return std::get<Value>(std::move(outcome));
  }

  bool Enable(const Input& input, const expression::EvaluationContext& context,
              ResolvedInput* resolved) {
    if (input.condition.empty()) return true;
    bool needs = false;
    std::string message;
    const auto value = Evaluate(renderer_.RenderTyped(input.condition, context), &needs, &message);
    if (needs) return false;
    resolved->enabled = value && value->is_bool() && value->AsBool();
    if (!value) resolved->errors.push_back("Invalid condition: " + message);
    return true;
  }

  bool Choose(const Input& input, const expression::EvaluationContext& context,
              ResolvedInput* resolved) {
    if (!resolved->enabled) return true;
    resolved->choices = input.values;
    if (input.expression.empty() || !input.values.empty()) return true;
    bool needs = false;
    std::string message;
    auto value = Evaluate(renderer_.RenderTyped(input.expression, context), &needs, &message);
    if (needs) return false;
    if (!value) {
      AddError(input, "Cannot render 'expression'. Cause: " + message, resolved);
      return true;
    }
    if (value->is_string()) {
      if (auto parsed = expression::ParseJson(value->AsString());
          parsed.ok() && parsed->is_list()) {
        value = *std::move(parsed);
      }
    }
    if (!value->is_sequence()) {
      AddError(
          input,
          absl::StrFormat("Invalid expression result. Expected a list of strings, but received %s",
                          std::string(expression::JavaClassName(*value))),
          resolved);
      return true;
    }
    for (const Value& item : value->items()) {
      if (!item.is_null()) resolved->choices.push_back(expression::PrintText(item));
    }
    return true;
  }

  bool Give(const Input& input, const expression::EvaluationContext& context,
            ResolvedInput* resolved) {
    if (!resolved->enabled || !resolved->errors.empty()) return true;
    Value value;
    const auto given = supplied_.find(input.id);
    if (given != supplied_.end() &&
        !(given->second.is_string() && given->second.AsString().empty())) {
      value = given->second;
    }
    if (value.is_null()) {
      resolved->is_default = true;
      bool needs = false;
      std::string message;
      const auto rendered = Default(input, context, *resolved, &needs, &message);
      if (needs) return false;
      if (!rendered) {
        AddError(input, message, resolved);
        return true;
      }
      value = *rendered;
    }
    if (value.is_null()) {
      if (input.required) resolved->errors.push_back("Missing required input:`" + input.id + "`");
      return true;
    }
    auto coerced = Coerce(input.type, input.item_type, value, InstantStyle::kInput);
    if (!coerced.ok()) {
      AddError(input, std::string(coerced.status().message()), resolved);
      return true;
    }
    for (std::string& reason : Validate(input, resolved->choices, *coerced)) {
      AddError(input, reason, resolved);
    }
    resolved->value = *std::move(coerced);
    return true;
  }

  std::optional<Value> Default(const Input& input, const expression::EvaluationContext& context,
                               const ResolvedInput& resolved, bool* needs, std::string* message) {
    if (input.has_defaults) {
      const Value& defaults = input.defaults;
      if (defaults.is_string()) {
        if (!HoldsExpression(defaults.AsString())) return defaults;
        return Evaluate(renderer_.RenderTyped(defaults.AsString(), context), needs, message);
      }
      if (defaults.is_list() || defaults.is_map()) {
        return Evaluate(renderer_.RenderObject(defaults, context), needs, message);
      }
      return defaults;
    }
    if (!input.auto_select_first || resolved.choices.empty()) return Value::Null();
    const Value first = Value::String(resolved.choices.front());
    return input.type == "MULTISELECT" ? Value::List({first}) : first;
  }

  static void AddError(const Input& input, const std::string& reason, ResolvedInput* resolved) {
    resolved->errors.push_back(
        absl::StrFormat("Invalid value for input `%s`. Cause: %s", input.id, reason));
  }

  const std::vector<Input>& inputs_;
  const SuppliedInputs& supplied_;
  const expression::Renderer& renderer_;
  const expression::EvaluationContext& context_;
  std::map<std::string, size_t, std::less<>> index_;
  IdsByHead by_head_;
  std::vector<State> states_;
  std::map<std::string, expression::Fact> needed_;
  ResolvedInputs result_;
};

}  // namespace

Value ResolvedInputs::Values() const {
  Nesting values;
  for (const ResolvedInput& input : inputs) {
    if (input.enabled) values.Set(input.id, input.value);
  }
  return values.Build();
}

std::vector<std::string> ResolvedInputs::Errors() const {
  std::vector<std::string> errors;
  for (const ResolvedInput& input : inputs) {
    if (input.enabled) errors.insert(errors.end(), input.errors.begin(), input.errors.end());
  }
  return errors;
}

InputsOutcome ResolveInputs(const std::vector<Input>& inputs, const SuppliedInputs& supplied,
                            const expression::Renderer& renderer,
                            const expression::EvaluationContext& context) {
  return Resolution(inputs, supplied, renderer, context).Run();
}

Value WithDefaults(const std::vector<Input>& inputs, const Value& stored) {
  Value values = stored.is_map() ? stored : expression::MapBuilder().Build();
  for (const Input& input : inputs) {
    if (input.has_defaults && !HasNested(values, input.id)) {
      values = WithNested(values, input.id, input.defaults);
    }
  }
  return values;
}

}  // namespace orch::flow
