// Reading is one reading of one document: what the parts of the reader share. Internal to flow/.
//
// Fields takes a map apart, field by field, and complains about those that nobody took.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/flow/complaint.h"
#include "controlplane/flow/reader.h"
#include "controlplane/flow/yaml.h"
#include "expression/renderer.h"

namespace orch::flow {

class Reading {
 public:
  static constexpr size_t kSuggestionCountMax = 200;

  Reading(const TaskTypes& types, const ReadOptions& options, const YamlDocument& document,
          std::vector<Complaint>* complaints)
      : types(types), options(options), document(document), complaints_(complaints) {}

  const TaskTypes& types;
  const ReadOptions& options;
  const YamlDocument& document;

  void Add(Severity severity, Mark mark, std::string path, std::string message);
  void Error(Mark mark, std::string path, std::string message) {
    Add(Severity::kError, mark, std::move(path), std::move(message));
  }
  void Warn(Mark mark, std::string path, std::string message) {
    Add(Severity::kWarning, mark, std::move(path), std::move(message));
  }
  // An error with which no flow can be built, not even a lenient one.
  void Fatal(Mark mark, std::string path, std::string message);
  // As above, when the complaint has been made.
  void MakeFatal() { fatal_ = true; }
  // What the engine of this release lacks.
  void NotYet(Mark mark, std::string path, const std::string& what);
  bool fatal() const { return fatal_; }

  // "; did you mean `x`?" or "". Gives up after many complaints: looking costs time.
  std::string Suggest(std::string_view word, const std::vector<std::string>& candidates) const;
  bool may_suggest() const { return complaints_->size() < kSuggestionCountMax; }

  // Warns about each broken expression in `node` and everything in it.
  void CheckExpressions(const YamlNode& node, const std::string& path);

  std::vector<Complaint>* complaints() { return complaints_; }

 private:
  std::vector<Complaint>* complaints_;
  expression::Renderer renderer_;
  bool fatal_ = false;
};

class Fields {
 public:
  // `path` is where the map stands ("tasks[0].retry", "" at the top); `label` is what stands before
  // the name of a property right in it (the id of a task).
  Fields(Reading* reading, const YamlNode& map, std::string path, std::string label);

  // The value of a field; nullptr when it is absent or null.
  const YamlNode* Take(std::string_view name);
  const YamlEntry* Entry(std::string_view name) const { return map_.Find(name); }

  std::string Text(std::string_view name);  // Any scalar, as written; "" when absent.
  bool Flag(std::string_view name, bool fallback);
  std::optional<int64_t> Integer(std::string_view name);  // Written out, not an expression.
  std::optional<double> Number(std::string_view name);
  std::optional<absl::Duration> Duration(std::string_view name);
  std::vector<std::string> Texts(std::string_view name);  // A list of scalars.
  const YamlNode* List(std::string_view name);  // nullptr, with a complaint, if it is none.
  const YamlNode* Map(std::string_view name);
  // One of the words; anything else is an error and gives "".
  std::string Word(std::string_view name, std::initializer_list<const char*> words);
  // A text that must be there and match; true when it does.
  bool Id(std::string_view name, std::string_view pattern_text, size_t length_max, std::string* id);

  std::string PathOf(std::string_view name) const;
  Mark MarkOf(std::string_view name) const;  // Of the value, or of the map.
  Mark KeyMarkOf(std::string_view name) const;

  // Complains about every field that was not taken.
  void Done();

 private:
  void WrongKind(const YamlNode& node, std::string_view name, std::string_view wanted);

  Reading* reading_;
  const YamlNode& map_;
  std::string path_;
  std::string label_;
  std::set<std::string, std::less<>> taken_;
};

// The patterns of ids, as messages show them.
inline constexpr std::string_view kFlowIdPattern = "^[a-zA-Z0-9][a-zA-Z0-9._-]*";
inline constexpr std::string_view kNamespacePattern = "^[a-z0-9][a-z0-9._-]*";
inline constexpr std::string_view kTaskIdPattern = "^[a-zA-Z0-9][a-zA-Z0-9_-]*";
inline constexpr std::string_view kInputIdPattern = "^[a-zA-Z0-9][.a-zA-Z0-9_-]*";

// Whether a text is an id of one of the patterns above.
bool MatchesIdPattern(std::string_view text, std::string_view pattern);

// `path` + "[i]".
std::string ItemPath(std::string_view path, size_t index);

}  // namespace orch::flow
