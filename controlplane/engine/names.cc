#include "controlplane/engine/names.h"

#include <algorithm>
#include <limits>

#include "base/status_macros.h"
#include "controlplane/engine/errors.h"

namespace orch::engine {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";

// The number that `text` writes in `base`, without sign, leading zeros or overflow; -1 for any other.
int64_t ReadNumber(std::string_view text, int64_t base) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return -1;
  int64_t number = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos || static_cast<int64_t>(digit) >= base) return -1;
    if (number > (std::numeric_limits<int64_t>::max() - static_cast<int64_t>(digit)) / base)
      return -1;
    number = number * base + static_cast<int64_t>(digit);
  }
  return number;
}

std::string Base36(int64_t number) {
  std::string text;
  do {
    text.push_back(kDigits[number % 36]);
    number /= 36;
  } while (number > 0);
  std::reverse(text.begin(), text.end());
  return text;
}

}  // namespace

std::string RunId(std::string_view execution_id, int64_t number) {
  return std::string(execution_id) + "-" + Base36(number);
}

absl::StatusOr<RunName> ParseRunId(std::string_view run_id) {
  const size_t dash = run_id.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return NotARunId(run_id);
  const int64_t number = ReadNumber(run_id.substr(dash + 1), 36);
  if (number < 0) return NotARunId(run_id);
  return RunName{std::string(run_id.substr(0, dash)), number};
}

std::string AttemptId(std::string_view execution_id, int64_t number, int attempt) {
  return RunId(execution_id, number) + "/" + std::to_string(attempt);
}

absl::StatusOr<AttemptName> ParseAttemptId(std::string_view attempt_id) {
  const size_t slash = attempt_id.rfind('/');
  if (slash == std::string_view::npos) return NotAnAttemptId(attempt_id);
  const int64_t attempt = ReadNumber(attempt_id.substr(slash + 1), 10);
  if (attempt < 1 || attempt > std::numeric_limits<int>::max()) return NotAnAttemptId(attempt_id);
  ORCH_ASSIGN_OR_RETURN(RunName run, ParseRunId(attempt_id.substr(0, slash)));
  return AttemptName{std::move(run.execution_id), run.number, static_cast<int>(attempt)};
}

}  // namespace orch::engine
