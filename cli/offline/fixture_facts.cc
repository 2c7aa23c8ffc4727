#include "cli/offline/fixture_facts.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "expression/text.h"

namespace orch::cli {
namespace {

using expression::Fact;
using expression::Value;

bool SameLetters(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

std::string TextOf(const Fact& fact, size_t at) {
  if (fact.arguments.size() <= at || fact.arguments[at].is_null()) return "";
  const Value& value = fact.arguments[at];
  return value.is_string() ? value.AsString() : expression::PrintText(value);
}

}  // namespace

const absl::StatusOr<Value>* FixtureFacts::Find(const Fact& fact) const {
  const auto found = answers_.find(fact.Key());
  return found == answers_.end() ? nullptr : &found->second;
}

void FixtureFacts::Fetch(const std::vector<Fact>& facts) {
  for (const Fact& fact : facts) answers_.insert_or_assign(fact.Key(), Answer(fact));
}

absl::StatusOr<Value> FixtureFacts::Answer(const Fact& fact) const {
  if (fact.function == "secret") return Secret(TextOf(fact, 0));
  if (fact.function == "kv") {
    const bool parents =
        fact.arguments.size() > 2 && fact.arguments[2].is_bool() && fact.arguments[2].AsBool();
    return Kv(TextOf(fact, 0), TextOf(fact, 1), parents);
  }
  if (fact.function == "jq") {
    return absl::FailedPreconditionError("this release cannot run jq");
  }
  const bool about_file = fact.function == "read" || fact.function == "fileSize" ||
                          fact.function == "fileExists" || fact.function == "isFileEmpty";
  if (!about_file) {
    return absl::FailedPreconditionError(absl::StrCat(
        fact.function, "() needs a running execution; evaluate against one with --execution"));
  }
  const Value* file = File(fact);
  if (fact.function == "fileExists") return Value::Bool(file != nullptr);
  if (file == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no file '", TextOf(fact, 0), "'"));
  }
  const std::string text = file->is_string() ? file->AsString() : expression::PrintText(*file);
  if (fact.function == "read") return Value::String(text);
  if (fact.function == "isFileEmpty") return Value::Bool(text.empty());
  return Value::Long(static_cast<int64_t>(text.size()));
}

absl::StatusOr<Value> FixtureFacts::Secret(const std::string& key) const {
  const Value* secrets = fixtures_.Find("secrets");
  if (secrets != nullptr && secrets->is_map()) {
    for (const expression::MapEntry& entry : secrets->entries()) {
      if (entry.key.is_string() && SameLetters(entry.key.AsString(), key)) return entry.value;
    }
  }
  return absl::NotFoundError(absl::StrCat("cannot find the secret '", key, "'"));
}

absl::StatusOr<Value> FixtureFacts::Kv(const std::string& key, std::string namespace_,
                                       bool search_parents) const {
  const Value* kv = fixtures_.Find("kv");
  while (kv != nullptr && kv->is_map() && !namespace_.empty()) {
    if (const Value* entries = kv->Find(namespace_); entries != nullptr) {
      if (const Value* value = entries->Find(key); value != nullptr) return *value;
    }
    const size_t dot = namespace_.rfind('.');
    if (!search_parents || dot == std::string::npos) break;
    namespace_.resize(dot);
  }
  return absl::NotFoundError(absl::StrCat("the key '", key, "' does not exist"));
}

const Value* FixtureFacts::File(const Fact& fact) const {
  const Value* files = fixtures_.Find("files");
  if (files == nullptr || !files->is_map()) return nullptr;
  std::string path = TextOf(fact, 0);
  constexpr std::string_view kScheme = "kestra://";
  if (path.starts_with(kScheme)) return files->Find(path.substr(kScheme.size()));
  std::string folder = TextOf(fact, 1);
  std::replace(folder.begin(), folder.end(), '.', '/');
  while (path.starts_with('/')) path.erase(0, 1);
  return files->Find(absl::StrCat("/", folder, "/_files/", path));
}

}  // namespace orch::cli
