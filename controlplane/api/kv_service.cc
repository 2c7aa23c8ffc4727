#include "controlplane/api/kv_service.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/ids.h"
#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/filters.h"
#include "controlplane/api/json/json_text.h"
#include "controlplane/api/json/times.h"
#include "expression/json.h"
#include "orch/v1/kv_service.pb.h"

namespace orch::api {
namespace {

using catalog::KvEntry;
using expression::Value;

constexpr int kEntryCountMax = 1'000;  // Of one namespace, and of a page.

v1::KvEntry ViewOf(const std::string& ns, const KvEntry& entry) {
  v1::KvEntry view;
  view.set_namespace_(ns);
  view.set_key(entry.key);
  view.set_revision(entry.revision);
  view.set_description(entry.description);
  view.mutable_creation_date()->set_micros(absl::ToUnixMicros(entry.created_at));
  view.mutable_update_date()->set_micros(absl::ToUnixMicros(entry.updated_at));
  if (entry.expires_at) {
    view.mutable_expiration_date()->set_micros(absl::ToUnixMicros(*entry.expires_at));
  }
  return view;
}

std::string_view Trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<absl::CivilDay> DateOf(std::string_view text) {
  absl::CivilDay day;
  const bool is_date =
      text.size() == 10 && absl::ParseCivilTime(absl::string_view(text.data(), text.size()), &day);
  return is_date ? std::optional(day) : std::nullopt;
}

// A body is JSON, or a moment, date or duration without quotes.
absl::StatusOr<catalog::KvSet> SetOf(const v1::PutKvRequest& request) {
  catalog::KvSet set;
  set.description = request.description();
  if (request.has_ttl()) {
    if (request.ttl().micros() <= 0) return BadField("ttl", "must be a time to come");
    set.ttl = absl::Microseconds(request.ttl().micros());
  }
  const std::string_view text = Trim(request.value());
  if (text.empty()) return BadField("value", "is missing");
  if (json::CheckJson(text).ok()) {
    ORCH_ASSIGN_OR_RETURN(set.value, expression::ParseJson(text));
    return set;
  }
  if (const auto day = DateOf(text)) {
    set.value = Value::Date(*day);
    return set;
  }
  if (json::ParseInstant(text)) set.type = "DATETIME";
  if (json::ParseSpan(text)) set.type = "DURATION";
  if (set.type.empty()) {
    return BadField("value", "must be JSON (a text in quotes), or an ISO date, moment or duration");
  }
  set.value = Value::String(std::string(text));
  return set;
}

}  // namespace

store::v1::AuditRecord KvService::Audit(const Call& call, const std::string& tenant,
                                        const std::string& verb, const std::string& ns,
                                        const std::string& key) const {
  store::v1::AuditRecord audit;
  audit.set_id(NewTimeId(clock_, random_));
  audit.set_tenant(tenant);
  audit.set_verb(verb);
  audit.set_principal(call.principal.name);
  audit.set_micros(absl::ToUnixMicros(clock_.Now()));
  audit.set_resource(ns + "/" + key);
  return audit;
}

void KvService::Register(Operations* operations) {
  operations->Unary<v1::SearchKvRequest, v1::KvPage>(
      "KvService.SearchKv",
      [this](const v1::SearchKvRequest& r, Call&) -> absl::StatusOr<v1::KvPage> {
        std::string ns = r.namespace_();
        for (const v1::Filter& filter : r.filters()) {
          const bool names = filter.field() == "namespace" &&
                             (filter.operation() == "EQUALS" || filter.operation() == "PREFIX" ||
                              filter.operation() == "STARTS_WITH");
          if (!names) {
            return BadField("filters[" + filter.field() + "][" + filter.operation() + "]",
                            "there is no such filter here");
          }
          ns = filter.value();
        }
        if (!r.sort().empty())
          return BadField("sort", "this list is sorted by namespace and key only");
        std::set<std::string> namespaces;
        if (!ns.empty()) namespaces.insert(ns);
        store::Page page{.page = 1, .size = kEntryCountMax};
        while (true) {
          ORCH_ASSIGN_OR_RETURN(const auto flows,
                                flows_.List({.tenant = r.tenant(), .namespace_ = ns}, page));
          for (const auto& row : flows.flows) namespaces.insert(row.namespace_);
          if (flows.next_cursor.empty()) break;
          page.cursor = flows.next_cursor;
        }
        std::vector<v1::KvEntry> all;
        for (const std::string& name : namespaces) {
          ORCH_ASSIGN_OR_RETURN(const auto entries,
                                values_.List(r.tenant(), name, "", kEntryCountMax));
          for (const KvEntry& entry : entries) {
            if (entry.key.find(r.q()) != std::string::npos) all.push_back(ViewOf(name, entry));
          }
        }
        ORCH_ASSIGN_OR_RETURN(const store::Page wanted, PageOf(r.page(), r.size(), ""));
        v1::KvPage answer;
        answer.set_total(static_cast<int64_t>(all.size()));
        const size_t first =
            static_cast<size_t>(wanted.page - 1) * static_cast<size_t>(wanted.size);
        for (size_t i = first; i < all.size() && i < first + static_cast<size_t>(wanted.size);
             ++i) {
          *answer.add_results() = all[i];
        }
        return answer;
      });

  operations->Unary<v1::ListKvRequest, v1::KvList>(
      "KvService.ListKv", [this](const v1::ListKvRequest& r, Call&) -> absl::StatusOr<v1::KvList> {
        ORCH_ASSIGN_OR_RETURN(const auto entries,
                              values_.List(r.tenant(), r.namespace_(), "", kEntryCountMax));
        v1::KvList answer;
        for (const KvEntry& entry : entries) *answer.add_entries() = ViewOf(r.namespace_(), entry);
        return answer;
      });

  operations->Unary<v1::GetKvRequest, v1::KvValue>(
      "KvService.GetKv", [this](const v1::GetKvRequest& r, Call&) -> absl::StatusOr<v1::KvValue> {
        ORCH_ASSIGN_OR_RETURN(const auto entry, values_.Get(r.tenant(), r.namespace_(), r.key()));
        if (!entry) return NoSuch("key", r.key());
        v1::KvValue answer;
        answer.set_type(entry->type);
        // Nulls of a user's value are kept; a duration is shown as it is written.
        const Value& value = entry->value;
        answer.mutable_value()->set_utf8(
            value.kind() == expression::Kind::kDuration
                ? json::Quoted(json::SpanText(absl::ToInt64Microseconds(value.AsDuration())))
                : expression::ToJson(catalog::KvPlain(value), expression::NullPolicy::kKeep));
        answer.set_revision(entry->revision);
        answer.mutable_updated()->set_micros(absl::ToUnixMicros(entry->updated_at));
        return answer;
      });

  operations->Unary<v1::PutKvRequest, v1::NoContent>(
      "KvService.PutKv",
      [this](const v1::PutKvRequest& r, Call& call) -> absl::StatusOr<v1::NoContent> {
        ORCH_ASSIGN_OR_RETURN(catalog::KvSet set, SetOf(r));
        set.audits = {Audit(call, r.tenant(), "KV_PUT", r.namespace_(), r.key())};
        ORCH_RETURN_IF_ERROR(values_.Set(r.tenant(), r.namespace_(), r.key(), set).status());
        return v1::NoContent();
      });

  operations->Unary<v1::DeleteKvRequest, v1::DeletedKv>(
      "KvService.DeleteKv",
      [this](const v1::DeleteKvRequest& r, Call& call) -> absl::StatusOr<v1::DeletedKv> {
        v1::DeletedKv answer;
        ORCH_ASSIGN_OR_RETURN(
            const bool deleted,
            values_.Delete(r.tenant(), r.namespace_(), r.key(), "",
                           {Audit(call, r.tenant(), "KV_DELETE", r.namespace_(), r.key())}));
        answer.set_deleted(deleted);
        return answer;
      });

  operations->Unary<v1::DeleteKvsRequest, v1::DeletedKeys>(
      "KvService.DeleteKvs",
      [this](const v1::DeleteKvsRequest& r, Call& call) -> absl::StatusOr<v1::DeletedKeys> {
        v1::DeletedKeys answer;
        for (const std::string& key : r.keys()) {
          ORCH_ASSIGN_OR_RETURN(
              const bool deleted,
              values_.Delete(r.tenant(), r.namespace_(), key, "",
                             {Audit(call, r.tenant(), "KV_DELETE", r.namespace_(), key)}));
          if (deleted) answer.add_keys(key);
        }
        return answer;
      });
}

}  // namespace orch::api
