#include "expression/text_tools.h"

#include <cstdint>

#include "absl/strings/escaping.h"

namespace orch::expression {

Result<std::string> ReplaceLiteral(const std::string& text, const std::string& from,
                                   const std::string& to, Evaluator& evaluator) {
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done);
    out += to;
    done = at + from.size();
    ASSIGN_OR_FAIL([[maybe_unused]] const bool fits, Fits(out.size(), evaluator));
  }
  out.append(text, done);
  return out;
}

Result<Regex> CompilePattern(const std::string& pattern, Evaluator& evaluator) {
  constexpr int64_t kSteps = 50;
  if (!evaluator.Spend(kSteps + static_cast<int64_t>(pattern.size()))) {
    return LimitFailure("The evaluation takes too many steps");
  }
  ASSIGN_OR_FAIL_STATUS(Regex regex, Regex::Compile(pattern));
  return regex;
}

std::string Base64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

bool FromBase64(std::string_view text, std::string* bytes) {
  const std::string_view digits = text.substr(0, text.find_last_not_of('=') + 1);
  const size_t padding = text.size() - digits.size();
  if (digits.size() % 4 == 1 || padding > 2 || (padding > 0 && text.size() % 4 != 0)) return false;
  uint32_t bits = 0;
  int count = 0;
  bytes->clear();
  for (const char c : digits) {
    uint32_t digit = 0;
    if (c >= 'A' && c <= 'Z') {
      digit = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      digit = static_cast<uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0') + 52;
    } else if (c == '+' || c == '/') {
      digit = c == '+' ? 62 : 63;
    } else {
      return false;
    }
    bits = (bits << 6) | digit;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes->push_back(static_cast<char>((bits >> count) & 0xFF));
    }
  }
  return true;
}

}  // namespace orch::expression
