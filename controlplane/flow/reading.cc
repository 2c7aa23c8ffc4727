#include "controlplane/flow/reading.h"

#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "controlplane/flow/closest.h"
#include "controlplane/flow/duration.h"
#include "controlplane/flow/schema_check.h"

namespace orch::flow {

void Reading::Add(Severity severity, Mark mark, std::string path, std::string message) {
  complaints_->push_back({severity, mark, std::move(path), std::move(message)});
}

void Reading::Fatal(Mark mark, std::string path, std::string message) {
  fatal_ = true;
  Error(mark, std::move(path), std::move(message));
}

void Reading::NotYet(Mark mark, std::string path, const std::string& what) {
  Error(mark, std::move(path), absl::StrFormat("`%s` cannot be run by this release yet", what));
}

std::string Reading::Suggest(std::string_view word,
                             const std::vector<std::string>& candidates) const {
  return may_suggest() ? DidYouMean(word, candidates) : "";
}

void Reading::CheckExpressions(const YamlNode& node, const std::string& path) {
  if (node.is_list()) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      CheckExpressions(*node.items[i], ItemPath(path, i));
    }
    return;
  }
  if (node.is_map()) {
    for (const YamlEntry& entry : node.entries) {
      CheckExpressions(*entry.value, path.empty() ? entry.key : path + "." + entry.key);
    }
    return;
  }
  if (node.kind != YamlNode::Kind::kText || !HoldsExpression(node.text)) return;
  for (const expression::SyntaxComplaint& found : renderer_.Check(node.text)) {
    Warn(document.Locate(node, found.line, found.column), path, found.message);
  }
}

Fields::Fields(Reading* reading, const YamlNode& map, std::string path, std::string label)
    : reading_(reading), map_(map), path_(std::move(path)), label_(std::move(label)) {}

const YamlNode* Fields::Take(std::string_view name) {
  taken_.emplace(name);
  const YamlEntry* entry = map_.Find(name);
  return entry == nullptr || entry->value->is_null() ? nullptr : entry->value;
}

std::string Fields::PathOf(std::string_view name) const {
  return label_.empty() ? std::string(name) : label_ + "." + std::string(name);
}

Mark Fields::MarkOf(std::string_view name) const {
  const YamlEntry* entry = map_.Find(name);
  return entry == nullptr ? map_.mark : entry->value->mark;
}

Mark Fields::KeyMarkOf(std::string_view name) const {
  const YamlEntry* entry = map_.Find(name);
  return entry == nullptr ? map_.mark : entry->key_mark;
}

void Fields::WrongKind(const YamlNode& node, std::string_view name, std::string_view wanted) {
  reading_->Error(node.mark, PathOf(name),
                  absl::StrFormat("must be %s, not %s", std::string(wanted), node.KindName()));
}

std::string Fields::Text(std::string_view name) {
  const YamlNode* node = Take(name);
  if (node == nullptr) return "";
  if (node->is_scalar()) return node->text;
  WrongKind(*node, name, "a text");
  return "";
}

bool Fields::Flag(std::string_view name, bool fallback) {
  const YamlNode* node = Take(name);
  if (node == nullptr) return fallback;
  if (node->is_scalar() && KindOfPlain(node->text) == YamlNode::Kind::kBool) {
    return node->text[0] == 't' || node->text[0] == 'T';
  }
  WrongKind(*node, name, "`true` or `false`");
  return fallback;
}

std::optional<int64_t> Fields::Integer(std::string_view name) {
  const YamlNode* node = Take(name);
  if (node == nullptr) return std::nullopt;
  if (node->is_scalar() && KindOfPlain(node->text) == YamlNode::Kind::kInteger) {
    const char* from = node->text.data() + (node->text[0] == '+');
    int64_t value = 0;
    const char* end = node->text.data() + node->text.size();
    const auto [stopped, error] = std::from_chars(from, end, value);
    if (error == std::errc() && stopped == end) return value;
  }
  WrongKind(*node, name, "an integer");
  return std::nullopt;
}

std::optional<double> Fields::Number(std::string_view name) {
  const YamlNode* node = Take(name);
  if (node == nullptr) return std::nullopt;
  double value = 0;
  if (node->is_scalar()) {
    const char* from = node->text.data() + (node->text.substr(0, 1) == "+");
    const char* end = node->text.data() + node->text.size();
    const auto [stopped, error] = std::from_chars(from, end, value);
    if (error == std::errc() && stopped == end) return value;
  }
  WrongKind(*node, name, "a number");
  return std::nullopt;
}

std::optional<absl::Duration> Fields::Duration(std::string_view name) {
  const YamlNode* node = Take(name);
  if (node == nullptr) return std::nullopt;
  if (node->is_scalar()) {
    if (const auto duration = ParseDuration(node->text)) return duration;
    reading_->Error(
        node->mark, PathOf(name),
        absl::StrFormat("`%s` is no duration; write `PT30S`, `P1D` or a number of seconds",
                        node->text.substr(0, 100)));
    return std::nullopt;
  }
  WrongKind(*node, name, "a duration");
  return std::nullopt;
}

std::vector<std::string> Fields::Texts(std::string_view name) {
  std::vector<std::string> texts;
  const YamlNode* list = List(name);
  if (list == nullptr) return texts;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const YamlNode& item = *list->items[i];
    if (item.is_scalar()) {
      texts.push_back(item.text);
    } else {
      reading_->Error(item.mark, ItemPath(PathOf(name), i),
                      absl::StrFormat("must be a text, not %s", item.KindName()));
    }
  }
  return texts;
}

const YamlNode* Fields::List(std::string_view name) {
  const YamlNode* node = Take(name);
  if (node == nullptr || node->is_list()) return node;
  WrongKind(*node, name, "a list");
  return nullptr;
}

const YamlNode* Fields::Map(std::string_view name) {
  const YamlNode* node = Take(name);
  if (node == nullptr || node->is_map()) return node;
  WrongKind(*node, name, "a map");
  return nullptr;
}

std::string Fields::Word(std::string_view name, std::initializer_list<const char*> words) {
  const YamlNode* node = Take(name);
  if (node == nullptr) return "";
  const std::vector<std::string> all(words.begin(), words.end());
  std::string listed;
  for (const std::string& word : all) {
    if (node->is_scalar() && node->text == word) return word;
    listed += listed.empty() ? word : ", " + word;
  }
  if (!node->is_scalar()) {
    WrongKind(*node, name, "a text");
  } else {
    reading_->Error(node->mark, PathOf(name),
                    absl::StrFormat("`%s` is none of %s%s", node->text.substr(0, 100), listed,
                                    reading_->Suggest(node->text, all)));
  }
  return "";
}

bool Fields::Id(std::string_view name, std::string_view pattern, size_t length_max,
                std::string* id) {
  const YamlNode* node = Take(name);
  if (node == nullptr) {
    reading_->Error(MarkOf(name), PathOf(name), "must not be null");
    return false;
  }
  if (!node->is_scalar()) {
    WrongKind(*node, name, "a text");
    return false;
  }
  *id = node->text;
  if (id->empty()) {
    reading_->Error(node->mark, PathOf(name), "must not be blank");
    return false;
  }
  if (id->size() > length_max) {
    reading_->Error(node->mark, PathOf(name),
                    absl::StrFormat("size must be between 1 and %d", length_max));
    return false;
  }
  if (!MatchesIdPattern(*id, pattern)) {
    reading_->Error(node->mark, PathOf(name),
                    absl::StrFormat("must match \"%s\"", std::string(pattern)));
    return false;
  }
  return true;
}

void Fields::Done() {
  for (const YamlEntry& entry : map_.entries) {
    if (entry.injected || taken_.contains(entry.key)) continue;
    reading_->Error(entry.key_mark, PathOf(entry.key),
                    absl::StrFormat("Unrecognized field \"%s\"%s", entry.key.substr(0, 200),
                                    reading_->Suggest(entry.key, {taken_.begin(), taken_.end()})));
  }
}

bool MatchesIdPattern(std::string_view text, std::string_view pattern) {
  const bool dots = pattern != kTaskIdPattern;
  const bool upper = pattern != kNamespacePattern;
  const auto letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z');
  };
  if (text.empty() || !letter(text[0])) return false;
  for (const char c : text) {
    if (!letter(c) && c != '_' && c != '-' && !(dots && c == '.')) return false;
  }
  return true;
}

std::string ItemPath(std::string_view path, size_t index) {
  return absl::StrFormat("%s[%d]", std::string(path), index);
}

}  // namespace orch::flow
