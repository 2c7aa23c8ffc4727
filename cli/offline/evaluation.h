#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "expression/context.h"
#include "expression/value.h"

namespace orch::cli {

// What an expression is evaluated against: the contents of a context file.
struct ContextFile {
  expression::Value variables;
  expression::Value fixtures;
  bool recursive = false;

  // Reads a JSON object: variables at top level, `$fixtures` and `$config` beside them.
  //   kInvalidArgument (a usage error)  it is no such object.
  static absl::StatusOr<ContextFile> Read(std::string_view json);
};

enum class EvalMode { kString, kTyped, kObject, kProperty };

struct Evaluation {
  std::string expression;
  EvalMode mode = EvalMode::kString;
  std::string
      target;  // Of kProperty: "Duration", "List<String>"; a name it does not know is an enum.
};

// Evaluates, fetching facts from the file's fixtures as they are asked for.
//   kInvalidArgument (a usage error)  of kObject, the expression is no JSON.
absl::StatusOr<std::variant<expression::Value, expression::Error>> Evaluate(
    const Evaluation& evaluation, const ContextFile& file, absl::Time now, uint64_t seed);

// The process's time zone as expressions name it.
std::string ProcessZone();

}  // namespace orch::cli
