#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "expression/fact.h"
#include "expression/fuel.h"
#include "expression/value.h"

namespace orch::expression {

// Variables are the names an expression can see.
class Variables {
 public:
  virtual ~Variables() = default;
  virtual std::optional<Value> Find(std::string_view name) const = 0;
  // Every name, in the order in which `fetchContext()` tells them.
  virtual std::vector<std::string> Names() const = 0;
};

// The variables of one map; keys that are no strings cannot be seen.
class MapVariables : public Variables {
 public:
  explicit MapVariables(Value map) : map_(std::move(map)) {}
  std::optional<Value> Find(std::string_view name) const override;
  std::vector<std::string> Names() const override;

 private:
  Value map_;
};

// What one evaluation may draw on. Pointers must outlive it; none is kept.
struct EvaluationContext {
  const Variables* variables = nullptr;  // None: no variables.
  const Facts* facts = nullptr;          // None: every fact is asked for.
  absl::Time now = absl::UnixEpoch();    // now()
  uint64_t seed = 0;       // uuid(), randomInt(), id(), … : equal seeds, equal results
  bool recursive = false;  // Render results again until they stay the same.
  Limits limits;
  std::string zone = "UTC";  // The zone of dates that name none: a region or an offset.
};

// Why an evaluation came to nothing. The message is complete: it names the expression and the line.
struct Error {
  enum class Code { kMissing, kSyntax, kEval, kLimit };
  Code code = Code::kEval;
  std::string message;
  int line = 0;  // 1-based, within the rendered text; 0 if unknown.
};

// "missing", "syntax", "eval", "limit".
std::string_view CodeName(Error::Code code);

// The facts that stand between an evaluation and its end: each once, all that could be reached.
// Fetch them and evaluate again, with the same `now` and `seed`.
struct Need {
  std::vector<Fact> facts;
};

using Outcome = std::variant<Value, Need, Error>;

}  // namespace orch::expression
