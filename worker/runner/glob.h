#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::worker {

// Glob is a pattern for relative paths, by the rules of java.nio's "glob:": `*` and `?` stay within
// a name, `**` crosses folders, `[a-z]` and `[!a-z]` are one character, `{a,b}` is either; `\`
// takes a character as it is.
class Glob {
 public:
  //   kInvalidArgument   a bracket or brace is not closed, or braces nest.
  static absl::StatusOr<Glob> Parse(const std::string& pattern);

  bool Matches(std::string_view path) const;

  // Whether the pattern can match one path only, namely itself.
  bool is_plain() const { return plain_; }

 private:
  struct Token {
    enum class Kind { kChar, kAny, kStar, kDoubleStar, kSet } kind;
    char character = 0;
    bool negated = false;
    std::vector<std::pair<char, char>> ranges;
  };
  using Branch = std::vector<Token>;

  static bool MatchBranch(const Branch& branch, std::string_view path);

  std::vector<Branch> branches_;  // With the braces multiplied out.
  bool plain_ = true;
};

// Relative paths of the regular files below `folder` that match any of the globs, sorted. Links are
// not followed and are not files. At most `count_max` are looked at.
//   kResourceExhausted   there are more files than that.
absl::StatusOr<std::vector<std::string>> FindFiles(const std::string& folder,
                                                   const std::vector<std::string>& globs,
                                                   size_t count_max = 100'000);

// `name` if it is a relative path that stays below its folder.
//   kInvalidArgument   it is absolute, empty, has a `.` or `..` in it, or a NUL.
absl::StatusOr<std::string> CheckRelativePath(const std::string& name);

}  // namespace orch::worker
