#include "tests/expressions/fixtures.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

extern "C" {  // jq's headers do not say so themselves.
#include <jq.h>
#include <jv.h>
}

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "expression/json.h"

namespace orch::tests {

using expression::Fact;
using expression::MapBuilder;
using expression::MapEntry;
using expression::Value;

namespace {

absl::Time ReadTime(const std::string& text) {
  absl::Time time;
  std::string error;
  absl::ParseTime(absl::RFC3339_full, text, &time, &error);
  return time;
}

Value TypedAs(const std::string& kind, const Value& value) {
  const std::string& text = value.AsString();
  if (kind == "$instant") return Value::Instant(ReadTime(text));
  if (kind == "$date") return Value::LegacyDate(ReadTime(text));
  if (kind == "$zonedDateTime") return Value::Zoned({ReadTime(text), text.substr(text.size() - 6)});
  if (kind == "$localDateTime") {
    const absl::Time time = ReadTime(text + "Z");
    return Value::Local({absl::ToCivilSecond(time, absl::UTCTimeZone()), 0});
  }
  if (kind == "$localDate") {
    return Value::Date(absl::ToCivilDay(ReadTime(text + "T00:00:00Z"), absl::UTCTimeZone()));
  }
  if (kind == "$duration") {
    absl::Duration duration;
    absl::ParseDuration(absl::AsciiStrToLower(text.substr(2)), &duration);  // PT1M30.5S
    return Value::Duration(duration);
  }
  if (kind == "$decimal") return Value::BigDecimal(text);
  if (kind == "$bigint") return Value::BigInt(text);
  if (kind == "$float") return Value::Float(static_cast<float>(value.AsDouble()));
  if (kind == "$long") return Value::Long(value.AsInt());
  if (kind == "$uri") return Value::Uri(text);
  if (kind == "$set") return Value::Set(value.items());
  if (kind == "$strings") return Value::Array(value.items());
  return value;
}

}  // namespace

Value Typed(const Value& json) {
  if (json.is_map()) {
    const auto& entries = json.entries();
    if (entries.size() == 1 && entries[0].key.AsString().starts_with('$')) {
      return TypedAs(entries[0].key.AsString(), entries[0].value);
    }
    MapBuilder map;
    for (const MapEntry& entry : entries) map.Set(entry.key, Typed(entry.value));
    return map.Build();
  }
  if (json.is_list()) {
    std::vector<Value> items;
    for (const Value& item : json.items()) items.push_back(Typed(item));
    return Value::List(std::move(items));
  }
  return json;
}

const absl::StatusOr<Value>* FixtureFacts::Find(const Fact& fact) const {
  const auto found = known_.find(fact.Key());
  return found == known_.end() ? nullptr : &found->second;
}

void FixtureFacts::Fetch(const Fact& fact) { known_.emplace(fact.Key(), Answer(fact)); }

absl::StatusOr<Value> FixtureFacts::Answer(const Fact& fact) const {
  if (fact.function == "jq") return RunJq(fact.arguments[0].AsString(), fact.arguments[1]);
  if (fact.function == "kv") return Kv(fact);
  if (fact.function == "secret") {
    if (const Value* secrets = fixtures_.Find("secrets")) {
      for (const MapEntry& entry : secrets->entries()) {
        if (absl::AsciiStrToLower(entry.key.AsString()) ==
            absl::AsciiStrToLower(fact.arguments[0].AsString())) {
          return entry.value;
        }
      }
    }
    return absl::NotFoundError("no such secret");
  }
  return File(fact);
}

absl::StatusOr<Value> FixtureFacts::Kv(const Fact& fact) const {
  const Value* spaces = fixtures_.Find("kv");
  std::string space = fact.arguments[1].AsString();
  while (spaces != nullptr) {
    if (const Value* keys = spaces->Find(space)) {
      if (const Value* value = keys->Find(fact.arguments[0].AsString())) return *value;
    }
    const size_t dot = space.rfind('.');
    if (!fact.arguments[2].AsBool() || dot == std::string::npos) break;
    space.resize(dot);
  }
  return absl::NotFoundError("no such key");
}

absl::StatusOr<Value> FixtureFacts::File(const Fact& fact) const {
  constexpr std::string_view kStorage = "kestra://";
  std::string path = fact.arguments[0].AsString();
  if (path.starts_with(kStorage)) {
    path = path.substr(kStorage.size());
  } else {
    path = absl::StrCat("/", absl::StrReplaceAll(fact.arguments[1].AsString(), {{".", "/"}}),
                        "/_files/", path);
  }
  const Value* files = fixtures_.Find("files");
  const Value* file = files == nullptr ? nullptr : files->Find(path);
  if (fact.function == "fileExists") return Value::Bool(file != nullptr);
  if (file == nullptr) return absl::NotFoundError(absl::StrCat("there is no file ", path));
  if (fact.function == "read") return *file;
  const int64_t bytes = static_cast<int64_t>(file->AsString().size());
  if (fact.function == "isFileEmpty") return Value::Bool(bytes == 0);
  return Value::Long(bytes);
}

absl::StatusOr<Value> RunJq(const std::string& program, const Value& input) {
  jq_state* jq = jq_init();
  jq_set_error_cb(jq, [](void*, jv message) { jv_free(message); }, nullptr);
  if (jq_compile(jq, program.c_str()) == 0) {
    jq_teardown(&jq);
    return absl::InvalidArgumentError("the jq program does not compile");
  }
  const std::string json = ToJson(input, expression::NullPolicy::kKeep);
  jq_start(jq, jv_parse_sized(json.data(), static_cast<int>(json.size())), 0);
  std::vector<Value> results;
  absl::Status failure;
  while (true) {
    jv next = jq_next(jq);
    if (!jv_is_valid(next)) {
      if (jv_invalid_has_msg(jv_copy(next))) failure = absl::InvalidArgumentError("jq failed");
      jv_free(next);
      break;
    }
    jv dumped = jv_dump_string(next, 0);
    absl::StatusOr<Value> value = expression::ParseJson(jv_string_value(dumped));
    jv_free(dumped);
    if (value.ok()) results.push_back(*std::move(value));
  }
  jq_teardown(&jq);
  if (!failure.ok()) return failure;
  return Value::List(std::move(results));
}

}  // namespace orch::tests
