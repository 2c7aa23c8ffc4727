// TaskTypes knows the types that a task may have: what each is called, where it is done, and which
// properties it takes.
//
// It begins with the types that are built in (//task_types, one schema file each) and grows by
// those that workers bring. A type is found by its canonical name (`log.Log`), by that name behind
// `io.kestra.plugin.core.` or `io.kestra.plugin.`, and by its aliases.
//
// Threads     A value: copying is cheap (types are shared), reading is safe from many at once.
// Memory      A few KiB for each type.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/flow/flow.h"
#include "controlplane/flow/schema.h"
#include "expression/value.h"

namespace orch::flow {

struct TaskType {
  std::string name;     // Canonical.
  std::string version;  // "" when none was told.
  Place place = Place::kWorker;
  bool built_in = false;
  bool deprecated = false;
  std::vector<std::string> aliases;
  std::vector<std::string> late_fields;  // Properties that are not rendered in the control plane.
  std::string title;
  std::string description;
  Schema schema;              // Of the type's own properties.
  expression::Value outputs;  // JSON Schema of each output, by name. A map.
  std::string json;           // The schema as it came.
};

class TaskTypes {
 public:
  // No types at all.
  TaskTypes() = default;

  // The types built into this release.
  //   kInternal  a schema file cannot be read.
  static absl::StatusOr<TaskTypes> BuiltIn();

  // Adds one type from its schema, or replaces the one of that name.
  //   kInvalidArgument  the schema cannot be read; the text says where.
  //   kAlreadyExists    a built-in type has that name or alias, and cannot be replaced.
  absl::Status Add(std::string_view json);
  // As Add, for a type whose name stands beside the schema instead of in its `$id`.
  absl::Status Add(std::string_view name, std::string_view json);

  // The type an author means; nullptr when nobody has brought it.
  const TaskType* Find(std::string_view as_written) const;

  // The canonical name, whether or not the type is known here.
  std::string Canonical(std::string_view as_written) const;

  // Whether the name is an alias: a spelling that canonical name and long forms do not cover.
  bool IsAlias(std::string_view as_written) const;

  // Whether the name belongs to a group of the core (`log.`, `flow.`, ...), where nobody else may
  // bring types.
  static bool IsCore(std::string_view canonical);

  // Whether the language has this core type, even though this release may not.
  static bool IsInLanguage(std::string_view canonical);

  // The known name most like this one, in the author's way of writing; "" when none is near.
  std::string Closest(std::string_view as_written) const;

  // All of them, by canonical name.
  const std::map<std::string, std::shared_ptr<const TaskType>, std::less<>>& all() const {
    return types_;
  }

 private:
  absl::Status AddParsed(std::shared_ptr<const TaskType> type);

  std::map<std::string, std::shared_ptr<const TaskType>, std::less<>> types_;
  std::map<std::string, std::string, std::less<>> aliases_;  // alias -> canonical
};

}  // namespace orch::flow
