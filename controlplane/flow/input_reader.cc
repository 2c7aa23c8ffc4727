#include "controlplane/flow/input_reader.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_format.h"
#include "controlplane/flow/graph.h"
#include "expression/regex.h"

namespace orch::flow {
namespace {

using expression::Value;

bool Is(const std::string& type, std::initializer_list<const char*> types) {
  return std::any_of(types.begin(), types.end(), [&](const char* t) { return type == t; });
}

std::string TypeNames() {
  std::string names;
  for (const std::string& type : InputTypes()) names += names.empty() ? type : ", " + type;
  return names;
}

bool IsKnownType(const std::string& type) {
  return std::find(InputTypes().begin(), InputTypes().end(), type) != InputTypes().end();
}

// A type as written; "" with a complaint when it is absent or unknown.
std::string ReadType(Reading* reading, Fields* fields, const YamlNode& node, const char* name) {
  const YamlNode* written = fields->Take(name);
  if (written == nullptr) {
    reading->Error(node.mark, fields->PathOf(name), "must not be null");
    return "";
  }
  const std::string type = fields->Text(name);
  if (type.empty() || IsKnownType(type)) return type;
  reading->Error(written->mark, fields->PathOf(name),
                 absl::StrFormat("Invalid type: %s; it must be one of %s%s", type.substr(0, 100),
                                 TypeNames(), reading->Suggest(type, InputTypes())));
  return "";
}

void CheckPattern(Reading* reading, Fields* fields, const std::string& pattern) {
  if (!pattern.empty() && !expression::Regex::Compile(pattern).ok()) {
    reading->Error(fields->MarkOf("validator"), fields->PathOf("validator"),
                   absl::StrFormat("invalid pattern [%s]", pattern.substr(0, 200)));
  }
}

Value ReadBound(Reading* reading, Fields* fields, const std::string& type, const char* name) {
  const YamlNode* node = fields->Take(name);
  if (node == nullptr) return Value::Null();
  if (type == "INT") {
    const auto bound = fields->Integer(name);
    return bound ? Value::Integer(*bound) : Value::Null();
  }
  if (type == "FLOAT") {
    const auto bound = fields->Number(name);
    return bound ? Value::Double(*bound) : Value::Null();
  }
  if (type == "DURATION") {
    const auto bound = fields->Duration(name);
    return bound ? Value::Duration(*bound) : Value::Null();
  }
  return Value::String(fields->Text(name));
}

// The properties that only some types have.
void ReadOwn(Reading* reading, const YamlNode& node, Fields* fields, Input* input) {
  const std::string& type = input->type;
  if (Is(type, {"STRING", "SECRET"})) {
    input->validator = fields->Text("validator");
    CheckPattern(reading, fields, input->validator);
  }
  if (Is(type, {"INT", "FLOAT", "DURATION"})) {
    input->min = ReadBound(reading, fields, type, "min");
    input->max = ReadBound(reading, fields, type, "max");
  }
  if (Is(type, {"DATE", "DATETIME", "TIME"})) {
    input->after = ReadBound(reading, fields, type, "after");
    input->before = ReadBound(reading, fields, type, "before");
  }
  if (Is(type, {"SELECT", "ENUM", "MULTISELECT"})) {
    input->values = fields->Texts("values");
    if (type == "MULTISELECT" && fields->Take("options") != nullptr) {
      if (fields->Take("values") != nullptr) {
        reading->Warn(fields->KeyMarkOf("options"), fields->PathOf("options"),
                      "`options` is an older name of `values`; it is not read beside it");
      } else {
        input->values = fields->Texts("options");
      }
      reading->Add(Severity::kDeprecation, fields->KeyMarkOf("options"), fields->PathOf("options"),
                   "`options` is an older name of `values`");
    }
    if (type == "ENUM") {
      if (fields->Take("values") == nullptr) {
        reading->Error(node.mark, fields->PathOf("values"), "must not be null");
      }
    } else {
      input->expression = fields->Text("expression");
      input->allow_custom_value = fields->Flag("allowCustomValue", false);
      input->auto_select_first = fields->Flag("autoSelectFirst", false);
      if (type == "SELECT") fields->Flag("isRadio", false);
      if (input->values.empty() && input->expression.empty()) {
        reading->Warn(node.mark, fields->PathOf("values"),
                      "neither `values` nor `expression` is given: no value can be chosen");
      }
    }
  }
  if (Is(type, {"ARRAY", "MULTISELECT"})) {
    if (type == "ARRAY" || fields->Take("itemType") != nullptr) {
      input->item_type = ReadType(reading, fields, node, "itemType");
      if (input->item_type == "ARRAY") {
        reading->Error(fields->MarkOf("itemType"), fields->PathOf("itemType"),
                       "`itemType` cannot be `ARRAY`");
      }
    } else {
      input->item_type = "STRING";
    }
  }
  if (type == "FILE") {
    const std::string extension = fields->Text("extension");
    if (!extension.empty()) input->extension = extension;
    fields->Texts("allowedFileExtensions");
    const YamlNode* defaults = fields->Take("defaults");
    if (defaults != nullptr && defaults->text.compare(0, 5, "file:") != 0 &&
        defaults->text.compare(0, 7, "nsfile:") != 0) {
      reading->Error(defaults->mark, fields->PathOf("defaults"),
                     "a FILE takes only a `file:` or `nsfile:` address as default");
    }
  }
}

Input ReadInput(Reading* reading, const YamlNode& node, const std::string& path) {
  Input input;
  input.mark = node.mark;
  const bool by_name = node.Find("id") == nullptr && node.Find("name") != nullptr;
  const char* id_name = by_name ? "name" : "id";
  const YamlEntry* id = node.Find(id_name);
  const bool has_label = id != nullptr && id->value->is_scalar() && !id->value->text.empty();
  const std::string label = has_label ? id->value->text.substr(0, 256) : path;
  Fields fields(reading, node, path, label);
  fields.Id(id_name, kInputIdPattern, 256, &input.id);
  fields.Take("name");
  if (by_name) {
    reading->Add(Severity::kDeprecation, id->key_mark, label,
                 "`name` is an older spelling of `id`");
  }
  input.type = ReadType(reading, &fields, node, "type");
  if (input.type == "FORM") reading->NotYet(fields.MarkOf("type"), fields.PathOf("type"), "FORM");
  if (Is(input.type, {"ENUM"})) {
    reading->Add(Severity::kDeprecation, fields.MarkOf("type"), label,
                 "ENUM is deprecated; use SELECT");
  }
  input.description = fields.Text("description");
  input.display_name = fields.Text("displayName");
  input.required = fields.Flag("required", true);
  if (const YamlNode* defaults = fields.Take("defaults")) {
    input.defaults = ToValue(*defaults);
    input.has_defaults = true;
    reading->CheckExpressions(*defaults, fields.PathOf("defaults"));
    if (!input.required) {
      reading->Warn(fields.KeyMarkOf("defaults"), fields.PathOf("defaults"),
                    "with `required: false` a default is always used instead of nothing");
    }
    if (fields.Take("prefill") != nullptr) {
      reading->Warn(fields.KeyMarkOf("prefill"), fields.PathOf("prefill"),
                    "a default makes it useless");
    }
  }
  fields.Take("prefill");
  if (const YamlNode* depends = fields.Map("dependsOn")) {
    Fields on(reading, *depends, path + ".dependsOn", path + ".dependsOn");
    input.depends_on = on.Texts("inputs");
    input.condition = on.Text("condition");
    if (const YamlEntry* condition = on.Entry("condition")) {
      reading->CheckExpressions(*condition->value, path + ".dependsOn.condition");
    }
    on.Done();
  }
  ReadOwn(reading, node, &fields, &input);
  if (const YamlEntry* expression = fields.Entry("expression")) {
    reading->CheckExpressions(*expression->value, fields.PathOf("expression"));
  }
  // Without a type nobody can say which properties it has.
  if (!input.type.empty() && input.type != "FORM") fields.Done();
  input.as_written = ToValue(node);
  return input;
}

// An id may not be a value and a map of values at once.
void CheckNesting(Reading* reading, const std::vector<Input>& inputs) {
  std::set<std::string> ids;
  for (const Input& input : inputs) ids.insert(input.id);
  for (const Input& input : inputs) {
    for (size_t dot = input.id.find('.'); dot != std::string::npos;
         dot = input.id.find('.', dot + 1)) {
      const std::string prefix = input.id.substr(0, dot);
      if (!ids.contains(prefix)) continue;
      reading->Error(
          input.mark, input.id + ".id",
          absl::StrFormat("the input `%s` cannot hold a value and `%s`", prefix, input.id));
    }
  }
}

void CheckDependencies(Reading* reading, const std::vector<Input>& inputs) {
  std::vector<std::string> ids;
  std::vector<std::pair<std::string, std::vector<std::string>>> nodes;
  for (const Input& input : inputs) {
    ids.push_back(input.id);
    nodes.emplace_back(input.id, input.depends_on);
  }
  const std::set<std::string> known(ids.begin(), ids.end());
  for (const Input& input : inputs) {
    for (const std::string& id : input.depends_on) {
      if (known.contains(id)) continue;
      reading->Error(input.mark, input.id + ".dependsOn",
                     absl::StrFormat("there is no input `%s`%s", id, reading->Suggest(id, ids)));
    }
  }
  const std::vector<std::string> cyclic = OnCycles(nodes);
  const std::set<std::string> on_cycle(cyclic.begin(), cyclic.end());
  std::map<std::string, const Input*> by_id;
  for (const Input& input : inputs) by_id.emplace(input.id, &input);
  for (const std::string& id : cyclic) {
    // One way around: along inputs that are on a cycle, until one comes twice.
    std::string around = id;
    std::set<std::string> seen = {id};
    for (const Input* at = by_id.at(id); at != nullptr && around.size() < 1'000;) {
      const auto next =
          std::find_if(at->depends_on.begin(), at->depends_on.end(),
                       [&](const std::string& other) { return on_cycle.contains(other); });
      if (next == at->depends_on.end()) break;
      around += " -> " + *next;
      at = seen.insert(*next).second ? by_id.at(*next) : nullptr;
    }
    reading->Fatal(by_id.at(id)->mark, id + ".dependsOn", "inputs depend on each other: " + around);
  }
}

}  // namespace

const std::vector<std::string>& InputTypes() {
  static const auto* const types = new std::vector<std::string>{
      "STRING", "INT",      "FLOAT",  "BOOL",  "BOOLEAN",  "SELECT", "MULTISELECT",
      "ENUM",   "DATETIME", "DATE",   "TIME",  "DURATION", "FILE",   "JSON",
      "YAML",   "URI",      "SECRET", "EMAIL", "ARRAY",    "FORM"};
  return *types;
}

std::vector<Input> ReadInputs(Reading* reading, const YamlNode& list, const std::string& path) {
  std::vector<Input> inputs;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode& node = *list.items[i];
    if (!node.is_map()) {
      reading->Fatal(node.mark, ItemPath(path, i),
                     absl::StrFormat("must be an input (a map), not %s", node.KindName()));
      continue;
    }
    inputs.push_back(ReadInput(reading, node, ItemPath(path, i)));
  }
  CheckNesting(reading, inputs);
  CheckDependencies(reading, inputs);
  return inputs;
}

std::vector<Output> ReadOutputs(Reading* reading, const YamlNode& list) {
  std::vector<Output> outputs;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode& node = *list.items[i];
    const std::string path = ItemPath("outputs", i);
    if (!node.is_map()) {
      reading->Fatal(node.mark, path,
                     absl::StrFormat("must be an output (a map), not %s", node.KindName()));
      continue;
    }
    Output output;
    output.mark = node.mark;
    Fields fields(reading, node, path, path);
    fields.Id("id", kInputIdPattern, 256, &output.id);
    output.type = ReadType(reading, &fields, node, "type");
    output.description = fields.Text("description");
    output.display_name = fields.Text("displayName");
    output.required = fields.Flag("required", true);
    if (const YamlNode* value = fields.Take("value")) {
      output.value = ToValue(*value);
      reading->CheckExpressions(*value, path + ".value");
    } else {
      reading->Error(node.mark, path + ".value", "must not be null");
    }
    fields.Done();
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace orch::flow
