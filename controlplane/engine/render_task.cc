// What a worker receives: a task's own properties as finished JSON.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controlplane/engine/decide.h"
#include "controlplane/engine/draft.h"
#include "controlplane/engine/evaluator.h"
#include "controlplane/engine/inline_tasks.h"
#include "controlplane/engine/markers.h"
#include "controlplane/flow/duration.h"
#include "controlplane/flow/schema.h"
#include "expression/json.h"
#include "expression/text.h"

namespace orch::engine {
namespace {

using expression::Error;
using expression::MapBuilder;
using expression::Need;
using expression::Outcome;
using expression::TargetType;
using expression::Value;

// `outputFiles.<name>`: a marker for whatever name is asked for.
class OutputFilesView : public expression::View {
 public:
  explicit OutputFilesView(std::string nonce) : nonce_(std::move(nonce)) {}
  std::optional<Value> Get(std::string_view key) const override {
    return Value::Marker(MarkerText(nonce_, OutputFileField(key)));
  }
  absl::StatusOr<Value> Materialise(expression::Fuel& fuel) const override {
    return MapBuilder().Build();
  }
  bool Empty() const override { return false; }

 private:
  std::string nonce_;
};

// What a text must become for a property that takes only one kind; nullopt where a text may stay one.
std::optional<TargetType> TargetOf(const flow::Schema& schema) {
  switch (schema.types & ~flow::Schema::kNull) {
    case flow::Schema::kBoolean: return TargetType::Of(TargetType::Kind::kBoolean);
    case flow::Schema::kInteger: return TargetType::Of(TargetType::Kind::kLong);
    case flow::Schema::kNumber: return TargetType::Of(TargetType::Kind::kDouble);
    case flow::Schema::kArray: return TargetType::Of(TargetType::Kind::kList);
    case flow::Schema::kObject: return TargetType::Of(TargetType::Kind::kMap);
    default: return std::nullopt;
  }
}

// Renders values against their schemas, gathering what they lack, and the first fault.
class ConfigRenderer {
 public:
  explicit ConfigRenderer(const Evaluator& evaluator) : evaluator_(evaluator) {}

  Value Render(const Value& value, const flow::Schema* schema, const std::string& path) {
    if (schema != nullptr && !schema->dynamic) return value;
    if (value.is_string()) return RenderText(value, schema, path);
    if (value.is_list()) {
      const flow::Schema* items = schema == nullptr ? nullptr : schema->items.get();
      std::vector<Value> rendered;
      rendered.reserve(value.size());
      for (size_t i = 0; i < value.size(); ++i) {
        rendered.push_back(Render(value.items()[i], items, absl::StrFormat("%s[%d]", path, i)));
      }
      return Value::List(std::move(rendered));
    }
    if (value.is_map()) {
      MapBuilder rendered;
      for (const expression::MapEntry& entry : value.entries()) {
        const std::string name = expression::PrintText(entry.key);
        const flow::Schema* member = nullptr;
        if (schema != nullptr) {
          member = schema->Find(name);
          if (member == nullptr) member = schema->additional_schema.get();
        }
        Value key =
            entry.key.is_string() ? RenderText(entry.key, nullptr, path + ".<key>") : entry.key;
        rendered.Add(std::move(key), Render(entry.value, member, absl::StrCat(path, ".", name)));
      }
      return rendered.Build();
    }
    return value;
  }

  void Fault(std::string message) {
    if (!fault_) fault_ = Error{Error::Code::kEval, std::move(message)};
  }
  // A fault if there is one; else what is lacking, if anything is.
  std::optional<Rendering> Trouble() {
    if (fault_) return *fault_;
    if (!need_.facts.empty()) return need_;
    return std::nullopt;
  }

 private:
  Value RenderText(const Value& text, const flow::Schema* schema, const std::string& path) {
    const std::optional<TargetType> target = schema == nullptr ? std::nullopt : TargetOf(*schema);
    Outcome outcome =
        target ? evaluator_.Property(text, *target, path) : evaluator_.Text(text.AsString(), path);
    if (auto* need = std::get_if<Need>(&outcome)) {
      std::move(need->facts.begin(), need->facts.end(), std::back_inserter(need_.facts));
      return Value();
    }
    if (auto* error = std::get_if<Error>(&outcome)) {
      if (!fault_) fault_ = *error;
      return Value();
    }
    return std::get<Value>(std::move(outcome));
  }

  const Evaluator& evaluator_;
  Need need_;
  std::optional<Error> fault_;
};

// Texts that came from secrets.
void CollectTainted(const Value& value, std::set<std::string>* texts) {
  if (!value.AnyTainted()) return;
  if (value.is_string()) {
    if (!value.AsString().empty()) texts->insert(value.AsString());
  } else if (value.is_sequence()) {
    for (const Value& item : value.items()) CollectTainted(item, texts);
  } else if (value.is_map()) {
    for (const expression::MapEntry& entry : value.entries()) {
      CollectTainted(entry.key, texts);
      CollectTainted(entry.value, texts);
    }
  }
}

}  // namespace

Rendering RenderTask(const Execution& execution, int64_t number, const flow::Flow& flow,
                     const Environment& environment, absl::Time now, uint64_t seed) {
  const v1::TaskRun* run = execution.FindRun(number);
  const flow::Task* task = run == nullptr ? nullptr : flow.FindTask(run->task_id());
  if (task == nullptr) return Error{Error::Code::kEval, "the task is gone"};

  RenderedTask rendered;
  rendered.type = task->type;
  rendered.log_level = ParseLevel(task->log_level).value_or(v1::TRACE);
  rendered.marker_nonce = absl::StrFormat("%016x", PropertySeed(seed, number, "markers"));

  const Draft draft(execution, now, seed);
  MapBuilder extra;
  for (const char* name : {"workingDir", "outputDir"}) {
    extra.Set(name, Value::Marker(MarkerText(rendered.marker_nonce, name)));
  }
  extra.Set("outputFiles", Value::OfView(std::make_shared<OutputFilesView>(rendered.marker_nonce)));
  const Evaluator evaluator(Scope{&draft, &flow, &environment, number, true, extra.Build()}, now,
                            seed);

  const flow::TaskType* type =
      environment.types == nullptr ? nullptr : environment.types->Find(task->type);
  const auto is_late = [type](const std::string& name) {
    return type != nullptr && std::find(type->late_fields.begin(), type->late_fields.end(), name) !=
                                  type->late_fields.end();
  };
  ConfigRenderer renderer(evaluator);
  MapBuilder config;
  if (task->properties.is_map()) {
    for (const expression::MapEntry& entry : task->properties.entries()) {
      const std::string name = expression::PrintText(entry.key);
      if (is_late(name)) {
        config.Set(name, entry.value);
        continue;
      }
      const flow::Schema* schema = type == nullptr ? nullptr : type->schema.Find(name);
      config.Set(name, renderer.Render(entry.value, schema, name));
    }
  }
  if (!task->timeout.empty()) {
    const Value text = renderer.Render(Value::String(task->timeout), nullptr, "timeout");
    if (text.is_string() && !text.AsString().empty()) {
      const std::optional<absl::Duration> timeout = flow::ParseDuration(text.AsString());
      if (timeout && *timeout > absl::ZeroDuration()) {
        rendered.timeout = *timeout;
      } else {
        renderer.Fault("timeout must be a duration longer than nothing, such as PT5S");
      }
    }
  }
  if (std::optional<Rendering> trouble = renderer.Trouble()) return *std::move(trouble);

  const Value whole = config.Build();
  rendered.config = expression::ToJson(whole);
  std::set<std::string> values;
  CollectTainted(whole, &values);
  if (const FetchedFacts* facts = execution.facts(number)) {
    for (const auto& [name, value] : facts->secrets()) {
      rendered.secret_names.push_back(name);
      if (!value.empty()) values.insert(value);
    }
  }
  rendered.secret_values.assign(values.begin(), values.end());
  return rendered;
}

expression::Outcome Evaluate(const Execution& execution, int64_t run, const flow::Flow& flow,
                             const Environment& environment, std::string_view text, absl::Time now,
                             uint64_t seed) {
  const Draft draft(execution, now, seed);
  // What is sealed stays sealed: whoever asks sees what is stored.
  const Evaluator evaluator(Scope{&draft, &flow, &environment, run, /*open_sealed=*/false, Value()},
                            now, seed);
  return evaluator.Typed(text, "evaluate");
}

}  // namespace orch::engine
