#include "controlplane/flow/flow_rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "controlplane/flow/schema_check.h"
#include "expression/regex.h"

namespace orch::flow {
namespace {

struct Named {
  std::string id;
  Mark mark;
};

// "Duplicate task id with name [a, b]": each id once, in order of first appearance.
void CheckDuplicates(Reading* reading, const char* what, const std::vector<Named>& all,
                     bool fatal) {
  std::map<std::string, int> counts;
  for (const Named& named : all) ++counts[named.id];
  std::string names;
  std::string lines;
  std::set<std::string> seen, told;
  Mark first;
  for (const Named& named : all) {
    if (named.id.empty() || counts[named.id] < 2) continue;
    if (told.insert(named.id).second) names += names.empty() ? named.id : ", " + named.id;
    if (seen.insert(named.id).second) continue;
    if (first.line == 0) first = named.mark;
    if (lines.size() < 200)
      lines += absl::StrFormat("%s%d", lines.empty() ? "" : ", ", named.mark.line);
  }
  if (names.empty()) return;
  const std::string message = absl::StrFormat(
      "Invalid Flow: Duplicate %s with name [%s] (again at line %s)", what, names, lines);
  if (fatal) {
    reading->Fatal(first, "", message);
  } else {
    reading->Error(first, "", message);
  }
}

std::vector<Named> TriggersOf(const YamlNode& root) {
  std::vector<Named> triggers;
  const YamlEntry* list = root.Find("triggers");
  if (list == nullptr || !list->value->is_list()) return triggers;
  for (const YamlNode* node : list->value->items) {
    const YamlEntry* id = node->is_map() ? node->Find("id") : nullptr;
    if (id != nullptr && id->value->is_scalar()) triggers.push_back({id->value->text, node->mark});
  }
  return triggers;
}

void CheckRecursion(Reading* reading, const Flow& flow) {
  const auto text_of = [](const Task& task, const char* name) -> std::string {
    const expression::Value* value = task.properties.Find(name);
    return value != nullptr && value->is_string() ? value->AsString() : "";
  };
  for (const Task* task : flow.tasks_by_index) {
    if (task->type != "flow.Subflow" && task->type != "flow.ForEachItem") continue;
    if (text_of(*task, "namespace") != flow.namespace_ || text_of(*task, "flowId") != flow.id)
      continue;
    reading->Error(
        task->mark, task->id,
        absl::StrFormat("Invalid Flow: Recursive call to flow [%s.%s]", flow.namespace_, flow.id));
  }
}

bool IsIdLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// Finds `inputs.a-b` and `outputs.t-x` inside expressions: a dash there is a minus.
class DashCheck {
 public:
  DashCheck(Reading* reading, const Flow& flow) : reading_(reading) {
    for (const Input& input : flow.inputs) {
      if (input.id.find('-') != std::string::npos) inputs_.insert(input.id);
    }
    for (const Task* task : flow.tasks_by_index) {
      if (task->id.find('-') != std::string::npos) tasks_.insert(task->id);
    }
  }

  bool needed() const { return !inputs_.empty() || !tasks_.empty(); }

  void Check(const YamlNode& node) {
    for (const YamlNode* item : node.items) Check(*item);
    for (const YamlEntry& entry : node.entries) Check(*entry.value);
    if (node.kind == YamlNode::Kind::kText && HoldsExpression(node.text)) CheckText(node);
  }

 private:
  void CheckText(const YamlNode& node) {
    const std::string_view text = node.text;
    int line = 1;
    size_t line_from = 0;
    char quote = 0;
    bool inside = false;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '\n') ++line, line_from = i + 1;
      const std::string_view two = text.substr(i, 2);
      if (!inside) {
        inside = two == "{{" || two == "{%";
        continue;
      }
      if (quote != 0) {
        if (c == '\\') ++i;
        if (c == quote) quote = 0;
        continue;
      }
      if (c == '\'' || c == '"') {
        quote = c;
      } else if (two == "}}" || two == "%}") {
        inside = false;
      } else if (i == 0 || !(IsIdLetter(text[i - 1]) || text[i - 1] == '.')) {
        CheckName(node, text.substr(i), "inputs.", inputs_, line,
                  static_cast<int>(i - line_from) + 1);
        CheckName(node, text.substr(i), "outputs.", tasks_, line,
                  static_cast<int>(i - line_from) + 1);
      }
    }
  }

  void CheckName(const YamlNode& node, std::string_view rest, std::string_view root,
                 const std::set<std::string, std::less<>>& ids, int line, int column) {
    if (rest.substr(0, root.size()) != root) return;
    std::string_view name = rest.substr(root.size());
    size_t length = 0;
    while (length < name.size() && IsIdLetter(name[length])) ++length;
    name = name.substr(0, length);
    if (!ids.contains(name)) return;
    const std::string head(root.substr(0, root.size() - 1));
    reading_->Error(reading_->document.Locate(node, line, column), "",
                    absl::StrFormat("Invalid Flow: in `%s.%s` the dash is a minus; use %s['%s']",
                                    head, std::string(name), head, std::string(name)));
  }

  Reading* reading_;
  std::set<std::string, std::less<>> inputs_;
  std::set<std::string, std::less<>> tasks_;
};

// Keys that only the server sets; `system.readOnly` is the author's.
bool IsSystemLabel(const std::string& key) {
  return key.compare(0, 7, "system.") == 0 && key != "system.readOnly";
}

}  // namespace

void CheckFlowRules(Reading* reading, const Flow& flow, const YamlNode& root) {
  std::vector<Named> tasks, inputs, outputs;
  for (const Task* task : flow.tasks_by_index) tasks.push_back({task->id, task->mark});
  for (const Input& input : flow.inputs) inputs.push_back({input.id, input.mark});
  for (const Output& output : flow.outputs) outputs.push_back({output.id, output.mark});
  CheckDuplicates(reading, "task id", tasks, /*fatal=*/true);
  CheckDuplicates(reading, "trigger id", TriggersOf(root), /*fatal=*/false);
  CheckDuplicates(reading, "input", inputs, /*fatal=*/true);
  CheckDuplicates(reading, "output", outputs, /*fatal=*/true);
  CheckRecursion(reading, flow);
  DashCheck dash(reading, flow);
  if (dash.needed()) dash.Check(root);
}

std::vector<std::pair<std::string, std::string>> ReadLabels(Reading* reading, const YamlNode& node,
                                                            const std::string& path) {
  std::vector<std::pair<std::string, std::string>> labels;
  static const auto* const key_pattern =
      new expression::Regex(*expression::Regex::Compile("[\\p{Ll}][\\p{L}0-9._-]*"));
  const auto add = [&](const std::string& key, Mark key_mark, const YamlNode* value,
                       const std::string& label_path) {
    if (value == nullptr || !value->is_scalar() || value->is_null()) {
      reading->Error(
          value == nullptr ? key_mark : value->mark, label_path,
          absl::StrFormat("Unsupported type for key: %s; a label is a text, a number or a boolean",
                          key));
      return;
    }
    const auto matches = key_pattern->MatchesWhole(key);
    if (!matches.ok() || !*matches) {
      reading->Error(
          key_mark, label_path + ".key",
          absl::StrFormat("Invalid label key `%s`: it begins with a lower-case letter and holds "
                          "letters, digits, `-`, `_` and `.`",
                          key.substr(0, 100)));
    }
    if (IsSystemLabel(key)) {
      reading->Error(
          key_mark, label_path,
          absl::StrFormat("System labels are set by the server alone, offending label: %s=%s", key,
                          value->text.substr(0, 100)));
    }
    if (value->text.empty())
      reading->Error(value->mark, label_path + ".value", "must not be empty");
    const auto same =
        std::find_if(labels.begin(), labels.end(), [&](const auto& l) { return l.first == key; });
    if (same != labels.end()) {
      same->second = value->text;
    } else {
      labels.emplace_back(key, value->text);
    }
  };
  if (node.is_map()) {
    for (size_t i = 0; i < node.entries.size(); ++i) {
      const YamlEntry& entry = node.entries[i];
      add(entry.key, entry.key_mark, entry.value, ItemPath(path, i));
    }
  } else if (node.is_list()) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode& item = *node.items[i];
      const std::string item_path = ItemPath(path, i);
      if (!item.is_map()) {
        reading->Error(
            item.mark, item_path,
            absl::StrFormat("must be a map of `key` and `value`, not %s", item.KindName()));
        continue;
      }
      Fields fields(reading, item, item_path, item_path);
      const std::string key = fields.Text("key");
      const YamlNode* value = fields.Take("value");
      fields.Done();
      if (key.empty()) {
        reading->Error(item.mark, item_path + ".key", "must not be empty");
      } else {
        add(key, fields.MarkOf("key"), value, item_path);
      }
    }
  } else {
    reading->Error(
        node.mark, path,
        absl::StrFormat("must be a map, or a list of `key` and `value`, not %s", node.KindName()));
  }
  return labels;
}

}  // namespace orch::flow
