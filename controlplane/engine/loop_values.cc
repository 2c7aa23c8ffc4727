#include "controlplane/engine/loop_values.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "expression/json.h"
#include "expression/text.h"

namespace orch::engine {
namespace {

using expression::Error;
using expression::Need;
using expression::Outcome;
using expression::Value;

Error Fault(std::string message) { return Error{Error::Code::kEval, std::move(message)}; }

// Elements of a list as the author wrote it: texts and maps rendered, integers kept.
std::variant<std::vector<Value>, Need, Error> RenderElements(const Value& list,
                                                             const Evaluator& evaluator) {
  std::vector<Value> elements;
  elements.reserve(list.size());
  Need needs;
  for (size_t i = 0; i < list.size(); ++i) {
    const Value& item = list.items()[i];
    if (item.is_null() || item.is_integer()) {
      elements.push_back(item);
      continue;
    }
    if (!item.is_string() && !item.is_map()) {
      return Fault(absl::StrFormat("Unknown value element type: %s", expression::JavaText(item)));
    }
    const std::string property = absl::StrCat("values", i);
    Outcome outcome = item.is_string() ? evaluator.Text(item.AsString(), property)
                                       : evaluator.Object(item, property);
    if (auto* need = std::get_if<Need>(&outcome)) {
      std::move(need->facts.begin(), need->facts.end(), std::back_inserter(needs.facts));
    } else if (auto* fault = std::get_if<Error>(&outcome)) {
      return std::move(*fault);
    } else {
      elements.push_back(std::get<Value>(std::move(outcome)));
    }
  }
  if (!needs.facts.empty()) return needs;
  return elements;
}

}  // namespace

LoopValuesOutcome EvaluateLoopValues(const flow::Task& loop, const Evaluator& evaluator) {
  const Value* written = loop.properties.Find("values");
  if (written == nullptr) written = loop.properties.Find("value");
  if (written == nullptr || written->is_null()) return Fault("a loop needs values");

  std::vector<Value> elements;
  bool tainted = false;
  if (written->is_string()) {
    Outcome outcome = evaluator.Text(written->AsString(), "values");
    if (auto* need = std::get_if<Need>(&outcome)) return std::move(*need);
    if (auto* fault = std::get_if<Error>(&outcome)) return std::move(*fault);
    const Value& text = std::get<Value>(outcome);
    tainted = text.AnyTainted();
    const std::string json = expression::PrintText(text);
    absl::StatusOr<Value> list = expression::ParseJson(json);
    if (!list.ok() || !list->is_list()) {
      return Fault(
          tainted ? "The values must be a JSON array"
                  : absl::StrCat("The values must be a JSON array, not: ", json.substr(0, 200)));
    }
    elements = list->items();
  } else if (written->is_list()) {
    auto rendered = RenderElements(*written, evaluator);
    if (auto* need = std::get_if<Need>(&rendered)) return std::move(*need);
    if (auto* fault = std::get_if<Error>(&rendered)) return std::move(*fault);
    elements = std::get<std::vector<Value>>(std::move(rendered));
  } else {
    return Fault("The values must be a list, or a text that renders to a JSON array");
  }

  std::vector<std::string> texts;
  texts.reserve(elements.size());
  absl::flat_hash_set<std::string> seen;
  std::vector<Value> distinct;
  int64_t null_count = 0;
  for (const Value& element : elements) {
    tainted = tainted || element.AnyTainted();
    if (element.is_null()) {
      if (null_count++ == 0) distinct.push_back(element);
      continue;
    }
    std::string text = element.is_string() ? element.AsString() : expression::ToJson(element);
    if (!seen.insert(text).second) continue;
    distinct.push_back(element);
    texts.push_back(std::move(text));
  }
  if (tainted)
    return Fault("The values of a loop must not hold a secret: they are stored in clear");
  if (null_count > 0) {
    return Fault(absl::StrFormat("Found '1' null values on Each, with values=%s",
                                 expression::JavaText(Value::List(std::move(distinct)))));
  }
  return texts;
}

}  // namespace orch::engine
