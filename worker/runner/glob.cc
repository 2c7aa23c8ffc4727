#include "worker/runner/glob.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/status_macros.h"
#include "worker/runner/errors.h"

namespace orch::worker {
namespace {

constexpr size_t kBranchCountMax = 1'000;

// Multiplies the braces out: "a{b,c}d" becomes "abd" and "acd".
absl::Status Expand(const std::string& pattern, std::vector<std::string>* out) {
  std::vector<std::string> done = {""};
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      for (std::string& text : done) text += pattern.substr(i, 2);
      ++i;
      continue;
    }
    if (c == '[') {
      const size_t end = pattern.find(']', i + 1);
      if (end == std::string::npos) return BrokenGlob(pattern, "'[' is not closed");
      for (std::string& text : done) text += pattern.substr(i, end - i + 1);
      i = end;
      continue;
    }
    if (c != '{') {
      for (std::string& text : done) text += c;
      continue;
    }
    std::vector<std::string> parts = {""};
    size_t k = i + 1;
    for (; k < pattern.size() && pattern[k] != '}'; ++k) {
      if (pattern[k] == '{') return BrokenGlob(pattern, "braces cannot nest");
      if (pattern[k] == ',') {
        parts.emplace_back();
      } else {
        if (pattern[k] == '\\' && k + 1 < pattern.size()) parts.back() += pattern[k++];
        parts.back() += pattern[k];
      }
    }
    if (k >= pattern.size()) return BrokenGlob(pattern, "'{' is not closed");
    if (done.size() * parts.size() > kBranchCountMax) {
      return BrokenGlob(pattern, "too many alternatives");
    }
    std::vector<std::string> next;
    for (const std::string& text : done) {
      for (const std::string& part : parts) next.push_back(text + part);
    }
    done = std::move(next);
    i = k;
  }
  *out = std::move(done);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Glob> Glob::Parse(const std::string& pattern) {
  std::vector<std::string> texts;
  ORCH_RETURN_IF_ERROR(Expand(pattern, &texts));
  Glob glob;
  glob.plain_ = pattern.find_first_of("*?[{\\") == std::string::npos;
  for (const std::string& text : texts) {
    Branch branch;
    for (size_t i = 0; i < text.size(); ++i) {
      Token token{Token::Kind::kChar, text[i], false, {}};
      switch (text[i]) {
        case '\\':
          if (i + 1 >= text.size()) return BrokenGlob(pattern, "nothing follows the last '\\'");
          token.character = text[++i];
          break;
        case '?': token.kind = Token::Kind::kAny; break;
        case '*':
          token.kind = Token::Kind::kStar;
          if (i + 1 < text.size() && text[i + 1] == '*') {
            token.kind = Token::Kind::kDoubleStar;
            ++i;
          }
          break;
        case '[': {
          token.kind = Token::Kind::kSet;
          size_t k = i + 1;
          if (k < text.size() && (text[k] == '!' || text[k] == '^')) {
            token.negated = true;
            ++k;
          }
          for (; text[k] != ']'; ++k) {
            if (text[k + 1] == '-' && text[k + 2] != ']') {
              token.ranges.emplace_back(text[k], text[k + 2]);
              k += 2;
            } else {
              token.ranges.emplace_back(text[k], text[k]);
            }
          }
          i = k;
          break;
        }
        default: break;
      }
      branch.push_back(std::move(token));
    }
    glob.branches_.push_back(std::move(branch));
  }
  return glob;
}

bool Glob::Matches(std::string_view path) const {
  return std::any_of(branches_.begin(), branches_.end(),
                     [&](const Branch& branch) { return MatchBranch(branch, path); });
}

// One row of reachable places per token: no backtracking, whatever the pattern.
bool Glob::MatchBranch(const Branch& branch, std::string_view path) {
  std::vector<bool> at(path.size() + 1, false);
  at[0] = true;
  for (const Token& token : branch) {
    std::vector<bool> next(path.size() + 1, false);
    for (size_t i = 0; i <= path.size(); ++i) {
      switch (token.kind) {
        case Token::Kind::kStar:
          next[i] = at[i] || (i > 0 && next[i - 1] && path[i - 1] != '/');
          break;
        case Token::Kind::kDoubleStar: next[i] = at[i] || (i > 0 && next[i - 1]); break;
        case Token::Kind::kChar:
          next[i] = i > 0 && at[i - 1] && path[i - 1] == token.character;
          break;
        case Token::Kind::kAny: next[i] = i > 0 && at[i - 1] && path[i - 1] != '/'; break;
        case Token::Kind::kSet: {
          if (i == 0 || !at[i - 1] || path[i - 1] == '/') break;
          bool in = false;
          for (const auto& [low, high] : token.ranges) {
            in = in || (path[i - 1] >= low && path[i - 1] <= high);
          }
          next[i] = in != token.negated;
          break;
        }
      }
    }
    at = std::move(next);
  }
  return at[path.size()];
}

absl::StatusOr<std::vector<std::string>> FindFiles(const std::string& folder,
                                                   const std::vector<std::string>& globs,
                                                   size_t count_max) {
  namespace fs = std::filesystem;
  std::vector<Glob> patterns;
  for (const std::string& text : globs) {
    ORCH_ASSIGN_OR_RETURN(Glob glob, Glob::Parse(text));
    patterns.push_back(std::move(glob));
  }
  std::vector<std::string> found;
  size_t count = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (++count > count_max) {
      return absl::ResourceExhaustedError(absl::StrFormat(
          "the working directory has more than %d files; narrow outputFiles or delete some",
          static_cast<int64_t>(count_max)));
    }
    std::error_code ignored;
    if (it->is_symlink(ignored) || !it->is_regular_file(ignored)) continue;
    const std::string path = it->path().string().substr(folder.size() + 1);
    for (const Glob& glob : patterns) {
      if (!glob.Matches(path)) continue;
      found.push_back(path);
      break;
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

absl::StatusOr<std::string> CheckRelativePath(const std::string& name) {
  if (name.empty() || name.front() == '/' || name.find('\0') != std::string::npos) {
    return PathLeavesFolder(name);
  }
  for (size_t start = 0; start <= name.size();) {
    size_t end = name.find('/', start);
    if (end == std::string::npos) end = name.size();
    const std::string part = name.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return PathLeavesFolder(name);
    start = end + 1;
  }
  return name;
}

}  // namespace orch::worker
