#include "controlplane/flow/schema_check.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "controlplane/flow/closest.h"
#include "controlplane/flow/duration.h"
#include "controlplane/flow/reading.h"
#include "expression/text.h"

namespace orch::flow {
namespace {

using expression::Value;
using Kind = YamlNode::Kind;

struct Checker {
  std::vector<Complaint>* complaints;

  void Add(Severity severity, const YamlNode& node, const std::string& path, std::string message) {
    complaints->push_back({severity, node.mark, path, std::move(message)});
  }
  // What only the run would notice, if the property is evaluated then.
  void AddSoft(bool dynamic, const YamlNode& node, const std::string& path, std::string message) {
    if (dynamic) message += "; the task will fail when it runs";
    Add(dynamic ? Severity::kWarning : Severity::kError, node, path, std::move(message));
  }

  void Check(const YamlNode& node, const Schema& schema, bool dynamic, const std::string& path);
  void CheckKind(const YamlNode& node, const Schema& schema, bool dynamic, const std::string& path);
  void CheckAnyOf(const YamlNode& node, const Schema& schema, bool dynamic,
                  const std::string& path);
  void CheckMembers(const YamlNode& node, const Schema& schema, bool dynamic,
                    const std::string& path);
  void CheckScalar(const YamlNode& node, const Schema& schema, bool dynamic,
                   const std::string& path);
};

bool IsBooleanText(std::string_view text) {
  return text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
         text == "FALSE";
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

bool IsNumberText(std::string_view text, bool fraction_allowed) {
  if (text.empty()) return false;
  const Kind kind = KindOfPlain(Trim(text));
  return kind == Kind::kInteger || (fraction_allowed && kind == Kind::kFloat);
}

std::string TypeNames(uint8_t types) {
  static constexpr std::pair<Schema::Type, const char*> kNames[] = {
      {Schema::kString, "a text"},   {Schema::kInteger, "an integer"},
      {Schema::kNumber, "a number"}, {Schema::kBoolean, "a boolean"},
      {Schema::kArray, "a list"},    {Schema::kObject, "a map"}};
  std::string names;
  for (const auto& [type, name] : kNames) {
    if ((types & type) == 0) continue;
    if (!names.empty()) names += " or ";
    names += name;
  }
  return names;
}

uint8_t AllTypes(const Schema& schema) {
  uint8_t types = schema.types;
  for (const auto& option : schema.any_of) types |= AllTypes(*option);
  return types;
}

std::string ValueNames(const Schema& schema) {
  std::string names;
  for (const Value& value : schema.values) {
    if (!names.empty()) names += ", ";
    names += expression::PrintText(value);
  }
  return names;
}

// Whether the kind of a node, as written, is one of the types.
bool IsOfType(const YamlNode& node, uint8_t types) {
  switch (node.kind) {
    case Kind::kNull: return (types & Schema::kNull) != 0;
    case Kind::kBool: return (types & (Schema::kBoolean | Schema::kString)) != 0;
    case Kind::kInteger:
      return (types & (Schema::kInteger | Schema::kNumber | Schema::kString)) != 0;
    case Kind::kFloat: return (types & (Schema::kNumber | Schema::kString)) != 0;
    case Kind::kText:
      if ((types & Schema::kString) != 0) return true;
      return ((types & Schema::kBoolean) != 0 && IsBooleanText(node.text)) ||
             ((types & Schema::kInteger) != 0 && IsNumberText(node.text, false)) ||
             ((types & Schema::kNumber) != 0 && IsNumberText(node.text, true));
    case Kind::kList: return (types & Schema::kArray) != 0;
    case Kind::kMap: return (types & Schema::kObject) != 0;
  }
  return false;
}

void Checker::Check(const YamlNode& node, const Schema& schema, bool dynamic,
                    const std::string& path) {
  dynamic = dynamic && schema.dynamic;
  if (node.kind == Kind::kText && dynamic && HoldsExpression(node.text)) return;
  if (!schema.any_of.empty()) return CheckAnyOf(node, schema, dynamic, path);
  const size_t before = complaints->size();
  if (schema.types != 0) CheckKind(node, schema, dynamic, path);
  if (complaints->size() != before) return;
  if (node.is_scalar()) CheckScalar(node, schema, dynamic, path);
  CheckMembers(node, schema, dynamic, path);
}

void Checker::CheckKind(const YamlNode& node, const Schema& schema, bool dynamic,
                        const std::string& path) {
  if (IsOfType(node, schema.types)) return;
  const std::string message =
      absl::StrFormat("must be %s, not %s", TypeNames(schema.types), node.KindName());
  // A text may be the JSON of a list or a map.
  if (node.kind == Kind::kText && dynamic) {
    const std::string_view text = Trim(node.text);
    if ((schema.types & Schema::kArray) != 0 && text.substr(0, 1) == "[") return;
    if ((schema.types & Schema::kObject) != 0 && text.substr(0, 1) == "{") return;
    if ((schema.types & (Schema::kArray | Schema::kObject)) == 0) {
      return AddSoft(dynamic, node, path, message);
    }
  }
  Add(Severity::kError, node, path, message);
}

void Checker::CheckAnyOf(const YamlNode& node, const Schema& schema, bool dynamic,
                         const std::string& path) {
  std::vector<Complaint> of_kind;
  bool some_kind_fits = false;
  for (const auto& option : schema.any_of) {
    std::vector<Complaint> found;
    Checker{&found}.Check(node, *option, dynamic, path);
    if (found.empty()) return;
    const uint8_t types = AllTypes(*option);
    if (!some_kind_fits && (types == 0 || IsOfType(node, types))) {
      some_kind_fits = true;
      of_kind = std::move(found);
    }
  }
  if (some_kind_fits) {
    for (Complaint& complaint : of_kind) complaints->push_back(std::move(complaint));
    return;
  }
  Add(Severity::kError, node, path,
      absl::StrFormat("must be %s, not %s", TypeNames(AllTypes(schema)), node.KindName()));
}

void Checker::CheckMembers(const YamlNode& node, const Schema& schema, bool dynamic,
                           const std::string& path) {
  if (node.is_list()) {
    if (schema.min_items && static_cast<int64_t>(node.items.size()) < *schema.min_items) {
      Add(Severity::kError, node, path,
          *schema.min_items == 1
              ? "must not be empty"
              : absl::StrFormat("must have at least %d members", *schema.min_items));
    }
    if (schema.items == nullptr) return;
    for (size_t i = 0; i < node.items.size(); ++i) {
      Check(*node.items[i], *schema.items, dynamic, absl::StrFormat("%s[%d]", path, i));
    }
    return;
  }
  if (!node.is_map()) return;
  for (const std::string& name : schema.required) {
    const YamlEntry* entry = node.Find(name);
    if (entry == nullptr || entry->value->is_null()) {
      Add(Severity::kError, node, path + "." + name, "must not be null");
    }
  }
  for (const YamlEntry& entry : node.entries) {
    const std::string member = path + "." + entry.key;
    if (const Schema* known = schema.Find(entry.key)) {
      if (!entry.value->is_null()) Check(*entry.value, *known, dynamic, member);
    } else if (schema.additional_schema != nullptr) {
      if (!entry.value->is_null()) Check(*entry.value, *schema.additional_schema, dynamic, member);
    } else if (!schema.additional && !entry.injected) {
      std::vector<std::string> names;
      for (const auto& [name, property] : schema.properties) names.push_back(name);
      complaints->push_back({Severity::kError, entry.key_mark, member,
                             absl::StrFormat("Unrecognized field \"%s\"%s", entry.key,
                                             complaints->size() < Reading::kSuggestionCountMax
                                                 ? DidYouMean(entry.key, names)
                                                 : "")});
    }
  }
}

void Checker::CheckScalar(const YamlNode& node, const Schema& schema, bool dynamic,
                          const std::string& path) {
  if (node.is_null()) return;
  if (!schema.values.empty()) {
    std::vector<std::string> names;
    for (const Value& value : schema.values) names.push_back(expression::PrintText(value));
    if (std::find(names.begin(), names.end(), node.text) == names.end()) {
      AddSoft(dynamic, node, path,
              absl::StrFormat("`%s` is none of %s%s", node.text.substr(0, 100), ValueNames(schema),
                              DidYouMean(node.text, names)));
    }
  }
  if (schema.format == "duration" && !ParseDuration(Trim(node.text))) {
    AddSoft(dynamic, node, path,
            absl::StrFormat("`%s` is no duration; write `PT30S`, `P1D` or a number of seconds",
                            node.text.substr(0, 100)));
  }
  if (schema.pattern) {
    const auto matches = schema.pattern->MatchesWhole(node.text);
    if (!matches.ok() || !*matches) {
      AddSoft(dynamic, node, path, absl::StrFormat("must match `%s`", schema.pattern_text));
    }
  }
  if ((schema.minimum || schema.maximum) && IsNumberText(node.text, true)) {
    const std::string_view text = Trim(node.text);
    double number = 0;
    std::from_chars(text.data() + (text[0] == '+'), text.data() + text.size(), number);
    if (schema.minimum && number < *schema.minimum) {
      AddSoft(dynamic, node, path,
              absl::StrFormat("must be greater than or equal to %g", *schema.minimum));
    }
    if (schema.maximum && number > *schema.maximum) {
      AddSoft(dynamic, node, path,
              absl::StrFormat("must be less than or equal to %g", *schema.maximum));
    }
  }
}

}  // namespace

bool HoldsExpression(std::string_view text) {
  return text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos;
}

void CheckNode(const YamlNode& node, const Schema& schema, const std::string& path,
               std::vector<Complaint>* complaints) {
  Checker{complaints}.Check(node, schema, /*dynamic=*/true, path);
}

Value ToValue(const YamlNode& node, const Schema& schema) {
  if (node.is_null()) return Value::Null();
  if (node.is_scalar()) {
    if (node.kind == Kind::kText) return Value::String(node.text);
    const uint8_t types = AllTypes(schema);
    constexpr uint8_t kOtherScalars = Schema::kBoolean | Schema::kInteger | Schema::kNumber;
    const bool only_text = (types & Schema::kString) != 0 && (types & kOtherScalars) == 0;
    return only_text ? Value::String(node.text) : ToValue(node);
  }
  for (const auto& option : schema.any_of) {
    if (IsOfType(node, AllTypes(*option))) return ToValue(node, *option);
  }
  if (node.is_list()) {
    if (schema.items == nullptr) return ToValue(node);
    std::vector<Value> items;
    items.reserve(node.items.size());
    for (const YamlNode* item : node.items) items.push_back(ToValue(*item, *schema.items));
    return Value::List(std::move(items));
  }
  expression::MapBuilder map;
  for (const YamlEntry& entry : node.entries) {
    const Schema* member = schema.Find(entry.key);
    if (member == nullptr) member = schema.additional_schema.get();
    map.Set(entry.key, member == nullptr ? ToValue(*entry.value) : ToValue(*entry.value, *member));
  }
  return map.Build();
}

}  // namespace orch::flow
