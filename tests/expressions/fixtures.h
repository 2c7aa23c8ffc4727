#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "expression/fact.h"
#include "expression/value.h"

namespace orch::tests {

// A context value as the case file writes it: `{"$instant": "…"}` and its like become their kind.
expression::Value Typed(const expression::Value& json);

// FixtureFacts answers from the `fixtures` of a case, and runs jq in this process. It knows nothing
// until it is told to fetch, as the engine would be.
class FixtureFacts : public expression::Facts {
 public:
  explicit FixtureFacts(expression::Value fixtures) : fixtures_(std::move(fixtures)) {}

  const absl::StatusOr<expression::Value>* Find(const expression::Fact& fact) const override;
  void Fetch(const expression::Fact& fact);

 private:
  absl::StatusOr<expression::Value> Answer(const expression::Fact& fact) const;
  absl::StatusOr<expression::Value> Kv(const expression::Fact& fact) const;
  absl::StatusOr<expression::Value> File(const expression::Fact& fact) const;

  expression::Value fixtures_;
  absl::flat_hash_map<std::string, absl::StatusOr<expression::Value>> known_;
};

// All results of a jq program.
absl::StatusOr<expression::Value> RunJq(const std::string& program, const expression::Value& input);

}  // namespace orch::tests
