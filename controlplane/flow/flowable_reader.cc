// The part of TaskReader that is about tasks with tasks in them.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "controlplane/flow/graph.h"
#include "controlplane/flow/task_reader.h"

namespace orch::flow {

void TaskReader::ReadLists(const YamlNode& node, const std::string& path, const TaskType& type,
                           Task* task) {
  const EngineFeatures& features = reading_->options.features;
  std::optional<TaskList> defaults;
  // Main lists first, so that indexes follow the order in which things run.
  for (const bool main_lists : {true, false}) {
    for (const YamlEntry& entry : node.entries) {
      const Schema* schema = type.schema.Find(entry.key);
      if (schema == nullptr || !schema->IsTaskList() || entry.value->is_null()) continue;
      const bool is_main = entry.key != "errors" && entry.key != "finally";
      if (is_main != main_lists) continue;
      const std::string list_path = path + "." + entry.key;
      const YamlNode& value = *entry.value;
      const bool wants_map = schema->format == "task-map";
      if (wants_map ? !value.is_map() : !value.is_list()) {
        reading_->Fatal(value.mark, task->id + "." + entry.key,
                        absl::StrFormat("must be %s, not %s",
                                        wants_map ? "a map of lists of tasks" : "a list of tasks",
                                        value.KindName()));
        continue;
      }
      if (wants_map) {
        for (const YamlEntry& branch : value.entries) {
          const std::string branch_path = list_path + "." + branch.key;
          if (branch.value->is_null()) {
            task->branches.push_back({branch.key, {}});
          } else if (!branch.value->is_list()) {
            reading_->Fatal(
                branch.value->mark, branch_path,
                absl::StrFormat("must be a list of tasks, not %s", branch.value->KindName()));
          } else {
            task->branches.push_back({branch.key, ReadList(*branch.value, branch_path, task->index,
                                                           task->disabled_above)});
          }
        }
      } else if (schema->format == "dag") {
        ReadDag(value, list_path, task);
      } else {
        TaskList list = ReadList(value, list_path, task->index, task->disabled_above);
        const bool built = is_main || (entry.key == "errors" ? features.errors : features.finally);
        if (!built && !list.empty() && !task->disabled_above) {
          reading_->NotYet(entry.key_mark, task->id + "." + entry.key, entry.key);
        }
        if (entry.key == "errors") {
          task->errors = std::move(list);
        } else if (entry.key == "finally") {
          task->finally = std::move(list);
        } else if (entry.key == "defaults" && task->flowable == Flowable::kSwitch) {
          defaults = std::move(list);
        } else {
          task->branches.push_back({entry.key, std::move(list)});
        }
      }
    }
  }
  if (defaults) {
    task->defaults_branch = static_cast<int>(task->branches.size());
    task->branches.push_back({"defaults", *std::move(defaults)});
  }
}

void TaskReader::ReadDag(const YamlNode& list, const std::string& path, Task* task) {
  TaskList tasks;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode& item = *list.items[i];
    const std::string item_path = ItemPath(path, i);
    if (!item.is_map()) {
      reading_->Fatal(
          item.mark, item_path,
          absl::StrFormat("must be a map of `task` and `dependsOn`, not %s", item.KindName()));
      continue;
    }
    Fields entry(reading_, item, item_path, item_path);
    const YamlNode* node = entry.Map("task");
    const std::vector<std::string> depends_on = entry.Texts("dependsOn");
    entry.Done();
    if (node == nullptr) {
      reading_->Fatal(item.mark, item_path + ".task", "must not be null");
      continue;
    }
    tasks.push_back(ReadTask(*node, item_path + ".task", task->index, task->disabled_above));
    if (!depends_on.empty()) task->depends_on[tasks.back()->id] = depends_on;
  }
  task->branches.push_back({"tasks", std::move(tasks)});
}

void TaskReader::CheckFlowable(const YamlNode& node, Fields* fields, Task* task) {
  const auto size_of = [&](const char* name) {
    const TaskList* list = task->FindBranch(name);
    return list == nullptr ? size_t{0} : list->size();
  };
  const auto not_empty = [&](const char* name, const std::string& message) {
    const YamlEntry* entry = fields->Entry(name);
    // A list whose items are wrong has its own complaints.
    const bool written_empty = entry == nullptr || entry->value->is_null() ||
                               (entry->value->is_list() && entry->value->items.empty());
    if (size_of(name) == 0 && written_empty) {
      reading_->Error(fields->MarkOf(name), fields->PathOf(name), message);
    }
  };
  switch (task->flowable) {
    case Flowable::kParallel:
      not_empty("tasks", "must not be empty");
      if (fields->Take("tasks") == nullptr) {
        reading_->Error(fields->MarkOf("tasks"), fields->PathOf("tasks"), "must not be null");
      }
      break;
    case Flowable::kForEach:
      if (task->type == "flow.EachParallel") {  // An empty list is let through: it does nothing.
        if (fields->Take("tasks") == nullptr) {
          reading_->Error(fields->MarkOf("tasks"), fields->PathOf("tasks"), "must not be null");
        }
        break;
      }
      [[fallthrough]];
    case Flowable::kSequential:
    case Flowable::kAllowFailure: not_empty("tasks", "The 'tasks' property cannot be empty"); break;
    case Flowable::kIf:
      not_empty("then", "must not be empty");
      if (fields->Take("condition") == nullptr) {
        reading_->Warn(node.mark, fields->PathOf("condition"),
                       "an absent condition is false: `then` never runs");
      }
      break;
    case Flowable::kSwitch: {
      const auto has_tasks = [](const Branch& branch) { return !branch.tasks.empty(); };
      if (std::none_of(task->branches.begin(), task->branches.end(), has_tasks)) {
        reading_->Error(node.mark, task->id,
                        "No task defined, neither `cases` nor `defaults` have any tasks");
      }
      break;
    }
    case Flowable::kDag:
      not_empty("tasks", "must not be empty: no task defined");
      CheckDag(node, *task, task->id);
      break;
    case Flowable::kNone:
    case Flowable::kSleep: break;
  }
  const bool is_for_each = task->type == "flow.ForEach";
  task->concurrency = is_for_each || task->type == "flow.EachSequential" ? 1 : 0;
  const char* limit = is_for_each ? "concurrencyLimit"
                      : task->flowable == Flowable::kParallel || task->flowable == Flowable::kDag ||
                              task->type == "flow.EachParallel"
                          ? "concurrent"
                          : nullptr;
  if (limit == nullptr) return;
  const YamlNode* written = fields->Take(limit);
  if (written == nullptr) return;
  // It decides how many children there are before anything is rendered.
  if (written->is_scalar() && KindOfPlain(written->text) != YamlNode::Kind::kInteger) {
    const bool complained =
        written->kind != YamlNode::Kind::kText || written->text.find("{{") == std::string::npos;
    if (!complained) {
      reading_->Error(written->mark, fields->PathOf(limit),
                      "must be an integer, not an expression");
    }
    return;
  }
  if (!written->is_scalar()) return;
  const auto number = fields->Integer(limit);
  if (!number) return;
  task->concurrency = std::max<int64_t>(0, *number);
  if (*number < 0 && !is_for_each) {
    reading_->Warn(written->mark, fields->PathOf(limit),
                   "a negative number means the same as 0: no limit");
  }
}

void TaskReader::CheckDag(const YamlNode& node, const Task& task, const std::string& label) {
  const TaskList* children = task.FindBranch("tasks");
  if (children == nullptr) return;
  std::vector<std::string> ids;
  for (const auto& child : *children) ids.push_back(child->id);
  const std::set<std::string> known(ids.begin(), ids.end());
  const auto mark_of = [&](const std::string& id) {
    for (const auto& child : *children) {
      if (child->id == id) return child->mark;
    }
    return node.mark;
  };
  for (const auto& [child, needed] : task.depends_on) {
    for (const std::string& id : needed) {
      if (known.contains(id)) continue;
      reading_->Error(mark_of(child), label,
                      absl::StrFormat("Not existing task id in dependency: %s%s", id,
                                      reading_->Suggest(id, ids)));
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> nodes;
  for (const std::string& id : ids) {
    const auto needed = task.depends_on.find(id);
    nodes.emplace_back(
        id, needed == task.depends_on.end() ? std::vector<std::string>() : needed->second);
  }
  const std::vector<std::string> on_cycle = OnCycles(nodes);
  if (!on_cycle.empty()) {
    std::string names;
    for (const std::string& id : on_cycle) names += names.empty() ? id : ", " + id;
    reading_->Fatal(mark_of(on_cycle.front()), label, "Cyclic dependency detected: " + names);
  }
}

}  // namespace orch::flow
