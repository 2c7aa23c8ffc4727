#include "controlplane/flow/closest.h"

#include <algorithm>
#include <cctype>

namespace orch::flow {
namespace {

constexpr size_t kLengthMax = 128;

bool SameLetter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

// Changes (insert, drop, replace, swap of neighbours) in half steps: a change of case costs one.
int Distance(std::string_view a, std::string_view b) {
  std::vector<int> before_last, last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(2 * j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(2 * i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replace = a[i - 1] == b[j - 1] ? 0 : SameLetter(a[i - 1], b[j - 1]) ? 1 : 2;
      row[j] = std::min({last[j] + 2, row[j - 1] + 2, last[j - 1] + replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 2);
      }
    }
    before_last = last;
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string Closest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLengthMax) return "";
  const int allowed = 2 * std::max<int>(1, static_cast<int>(word.size()) / 3);
  int best = allowed + 1;
  std::string closest;
  for (const std::string& candidate : candidates) {
    const size_t gap = candidate.size() > word.size() ? candidate.size() - word.size()
                                                      : word.size() - candidate.size();
    if (static_cast<int>(2 * gap) >= best) continue;
    const bool only_case =
        gap == 0 && std::equal(word.begin(), word.end(), candidate.begin(), SameLetter);
    const int distance = only_case ? 1 : Distance(word, candidate);
    if (distance < best) best = distance, closest = candidate;
  }
  return closest;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string closest = Closest(word, candidates);
  return closest.empty() ? "" : "; did you mean `" + closest + "`?";
}

}  // namespace orch::flow
