#include "controlplane/catalog/flow_catalog.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "controlplane/catalog/errors.h"
#include "controlplane/flow/source.h"
#include "controlplane/store/columns.h"

namespace orch::catalog {
namespace {

constexpr int kTryCountMax = 16;

// Tells the flow's state, wherever it lives, of a new revision. Written in the same transaction, so
// that no revision goes untold.
store::v1::Mail MailOf(const store::FlowRow& row, int limit) {
  store::v1::Mail mail;
  mail.set_receiver(store::FlowAddress(row.tenant, row.namespace_, row.id));
  mail.set_receiver_bucket(BucketOf(row.tenant, row.namespace_, row.id));
  mail.set_sender("catalog");
  mail.set_sequence(row.revision);
  if (row.deleted) {
    mail.mutable_event()->mutable_flow_deleted()->set_revision(row.revision);
  } else {
    mail.mutable_event()->mutable_flow_saved()->set_revision(row.revision);
    mail.mutable_event()->mutable_flow_saved()->set_limit(limit);
  }
  return mail;
}

}  // namespace

FlowCatalog::FlowCatalog(store::Store& store, const TaskTypeCatalog& types, Clock& clock,
                         Options options)
    : store_(store), types_(types), clock_(clock), options_(std::move(options)) {}

flow::ReadOptions FlowCatalog::ReadOptionsFor(bool strict, bool lenient) const {
  flow::ReadOptions options;
  options.limits = options_.limits;
  options.features = options_.features;
  options.strict = strict;
  options.lenient = lenient;
  return options;
}

flow::ReadResult FlowCatalog::Validate(std::string_view source, bool strict) const {
  return flow::ReadFlow(source, *types_.types(), ReadOptionsFor(strict, /*lenient=*/false));
}

absl::StatusOr<FlowCatalog::Saved> FlowCatalog::Create(const FlowChange& change) {
  return Save(change, Validate(change.source, change.strict), Mode::kCreate);
}

absl::StatusOr<FlowCatalog::Saved> FlowCatalog::Upsert(const FlowChange& change) {
  return Save(change, Validate(change.source, change.strict), Mode::kUpsert);
}

absl::StatusOr<FlowCatalog::Saved> FlowCatalog::Update(std::string_view namespace_,
                                                       std::string_view id,
                                                       const FlowChange& change) {
  flow::ReadResult read = Validate(change.source, change.strict);
  if (read.flow != nullptr) {
    if (read.flow->id != id) return IllegalIdUpdate(id, read.flow->id);
    if (read.flow->namespace_ != namespace_) {
      return IllegalNamespaceUpdate(namespace_, read.flow->namespace_);
    }
  }
  return Save(change, std::move(read), Mode::kUpdate);
}

absl::StatusOr<FlowCatalog::Saved> FlowCatalog::Save(const FlowChange& change,
                                                     flow::ReadResult read, Mode mode) {
  if (read.flow == nullptr) return flow::StatusOf(read.complaints);
  const flow::Flow& flow = *read.flow;
  const std::string digest = flow::SourceDigest(change.source);
  const auto saved = [&](store::FlowRow row, bool changed) {
    Saved result;
    result.flow = Compile(std::move(row));
    result.flow.complaints = std::move(read.complaints);
    result.changed = changed;
    return result;
  };
  bool answer_lost = false;
  int revision = 0;  // The one we tried to write.
  for (int tries = 0; tries < kTryCountMax; ++tries) {
    ORCH_ASSIGN_OR_RETURN(const auto newest,
                          store_.GetFlow(change.tenant, flow.namespace_, flow.id, std::nullopt));
    const bool exists = newest && !newest->deleted;
    const bool same =
        exists && newest->digest == digest && flow::SameSource(newest->source, change.source);
    // A commit whose answer was lost may be this very revision.
    if (answer_lost && same && newest->revision == revision)
      return saved(*newest, /*changed=*/true);
    if (exists && mode == Mode::kCreate) return FlowExists(flow.namespace_, flow.id);
    if (!exists && mode == Mode::kUpdate) return NoSuchFlow(flow.namespace_, flow.id);
    if (same) return saved(*newest, /*changed=*/false);
    store::FlowRow row;
    row.tenant = change.tenant;
    row.namespace_ = flow.namespace_;
    row.id = flow.id;
    row.revision = revision = newest ? newest->revision + 1 : 1;
    row.disabled = flow.disabled;
    row.source = change.source;
    row.digest = digest;
    row.description = flow.description;
    for (const auto& [key, value] : flow.labels) {
      store::v1::Label label;
      label.set_key(key);
      label.set_value(value);
      row.labels.push_back(std::move(label));
    }
    row.updated_at = clock_.Now();
    store::SharedRows rows;
    rows.flows.push_back(row);
    rows.mails.push_back(MailOf(row, flow.concurrency ? flow.concurrency->limit : 0));
    rows.audits = change.audits;
    const Name name(row.tenant, row.namespace_, row.id);
    ForgetNewest(name);
    const absl::Status status = store_.Write(rows);
    ForgetNewest(name);
    if (status.ok()) return saved(std::move(row), /*changed=*/true);
    answer_lost = absl::IsUnknown(status);
    if (!answer_lost && !absl::IsAborted(status)) return status;
  }
  return Contended(absl::StrFormat("the flow %s.%s", flow.namespace_, flow.id));
}

absl::Status FlowCatalog::Delete(const std::string& tenant, const std::string& namespace_,
                                 const std::string& id,
                                 const std::vector<store::v1::AuditRecord>& audits) {
  bool answer_lost = false;
  for (int tries = 0; tries < kTryCountMax; ++tries) {
    ORCH_ASSIGN_OR_RETURN(const auto newest, store_.GetFlow(tenant, namespace_, id, std::nullopt));
    if (!newest || newest->deleted) {
      return answer_lost && newest ? absl::OkStatus() : NoSuchFlow(namespace_, id);
    }
    store::FlowRow row = *newest;
    ++row.revision;
    row.deleted = true;
    row.updated_at = clock_.Now();
    store::SharedRows rows;
    rows.mails.push_back(MailOf(row, 0));
    rows.flows.push_back(std::move(row));
    rows.audits = audits;
    const Name name(tenant, namespace_, id);
    ForgetNewest(name);
    const absl::Status status = store_.Write(rows);
    ForgetNewest(name);
    if (status.ok()) return status;
    answer_lost = answer_lost || absl::IsUnknown(status);
    if (!absl::IsUnknown(status) && !absl::IsAborted(status)) return status;
  }
  return Contended(absl::StrFormat("the flow %s.%s", namespace_, id));
}

absl::StatusOr<StoredFlow> FlowCatalog::Get(const std::string& tenant,
                                            const std::string& namespace_, const std::string& id,
                                            std::optional<int> revision) {
  std::optional<store::FlowRow> row;
  if (revision) {
    ORCH_ASSIGN_OR_RETURN(row, store_.GetFlow(tenant, namespace_, id, revision));
  } else {
    ORCH_ASSIGN_OR_RETURN(row, Newest(Name(tenant, namespace_, id)));
  }
  if (!row) {
    return revision ? NoSuchRevision(namespace_, id, *revision) : NoSuchFlow(namespace_, id);
  }
  if (!revision && row->deleted) return NoSuchFlow(namespace_, id);
  return Compile(*std::move(row));
}

absl::StatusOr<std::shared_ptr<const flow::Flow>> FlowCatalog::GetRunnable(
    const std::string& tenant, const std::string& namespace_, const std::string& id, int revision) {
  {
    // A revision never changes: what is compiled needs no look at the store.
    const auto types = types_.types();
    MutexLock lock(&mutex_);
    const auto found = cache_.find(Key(tenant, namespace_, id, revision));
    if (found != cache_.end() && found->second->second.types == types &&
        found->second->second.flow != nullptr) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->second.flow;
    }
  }
  ORCH_ASSIGN_OR_RETURN(const StoredFlow stored, Get(tenant, namespace_, id, revision));
  if (stored.flow != nullptr) return stored.flow;
  return absl::FailedPreconditionError(absl::StrFormat(
      "revision %d of the flow %s.%s cannot be run any more; save it anew:\n%s", revision,
      namespace_, id, std::string(flow::StatusOf(stored.complaints).message())));
}

absl::StatusOr<store::FlowPage> FlowCatalog::List(const store::FlowFilter& filter,
                                                  const store::Page& page) {
  return store_.ListFlows(filter, page);
}

absl::StatusOr<std::vector<store::FlowRow>> FlowCatalog::Revisions(const std::string& tenant,
                                                                   const std::string& namespace_,
                                                                   const std::string& id) {
  ORCH_ASSIGN_OR_RETURN(auto rows, store_.ListRevisions(tenant, namespace_, id));
  if (rows.empty()) return NoSuchFlow(namespace_, id);
  return rows;
}

absl::StatusOr<std::optional<store::FlowRow>> FlowCatalog::Newest(const Name& name) {
  int64_t write_count = 0;
  if (options_.sole_writer) {
    MutexLock lock(&mutex_);
    const auto found = newest_.find(name);
    if (found != newest_.end()) return found->second;
    write_count = write_count_;
  }
  const auto& [tenant, ns, id] = name;
  ORCH_ASSIGN_OR_RETURN(std::optional<store::FlowRow> row,
                        store_.GetFlow(tenant, ns, id, std::nullopt));
  if (options_.sole_writer && row) {
    MutexLock lock(&mutex_);
    // A write that came between may have made this row an old one.
    if (write_count == write_count_) {
      if (newest_.size() >= options_.cache_count_max) newest_.clear();
      newest_[name] = *row;
    }
  }
  return row;
}

void FlowCatalog::ForgetNewest(const Name& name) {
  MutexLock lock(&mutex_);
  ++write_count_;
  newest_.erase(name);
}

StoredFlow FlowCatalog::Compile(store::FlowRow row) {
  const Key key(row.tenant, row.namespace_, row.id, row.revision);
  StoredFlow stored;
  stored.row = std::move(row);
  const auto types = types_.types();
  {
    MutexLock lock(&mutex_);
    const auto found = cache_.find(key);
    if (found != cache_.end() && found->second->second.types == types) {
      recent_.splice(recent_.begin(), recent_, found->second);
      stored.flow = found->second->second.flow;
      stored.complaints = found->second->second.complaints;
      return stored;
    }
  }
  flow::ReadOptions options = ReadOptionsFor(/*strict=*/false, /*lenient=*/true);
  options.tenant = stored.row.tenant;
  options.revision = stored.row.revision;
  flow::ReadResult read = flow::ReadFlow(stored.row.source, *types, options);
  stored.flow = read.flow;
  stored.complaints = read.complaints;
  Remember(key, {std::move(read.flow), std::move(read.complaints), types});
  return stored;
}

void FlowCatalog::Remember(const Key& key, Compiled compiled) {
  MutexLock lock(&mutex_);
  if (const auto found = cache_.find(key); found != cache_.end()) {
    recent_.erase(found->second);
    cache_.erase(found);
  }
  recent_.emplace_front(key, std::move(compiled));
  cache_[key] = recent_.begin();
  while (recent_.size() > options_.cache_count_max) {
    cache_.erase(recent_.back().first);
    recent_.pop_back();
  }
}

}  // namespace orch::catalog
