// Schema is the part of JSON Schema (draft 07) in which properties of tasks are described.
//
// Understood: type, enum, required, properties, additionalProperties, items, oneOf, anyOf, pattern,
// minimum, maximum, minItems, default, format (duration, and our own below), title, description,
// deprecated, and `$dynamic: false` for a property that is used as it is written. Anything else in
// a schema is kept in its text and not checked.
//
// Formats of our own: `tasks` (a list of tasks), `task-map` (name -> list of tasks), `dag` (entries
// {task, dependsOn}), `task` (one task), `inputs` (a list of inputs).
//
// Threads     Immutable once parsed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "expression/regex.h"
#include "expression/value.h"

namespace orch::flow {

struct Schema {
  enum Type : uint8_t {
    kNull = 1,
    kBoolean = 2,
    kInteger = 4,
    kNumber = 8,
    kString = 16,
    kArray = 32,
    kObject = 64,
  };
  uint8_t types = 0;                      // Union; 0: any.
  std::vector<expression::Value> values;  // enum; empty: any.
  std::vector<std::string> required;
  std::vector<std::pair<std::string, std::shared_ptr<const Schema>>> properties;
  bool additional = true;                           // Whether other members are allowed,
  std::shared_ptr<const Schema> additional_schema;  // and what they look like.
  std::shared_ptr<const Schema> items;
  std::vector<std::shared_ptr<const Schema>> any_of;  // oneOf as well.
  std::optional<expression::Regex> pattern;
  std::string pattern_text;
  std::optional<double> minimum, maximum;
  std::optional<int64_t> min_items;
  std::string format;
  std::optional<expression::Value> default_value;
  bool dynamic = true;  // May be an expression.
  bool deprecated = false;
  std::string title;
  std::string description;

  // nullptr when there is none of that name.
  const Schema* Find(std::string_view property) const;
  bool IsTaskList() const { return format == "tasks" || format == "task-map" || format == "dag"; }

  // Reads a schema.
  //   kInvalidArgument  it is no object, or a keyword has a value that it cannot have.
  static absl::StatusOr<Schema> Parse(const expression::Value& json);
};

}  // namespace orch::flow
