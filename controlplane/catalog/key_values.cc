#include "controlplane/catalog/key_values.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/catalog/errors.h"
#include "controlplane/flow/date_text.h"
#include "controlplane/flow/duration.h"
#include "expression/json.h"
#include "expression/text.h"

namespace orch::catalog {
namespace {

using expression::Kind;
using expression::Value;

constexpr int kTryCountMax = 16;
constexpr size_t kKeyLengthMax = 256;

bool IsKey(std::string_view key) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (key.empty() || key.size() > kKeyLengthMax || !letter(key[0])) return false;
  return std::all_of(key.begin(), key.end(),
                     [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; });
}

bool IsIsoDuration(std::string_view text) {
  return !text.empty() && text.front() == 'P' && flow::ParseDuration(text).has_value();
}

std::string TypeOf(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool: return "BOOLEAN";
    case Kind::kInstant:
    case Kind::kZoned:
    case Kind::kLocalDateTime:
    case Kind::kDate: return "DATETIME";
    case Kind::kLocalDate: return "DATE";
    case Kind::kDuration: return "DURATION";
    case Kind::kString: return IsIsoDuration(value.AsString()) ? "DURATION" : "STRING";
    case Kind::kNull:
    case Kind::kChar:
    case Kind::kUri:
    case Kind::kEnum:
    case Kind::kMarker: return "STRING";
    default: return value.is_number() ? "NUMBER" : "JSON";
  }
}

absl::Status Bad(const std::string& type, absl::string_view why) {
  return BadKvValue(type, std::string_view(why.data(), why.size()));
}

// A text made a value of the type that was asked for.
absl::StatusOr<Value> Convert(const std::string& text, const std::string& type) {
  if (type == "STRING") return Value::String(text);
  if (type == "NUMBER") {
    const auto number = expression::ParseJson(text);
    if (!number.ok()) return Bad(type, number.status().message());
    if (!number->is_number()) return Bad(type, "it is no JSON number");
    return number;
  }
  if (type == "BOOLEAN") return Value::Bool(text == "true");
  if (type == "DATETIME" || type == "DATE") {
    const auto instant = flow::ParseInstant(text);
    if (!instant.ok()) return Bad(type, instant.status().message());
    if (type == "DATETIME") return Value::Instant(*instant);
    return Value::Date(absl::ToCivilDay(*instant, absl::UTCTimeZone()));
  }
  if (type == "DURATION") {
    const auto duration = flow::ParseDuration(text);
    if (!duration) return Bad(type, "write it like `PT30S`");
    return Value::Duration(*duration);
  }
  if (type == "JSON") {
    auto json = expression::ParseJson(text);
    if (!json.ok()) return Bad(type, json.status().message());
    return json;
  }
  return Bad(
      type,
      "that is no type; it is one of STRING, NUMBER, BOOLEAN, DATETIME, DATE, DURATION, JSON");
}

// The JSON under which a value of that type is stored.
std::string Encode(const Value& value) {
  const Value plain = value.kind() == Kind::kDuration
                          ? Value::String(expression::DurationText(value.AsDuration()))
                          : value;
  return expression::ToJson(plain, expression::NullPolicy::kKeep);
}

Value Decode(const std::string& type, const std::string& json) {
  auto value = expression::ParseJson(json);
  if (!value.ok()) return Value::Null();
  if (!value->is_string()) return *value;
  const std::string& text = value->AsString();
  if (type == "DATETIME") {
    if (const auto instant = flow::ParseInstant(text); instant.ok())
      return Value::Instant(*instant);
  } else if (type == "DATE") {
    if (const auto day = flow::ParseDate(text); day.ok()) return Value::Date(*day);
  } else if (type == "DURATION") {
    if (const auto duration = flow::ParseDuration(text)) return Value::Duration(*duration);
  }
  return *value;
}

KvEntry EntryOf(const store::KvRow& row) {
  return {row.key,         row.type,      Decode(row.type, row.value),
          row.description, row.revision,  row.created_at,
          row.updated_at,  row.expires_at};
}

bool Expired(const store::KvRow& row, absl::Time now) {
  return row.expires_at && *row.expires_at <= now;
}

bool MayTryAgain(const absl::Status& status, bool named) {
  return absl::IsAborted(status) || (named && absl::IsUnknown(status));
}

}  // namespace

Value KvPlain(const Value& value) {
  switch (value.kind()) {
    case Kind::kDuration: return Value::Double(absl::ToDoubleSeconds(value.AsDuration()));
    case Kind::kInstant:
    case Kind::kZoned:
    case Kind::kDate: return Value::String(flow::InstantIso(value.AsTime(), /*micros=*/false));
    case Kind::kLocalDate:
    case Kind::kLocalDateTime: return Value::String(expression::PrintText(value));
    default: return value;
  }
}

absl::StatusOr<KvEntry> KeyValues::Set(const std::string& tenant, const std::string& namespace_,
                                       const std::string& key, const KvSet& set) {
  if (!IsKey(key)) return BadKey(key);
  if (set.ttl && *set.ttl < absl::ZeroDuration()) return Bad("ttl", "it is negative");
  Value value = set.value;
  std::string type = TypeOf(value);
  if (!set.type.empty() && (set.type != type || value.is_string())) {
    const bool is_text =
        value.is_string() || set.type == "STRING" || value.is_number() || value.is_bool();
    if (!is_text) return Bad(set.type, absl::StrFormat("it is of type %s", type));
    ORCH_ASSIGN_OR_RETURN(value, Convert(expression::PrintText(value), set.type));
    type = set.type;
  }
  const bool named = !set.attempt.empty();
  for (int tries = 0; tries < kTryCountMax; ++tries) {
    ORCH_ASSIGN_OR_RETURN(const auto existing, store_.GetKv(tenant, namespace_, key));
    if (named) {
      ORCH_ASSIGN_OR_RETURN(const auto answer, store_.GetAttemptAnswer(set.attempt));
      // Told twice. The value may have changed, or gone, since.
      if (answer) {
        if (existing) return EntryOf(*existing);
        KvEntry gone;
        gone.key = key;
        gone.type = type;
        gone.value = value;
        return gone;
      }
    }
    const absl::Time now = clock_.Now();
    const bool present = existing && !Expired(*existing, now);
    if (present && !set.overwrite) return KeyExists(key);
    store::KvRow row;
    row.tenant = tenant;
    row.namespace_ = namespace_;
    row.key = key;
    row.type = type;
    row.value = Encode(value);
    row.description = set.description.empty() && present ? existing->description : set.description;
    row.revision = existing ? existing->revision + 1 : 1;
    row.created_at = present ? existing->created_at : now;
    row.updated_at = now;
    if (set.ttl) row.expires_at = now + *set.ttl;
    store::SharedRows rows;
    rows.kv.push_back(row);
    if (named) rows.attempt_answers.push_back({set.attempt, "set"});
    rows.audits = set.audits;
    const absl::Status status = store_.Write(rows);
    if (status.ok()) return EntryOf(row);
    if (!MayTryAgain(status, named)) return status;
  }
  return Contended("the key `" + key + "`");
}

absl::StatusOr<std::optional<KvEntry>> KeyValues::Get(const std::string& tenant,
                                                      const std::string& namespace_,
                                                      const std::string& key) {
  if (!IsKey(key)) return BadKey(key);
  ORCH_ASSIGN_OR_RETURN(const auto row, store_.GetKv(tenant, namespace_, key));
  if (!row) return std::nullopt;
  if (Expired(*row, clock_.Now())) return ValueExpired(key);
  return EntryOf(*row);
}

absl::StatusOr<std::optional<KvEntry>> KeyValues::GetInherited(const std::string& tenant,
                                                               const std::string& namespace_,
                                                               const std::string& key) {
  std::string at = namespace_;
  for (;;) {
    ORCH_ASSIGN_OR_RETURN(auto entry, Get(tenant, at, key));
    if (entry) return entry;
    const size_t dot = at.rfind('.');
    if (dot == std::string::npos) return std::nullopt;
    at.resize(dot);
  }
}

absl::StatusOr<bool> KeyValues::Delete(const std::string& tenant, const std::string& namespace_,
                                       const std::string& key, const std::string& attempt,
                                       const std::vector<store::v1::AuditRecord>& audits) {
  if (!IsKey(key)) return BadKey(key);
  const bool named = !attempt.empty();
  for (int tries = 0; tries < kTryCountMax; ++tries) {
    if (named) {
      ORCH_ASSIGN_OR_RETURN(const auto answer, store_.GetAttemptAnswer(attempt));
      if (answer) return *answer == "deleted";
    }
    ORCH_ASSIGN_OR_RETURN(const auto existing, store_.GetKv(tenant, namespace_, key));
    const bool present = existing && !Expired(*existing, clock_.Now());
    store::SharedRows rows;
    if (existing) {
      rows.kv_gone.push_back(*existing);
      rows.audits = audits;
    }
    if (named) rows.attempt_answers.push_back({attempt, present ? "deleted" : "missing"});
    if (!existing && !named) return false;
    const absl::Status status = store_.Write(rows);
    if (status.ok()) return present;
    if (!MayTryAgain(status, named)) return status;
  }
  return Contended("the key `" + key + "`");
}

absl::StatusOr<std::vector<KvEntry>> KeyValues::List(const std::string& tenant,
                                                     const std::string& namespace_,
                                                     const std::string& prefix, int limit) {
  ORCH_ASSIGN_OR_RETURN(const auto rows, store_.ListKv(tenant, namespace_, prefix, limit));
  const absl::Time now = clock_.Now();
  std::vector<KvEntry> entries;
  for (const store::KvRow& row : rows) {
    if (!Expired(row, now)) entries.push_back(EntryOf(row));
  }
  return entries;
}

}  // namespace orch::catalog
