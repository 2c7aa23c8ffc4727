#include "expression/regex.h"

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/status_macros.h"
#include "expression/errors.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

// What PCRE2 may spend: it has no other end on a pattern that backtracks. It counts the steps of each
// starting point anew, so that each gets its share of what the whole text may cost.
constexpr uint32_t kMatchStepsMax = 100'000;
constexpr uint32_t kMatchStepsMin = 200;
constexpr size_t kTextStepsMax = 10'000'000;
constexpr size_t kBacktrackingTextMax = 1024 * 1024;
constexpr size_t kPatternBytesMax = 64 * 1024;
constexpr size_t kReplacedBytesMax = 64 * 1024 * 1024;

}  // namespace

// Spans of the groups of one match; {npos, npos} for a group that took no part.
using Spans = std::vector<std::pair<size_t, size_t>>;
constexpr size_t kNone = static_cast<size_t>(-1);

class Regex::Program {
 public:
  virtual ~Program() = default;
  virtual absl::StatusOr<std::optional<Spans>> Match(std::string_view text, size_t from,
                                                     bool whole) const = 0;
  virtual int group_count() const = 0;
  virtual std::optional<int> GroupNamed(const std::string& name) const = 0;
};

namespace {

class Re2Program {
 public:
  static std::unique_ptr<RE2> Compile(std::string_view pattern) {
    RE2::Options options;
    options.set_log_errors(false);
    auto re = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    return re->ok() ? std::move(re) : nullptr;
  }
};

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct DataFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct ContextFree {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

class LinearProgram : public Regex::Program {
 public:
  explicit LinearProgram(std::unique_ptr<RE2> re) : re_(std::move(re)) {}

  absl::StatusOr<std::optional<Spans>> Match(std::string_view text, size_t from,
                                             bool whole) const override {
    std::vector<re2::StringPiece> groups(static_cast<size_t>(group_count()) + 1);
    const RE2::Anchor anchor = whole ? RE2::ANCHOR_BOTH : RE2::UNANCHORED;
    const re2::StringPiece subject(text.data(), text.size());
    if (!re_->Match(subject, from, text.size(), anchor, groups.data(),
                    static_cast<int>(groups.size()))) {
      return std::optional<Spans>();
    }
    Spans spans;
    for (const re2::StringPiece& group : groups) {
      if (group.data() == nullptr) {
        spans.emplace_back(kNone, kNone);
      } else {
        const size_t begin = static_cast<size_t>(group.data() - text.data());
        spans.emplace_back(begin, begin + group.size());
      }
    }
    return std::optional<Spans>(std::move(spans));
  }
  int group_count() const override { return re_->NumberOfCapturingGroups(); }
  std::optional<int> GroupNamed(const std::string& name) const override {
    const auto& names = re_->NamedCapturingGroups();
    const auto found = names.find(name);
    return found == names.end() ? std::nullopt : std::optional<int>(found->second);
  }

 private:
  std::unique_ptr<RE2> re_;
};

class BacktrackingProgram : public Regex::Program {
 public:
  BacktrackingProgram(std::string pattern, pcre2_code* code)
      : pattern_(std::move(pattern)), code_(code) {
    uint32_t count = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &count);
    group_count_ = static_cast<int>(count);
  }

  absl::StatusOr<std::optional<Spans>> Match(std::string_view text, size_t from,
                                             bool whole) const override {
    if (text.size() > kBacktrackingTextMax) return RegexTooCostly(pattern_);
    const uint32_t steps = static_cast<uint32_t>(
        std::clamp<size_t>(kTextStepsMax / (text.size() + 1), kMatchStepsMin, kMatchStepsMax));
    const std::unique_ptr<pcre2_match_data, DataFree> data(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    const std::unique_ptr<pcre2_match_context, ContextFree> context(
        pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(context.get(), steps);
    pcre2_set_depth_limit(context.get(), steps);
    const uint32_t options = whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), from, options, data.get(), context.get());
    if (found == PCRE2_ERROR_NOMATCH) return std::optional<Spans>();
    if (found < 0) return RegexTooCostly(pattern_);
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
    Spans spans;
    for (int i = 0; i <= group_count_; ++i) {
      const bool took_part = i < found && ends[2 * i] != PCRE2_UNSET;
      spans.emplace_back(took_part ? ends[2 * i] : kNone, took_part ? ends[2 * i + 1] : kNone);
    }
    return std::optional<Spans>(std::move(spans));
  }
  int group_count() const override { return group_count_; }
  std::optional<int> GroupNamed(const std::string& name) const override {
    const int number =
        pcre2_substring_number_from_name(code_.get(), reinterpret_cast<PCRE2_SPTR>(name.c_str()));
    return number < 0 ? std::nullopt : std::optional<int>(number);
  }

 private:
  std::string pattern_;
  std::unique_ptr<pcre2_code, CodeFree> code_;
  int group_count_ = 0;
};

absl::StatusOr<Regex> Regex::Compile(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax) return BadPattern(pattern.substr(0, 40), "it is too long");
  if (auto re = Re2Program::Compile(pattern)) {
    return Regex(std::make_shared<LinearProgram>(std::move(re)));
  }
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                                   &error, &offset, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR message[128] = {};
    pcre2_get_error_message(error, message, sizeof(message));
    return BadPattern(pattern, reinterpret_cast<const char*>(message));
  }
  return Regex(std::make_shared<BacktrackingProgram>(std::string(pattern), code));
}

absl::StatusOr<bool> Regex::MatchesWhole(std::string_view text) const {
  ORCH_ASSIGN_OR_RETURN(const std::optional<Spans> spans, program_->Match(text, 0, true));
  return spans.has_value();
}

absl::StatusOr<bool> Regex::Found(std::string_view text) const {
  ORCH_ASSIGN_OR_RETURN(const std::optional<Spans> spans, program_->Match(text, 0, false));
  return spans.has_value();
}

absl::StatusOr<std::optional<Regex::Match>> Regex::Find(std::string_view text, size_t from) const {
  ORCH_ASSIGN_OR_RETURN(const std::optional<Spans> spans, program_->Match(text, from, false));
  if (!spans) return std::optional<Match>();
  Match match;
  match.begin = (*spans)[0].first;
  match.end = (*spans)[0].second;
  for (const auto& [begin, end] : *spans) {
    match.groups.push_back(begin == kNone
                               ? std::nullopt
                               : std::optional<std::string>(text.substr(begin, end - begin)));
  }
  return std::optional<Match>(std::move(match));
}

int Regex::group_count() const { return program_->group_count(); }

namespace {

// Moves past one character: where the search goes on after an empty match.
size_t Beyond(std::string_view text, size_t at) {
  if (at >= text.size()) return at + 1;
  NextCodePoint(text, &at);
  return at;
}

}  // namespace

absl::StatusOr<std::string> Regex::ReplaceAll(std::string_view text,
                                              std::string_view replacement) const {
  // The replacement, cut into literal parts and groups (-1: a literal).
  std::vector<std::pair<int, std::string>> pieces;
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    if (c != '$' && c != '\\') {
      if (pieces.empty() || pieces.back().first >= 0) pieces.emplace_back(-1, "");
      pieces.back().second.push_back(c);
    } else if (c == '\\') {
      if (++i == replacement.size()) return BadReplacement(replacement, "nothing is escaped");
      if (pieces.empty() || pieces.back().first >= 0) pieces.emplace_back(-1, "");
      pieces.back().second.push_back(replacement[i]);
    } else if (i + 1 < replacement.size() && replacement[i + 1] == '{') {
      const size_t end = replacement.find('}', i);
      if (end == std::string_view::npos) return BadReplacement(replacement, "a brace is open");
      const auto group = program_->GroupNamed(std::string(replacement.substr(i + 2, end - i - 2)));
      if (!group) return BadReplacement(replacement, "there is no such group");
      pieces.emplace_back(*group, "");
      i = end;
    } else if (i + 1 < replacement.size() && replacement[i + 1] >= '0' &&
               replacement[i + 1] <= '9') {
      int group = replacement[++i] - '0';
      if (group > group_count()) return BadReplacement(replacement, "there is no such group");
      while (i + 1 < replacement.size() && replacement[i + 1] >= '0' && replacement[i + 1] <= '9' &&
             group * 10 + (replacement[i + 1] - '0') <= group_count()) {
        group = group * 10 + (replacement[++i] - '0');
      }
      pieces.emplace_back(group, "");
    } else {
      return BadReplacement(replacement, "a group needs a number or a name");
    }
  }
  std::string out;
  size_t done = 0;
  for (size_t from = 0; from <= text.size();) {
    ORCH_ASSIGN_OR_RETURN(const std::optional<Spans> spans, program_->Match(text, from, false));
    if (!spans) break;
    const auto [begin, end] = (*spans)[0];
    out.append(text, done, begin - done);
    for (const auto& [group, literal] : pieces) {
      if (group < 0) {
        out += literal;
      } else if (const auto [first, last] = (*spans)[static_cast<size_t>(group)]; first != kNone) {
        out.append(text, first, last - first);
      }
    }
    done = end;
    from = end > begin ? end : Beyond(text, end);
    if (out.size() > kReplacedBytesMax) {
      return absl::ResourceExhaustedError("The text with its replacements is too long");
    }
  }
  if (done < text.size()) out.append(text, done);
  return out;
}

absl::StatusOr<std::vector<std::string>> Regex::Split(std::string_view text, int limit) const {
  std::vector<std::string> parts;
  size_t done = 0;
  bool found = false;
  for (size_t from = 0; from <= text.size();) {
    if (limit > 0 && static_cast<int>(parts.size()) == limit - 1) break;
    ORCH_ASSIGN_OR_RETURN(const std::optional<Spans> spans, program_->Match(text, from, false));
    if (!spans) break;
    const auto [begin, end] = (*spans)[0];
    from = end > begin ? end : Beyond(text, end);
    // An empty match at the very start gives no empty part.
    if (end == 0) continue;
    found = true;
    parts.emplace_back(text.substr(done, begin - done));
    done = end;
  }
  if (!found) return std::vector<std::string>{std::string(text)};
  parts.emplace_back(text.substr(done));
  if (limit == 0) {
    while (!parts.empty() && parts.back().empty()) parts.pop_back();
  }
  return parts;
}

}  // namespace orch::expression
