#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "expression/fact.h"
#include "expression/value.h"

namespace orch::cli {

// FixtureFacts answers what expressions ask for out of a context file's `$fixtures`:
// `{"secrets": {KEY: text}, "kv": {NAMESPACE: {KEY: value}}, "files": {STORAGE PATH: text}}`.
//
// What a file cannot tell (http, subflow, errorLogs, jq) is kFailedPrecondition.
class FixtureFacts final : public expression::Facts {
 public:
  explicit FixtureFacts(expression::Value fixtures) : fixtures_(std::move(fixtures)) {}

  const absl::StatusOr<expression::Value>* Find(const expression::Fact& fact) const override;

  // Finds an answer to each, so that the next round has them.
  void Fetch(const std::vector<expression::Fact>& facts);

 private:
  absl::StatusOr<expression::Value> Answer(const expression::Fact& fact) const;
  absl::StatusOr<expression::Value> Secret(const std::string& key) const;
  absl::StatusOr<expression::Value> Kv(const std::string& key, std::string namespace_,
                                       bool search_parents) const;
  // nullptr when there is no such file.
  const expression::Value* File(const expression::Fact& fact) const;

  const expression::Value fixtures_;
  std::map<std::string, absl::StatusOr<expression::Value>> answers_;
};

}  // namespace orch::cli
