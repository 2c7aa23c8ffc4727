#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace orch::expression {

// Regex is one compiled pattern in Java's notation.
//
// RE2 runs it, in time linear in the text. What RE2 refuses (look-around, back references, possessive
// quantifiers) is run by PCRE2 with a bound on its steps; going beyond is kResourceExhausted, never a
// hang.
//
// Threads     Safe to use from many at once.
class Regex {
 public:
  class Program;  // The engine behind it.

  // kInvalidArgument: neither engine can read the pattern.
  static absl::StatusOr<Regex> Compile(std::string_view pattern);

  // Whether the pattern covers the whole text.
  absl::StatusOr<bool> MatchesWhole(std::string_view text) const;
  // Whether it is found anywhere.
  absl::StatusOr<bool> Found(std::string_view text) const;

  struct Match {
    size_t begin = 0;
    size_t end = 0;
    std::vector<std::optional<std::string>> groups;  // [0] is the whole; nullopt took no part
  };
  // The first match at or after `from`.
  absl::StatusOr<std::optional<Match>> Find(std::string_view text, size_t from = 0) const;

  // Replaces every match. `$1` and `${name}` stand for groups, `\` escapes.
  //   kInvalidArgument  the replacement names a group that does not exist.
  absl::StatusOr<std::string> ReplaceAll(std::string_view text, std::string_view replacement) const;

  // Java's split: limit 0 drops trailing empty parts, n > 0 gives at most n parts, a negative one
  // keeps everything.
  absl::StatusOr<std::vector<std::string>> Split(std::string_view text, int limit = 0) const;

  // How many groups the pattern has.
  int group_count() const;

 private:
  explicit Regex(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

}  // namespace orch::expression
