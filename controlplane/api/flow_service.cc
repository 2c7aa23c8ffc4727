#include "controlplane/api/flow_service.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/filters.h"
#include "controlplane/flow/complaint.h"
#include "controlplane/flow/document.h"
#include "controlplane/flow/source.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::api {
namespace {

namespace rows = ::orch::store::v1;

constexpr int kPageSizeMax = 1'000;

enum class Source { kLeft, kShown };

v1::Flow ViewOf(const catalog::StoredFlow& stored, Source source) {
  v1::Flow view;
  view.set_id(stored.row.id);
  view.set_namespace_(stored.row.namespace_);
  view.set_revision(stored.row.revision);
  view.set_disabled(stored.row.disabled);
  view.set_deleted(stored.row.deleted);
  view.set_tenant_id(stored.row.tenant);
  view.mutable_updated()->set_micros(absl::ToUnixMicros(stored.row.updated_at));
  if (stored.flow != nullptr) {
    view.mutable_document()->set_utf8(flow::FlowJson(*stored.flow, stored.row.deleted));
  }
  if (source == Source::kShown) view.set_source(stored.row.source);
  for (const flow::Complaint& complaint : stored.complaints) {
    if (complaint.severity == flow::Severity::kInfo) continue;
    view.add_warnings(flow::ComplaintText(complaint));
  }
  return view;
}

// A refusal that names the place of its first complaint.
absl::Status Refusal(const flow::ReadResult& read) {
  std::vector<std::string> lines;
  std::string path;
  for (const flow::Complaint& complaint : read.complaints) {
    if (complaint.severity != flow::Severity::kError) continue;
    if (lines.empty()) path = complaint.path;
    lines.push_back(flow::ComplaintText(complaint));
  }
  return BadField(path.empty() ? "flow" : path, "Invalid entity: " + absl::StrJoin(lines, "\n"));
}

// Create and bulk forms answer 422 where the flow is there already.
absl::Status AsInvalid(absl::Status status) {
  if (absl::IsAlreadyExists(status)) return WithHttpStatus(std::move(status), 422);
  return status;
}

v1::ValidationResult ResultOf(int index, const flow::ReadResult& read, int line_offset) {
  v1::ValidationResult result;
  result.set_index(index);
  result.set_flow(read.id);
  result.set_namespace_(read.namespace_);
  std::vector<std::string> constraints;
  for (flow::Complaint complaint : read.complaints) {
    if (complaint.mark.line > 0) complaint.mark.line += line_offset;
    const std::string text = flow::ComplaintText(complaint);
    switch (complaint.severity) {
      case flow::Severity::kError: constraints.push_back(text); break;
      case flow::Severity::kWarning: result.add_warnings(text); break;
      case flow::Severity::kInfo: result.add_infos(text); break;
      case flow::Severity::kDeprecation: result.add_deprecation_paths(complaint.path); break;
    }
  }
  result.set_constraints(absl::StrJoin(constraints, "\n"));
  return result;
}

bool IsBelow(const std::string& ns, const std::string& parent) {
  return ns == parent || ns.rfind(parent + ".", 0) == 0;
}

}  // namespace

rows::AuditRecord FlowService::Audit(const Call& call, const std::string& tenant,
                                     const std::string& verb, const std::string& resource) const {
  rows::AuditRecord audit;
  audit.set_id(NewTimeId(clock_, random_));
  audit.set_tenant(tenant);
  audit.set_verb(verb);
  audit.set_principal(call.principal.name);
  audit.set_micros(absl::ToUnixMicros(clock_.Now()));
  audit.set_resource(resource);
  return audit;
}

void FlowService::Register(Operations* operations) {
  operations->Unary<v1::CreateFlowRequest, v1::Flow>(
      "FlowService.CreateFlow",
      [this](const v1::CreateFlowRequest& r, Call& call) -> absl::StatusOr<v1::Flow> {
        const flow::ReadResult read = catalog_.Validate(r.source());
        if (read.flow == nullptr) return Refusal(read);
        auto saved = catalog_.Create(
            {.tenant = r.tenant(),
             .source = r.source(),
             .audits = {Audit(call, r.tenant(), "FLOW_CREATE", read.namespace_ + "/" + read.id)}});
        if (!saved.ok()) return AsInvalid(saved.status());
        return ViewOf(saved->flow, Source::kShown);
      });

  operations->Unary<v1::UpdateFlowRequest, v1::Flow>(
      "FlowService.UpdateFlow",
      [this](const v1::UpdateFlowRequest& r, Call& call) -> absl::StatusOr<v1::Flow> {
        // What is not there cannot be updated, whatever the body says.
        ORCH_RETURN_IF_ERROR(catalog_.Get(r.tenant(), r.namespace_(), r.id()).status());
        const flow::ReadResult read = catalog_.Validate(r.source());
        if (read.flow == nullptr) return Refusal(read);
        ORCH_ASSIGN_OR_RETURN(const auto saved,
                              catalog_.Update(r.namespace_(), r.id(),
                                              {.tenant = r.tenant(),
                                               .source = r.source(),
                                               .audits = {Audit(call, r.tenant(), "FLOW_UPDATE",
                                                                r.namespace_() + "/" + r.id())}}));
        return ViewOf(saved.flow, Source::kShown);
      });

  operations->Unary<v1::GetFlowRequest, v1::Flow>(
      "FlowService.GetFlow",
      [this](const v1::GetFlowRequest& r, Call&) -> absl::StatusOr<v1::Flow> {
        std::optional<int> revision;
        if (r.revision() != 0) revision = r.revision();
        auto stored = catalog_.Get(r.tenant(), r.namespace_(), r.id(), revision);
        if (absl::IsNotFound(stored.status()) && r.allow_deleted() && !revision) {
          ORCH_ASSIGN_OR_RETURN(const auto revisions,
                                catalog_.Revisions(r.tenant(), r.namespace_(), r.id()));
          if (revisions.empty()) return stored.status();
          stored = catalog_.Get(r.tenant(), r.namespace_(), r.id(), revisions.back().revision);
        }
        if (!stored.ok()) return stored.status();
        return ViewOf(*stored, r.source() ? Source::kShown : Source::kLeft);
      });

  const auto view_of_row = [this](const store::FlowRow& row, Source source) {
    // The catalog keeps what it compiled, so that a list of flows is read once.
    auto stored = catalog_.Get(row.tenant, row.namespace_, row.id, row.revision);
    if (!stored.ok()) return ViewOf(catalog::StoredFlow{.row = row}, source);
    return ViewOf(*stored, source);
  };

  operations->Unary<v1::SearchFlowsRequest, v1::FlowPage>(
      "FlowService.SearchFlows",
      [this, view_of_row](const v1::SearchFlowsRequest& r, Call&) -> absl::StatusOr<v1::FlowPage> {
        ORCH_ASSIGN_OR_RETURN(const store::FlowFilter filter, FilterOf(r));
        ORCH_ASSIGN_OR_RETURN(const store::Page wanted, PageOf(r.page(), r.size(), r.cursor()));
        ORCH_ASSIGN_OR_RETURN(const store::FlowPage page, catalog_.List(filter, wanted));
        v1::FlowPage answer;
        for (const store::FlowRow& row : page.flows) {
          *answer.add_results() = view_of_row(row, Source::kLeft);
        }
        answer.set_total(page.total);
        answer.set_next_cursor(page.next_cursor);
        return answer;
      });

  // Every flow of a namespace, or of it and those below it.
  const auto each = [this](const std::string& tenant, const std::string& ns,
                           const std::function<void(const store::FlowRow&)>& take) -> absl::Status {
    store::Page page{.page = 1, .size = kPageSizeMax};
    while (true) {
      ORCH_ASSIGN_OR_RETURN(const store::FlowPage found,
                            catalog_.List({.tenant = tenant, .namespace_ = ns}, page));
      for (const store::FlowRow& row : found.flows) take(row);
      if (found.next_cursor.empty()) return absl::OkStatus();
      page.cursor = found.next_cursor;
    }
  };

  operations->Unary<v1::ListFlowsRequest, v1::FlowList>(
      "FlowService.ListFlows",
      [each, view_of_row](const v1::ListFlowsRequest& r, Call&) -> absl::StatusOr<v1::FlowList> {
        v1::FlowList answer;
        ORCH_RETURN_IF_ERROR(each(r.tenant(), r.namespace_(), [&](const store::FlowRow& row) {
          if (row.namespace_ == r.namespace_()) {
            *answer.add_flows() = view_of_row(row, Source::kLeft);
          }
        }));
        return answer;
      });

  operations->Unary<v1::DeleteFlowRequest, v1::NoContent>(
      "FlowService.DeleteFlow",
      [this](const v1::DeleteFlowRequest& r, Call& call) -> absl::StatusOr<v1::NoContent> {
        ORCH_RETURN_IF_ERROR(catalog_.Delete(
            r.tenant(), r.namespace_(), r.id(),
            {Audit(call, r.tenant(), "FLOW_DELETE", r.namespace_() + "/" + r.id())}));
        return v1::NoContent();
      });

  operations->Unary<v1::ValidateFlowsRequest, v1::ValidationResults>(
      "FlowService.ValidateFlows",
      [this](const v1::ValidateFlowsRequest& r, Call&) -> absl::StatusOr<v1::ValidationResults> {
        v1::ValidationResults answer;
        int index = 0;
        for (const flow::SourceDocument& document : flow::SplitDocuments(r.source())) {
          *answer.add_results() =
              ResultOf(index++, catalog_.Validate(document.text, r.strict()), document.line_offset);
        }
        return answer;
      });

  operations->Unary<v1::ApplyFlowsRequest, v1::FlowList>(
      "FlowService.ApplyFlows",
      [this, each](const v1::ApplyFlowsRequest& r, Call& call) -> absl::StatusOr<v1::FlowList> {
        if (r.delete_() && r.namespace_().empty()) {
          return BadField("namespace", "must say where the others are deleted");
        }
        const auto documents = flow::SplitDocuments(r.source());
        std::vector<flow::ReadResult> reads;
        std::set<std::pair<std::string, std::string>> named;
        for (const flow::SourceDocument& document : documents) {
          flow::ReadResult read = catalog_.Validate(document.text);
          for (flow::Complaint& complaint : read.complaints) {
            if (complaint.mark.line > 0) complaint.mark.line += document.line_offset;
          }
          if (read.flow == nullptr) return Refusal(read);
          const bool inside =
              r.namespace_().empty() || read.namespace_ == r.namespace_() ||
              (r.allow_namespace_child() && IsBelow(read.namespace_, r.namespace_()));
          if (!inside) {
            return BadField("namespace", "the flow " + read.id + " belongs to " + read.namespace_);
          }
          if (!named.emplace(read.namespace_, read.id).second) {
            return BadField("id", "the flow " + read.namespace_ + "/" + read.id + " comes twice");
          }
          reads.push_back(std::move(read));
        }
        v1::FlowList answer;
        for (size_t i = 0; i < documents.size(); ++i) {
          ORCH_ASSIGN_OR_RETURN(
              const auto saved,
              catalog_.Upsert({.tenant = r.tenant(),
                               .source = documents[i].text,
                               .audits = {Audit(call, r.tenant(), "FLOW_APPLY",
                                                reads[i].namespace_ + "/" + reads[i].id)}}));
          *answer.add_flows() = ViewOf(saved.flow, Source::kShown);
        }
        if (!r.delete_()) return answer;
        std::vector<std::pair<std::string, std::string>> others;
        ORCH_RETURN_IF_ERROR(each(r.tenant(), r.namespace_(), [&](const store::FlowRow& row) {
          const bool inside = row.namespace_ == r.namespace_() || r.allow_namespace_child();
          if (inside && named.count({row.namespace_, row.id}) == 0) {
            others.emplace_back(row.namespace_, row.id);
          }
        }));
        for (const auto& [ns, id] : others) {
          const absl::Status status = catalog_.Delete(
              r.tenant(), ns, id, {Audit(call, r.tenant(), "FLOW_DELETE", ns + "/" + id)});
          if (!status.ok() && !absl::IsNotFound(status)) return status;
        }
        return answer;
      });

  operations->Unary<v1::ListRevisionsRequest, v1::FlowList>(
      "FlowService.ListRevisions",
      [this, view_of_row](const v1::ListRevisionsRequest& r,
                          Call&) -> absl::StatusOr<v1::FlowList> {
        ORCH_ASSIGN_OR_RETURN(const auto revisions,
                              catalog_.Revisions(r.tenant(), r.namespace_(), r.id()));
        v1::FlowList answer;
        for (const store::FlowRow& row : revisions) {
          *answer.add_flows() = view_of_row(row, Source::kShown);
        }
        return answer;
      });

  operations->Unary<v1::ListDistinctNamespacesRequest, v1::NamespaceList>(
      "FlowService.ListDistinctNamespaces",
      [each](const v1::ListDistinctNamespacesRequest& r,
             Call&) -> absl::StatusOr<v1::NamespaceList> {
        std::set<std::string> names;
        ORCH_RETURN_IF_ERROR(each(r.tenant(), "", [&](const store::FlowRow& row) {
          if (row.namespace_.find(r.q()) != std::string::npos) names.insert(row.namespace_);
        }));
        v1::NamespaceList answer;
        for (const std::string& name : names) answer.add_namespaces(name);
        return answer;
      });
}

}  // namespace orch::api
