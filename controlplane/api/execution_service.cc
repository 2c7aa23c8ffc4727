#include "controlplane/api/execution_service.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/execution_start.h"
#include "controlplane/api/execution_view.h"
#include "controlplane/api/filters.h"
#include "controlplane/api/followers.h"
#include "controlplane/engine/execution.h"
#include "expression/json.h"

namespace orch::api {
namespace {

namespace rows = ::orch::store::v1;

constexpr int kReadCount = 1'000;
constexpr int kFactRoundsMax = 16;
constexpr char kMask[] = "******";

// The number of a run of this execution.
absl::StatusOr<int64_t> RunOf(const std::string& execution_id, const std::string& run_id) {
  const auto name = engine::ParseRunId(run_id);
  if (!name.ok() || name->execution_id != execution_id) return NoSuch("task run", run_id);
  return name->number;
}

absl::StatusOr<rows::TaskRun> ReadRun(store::Store& store, const std::string& execution_id,
                                      const std::string& run_id) {
  ORCH_ASSIGN_OR_RETURN(const int64_t number, RunOf(execution_id, run_id));
  ORCH_ASSIGN_OR_RETURN(const auto runs, store.ListRuns(execution_id, number, 1));
  if (runs.empty() || runs[0].number() != number) return NoSuch("task run", run_id);
  return runs[0];
}

v1::Execution ListedViewOf(const rows::ExecutionHead& head, const rows::ExecutionPayload& payload,
                           absl::Time now) {
  v1::Execution view = ViewOf(head, payload, now);
  view.clear_variables();
  view.clear_metadata();
  return view;
}

v1::ExecutionPage PageOf(const store::ExecutionPage& found, absl::Time now) {
  v1::ExecutionPage page;
  for (size_t i = 0; i < found.heads.size(); ++i) {
    *page.add_results() = ListedViewOf(found.heads[i], found.payloads[i], now);
  }
  page.set_total(found.total);
  page.set_total_estimated(found.total_estimated);
  page.set_next_cursor(found.next_cursor);
  return page;
}

// A stored file that belongs to the execution.
absl::StatusOr<storage::FileUri> UriOf(const rows::ExecutionHead& head, const std::string& path) {
  auto uri = storage::FileUri::Parse(path);
  if (!uri.ok()) return BadField("path", std::string(uri.status().message()));
  if (!uri->BelongsTo(head.namespace_(), head.flow_id(), head.id())) {
    return BadField("path", "is no file of this execution");
  }
  return uri;
}

std::string TextOf(const expression::Value& value) {
  if (value.tainted()) return kMask;
  if (value.is_null()) return "";
  return value.is_string() ? value.AsString() : expression::ToJson(value);
}

}  // namespace

absl::StatusOr<v1::Evaluation> ExecutionService::Evaluate(
    const v1::EvaluateExpressionRequest& request) const {
  store::Store& store = *parts_.live.store;
  ORCH_ASSIGN_OR_RETURN(const rows::ExecutionHead head,
                        ReadHead(store, request.tenant(), request.execution_id()));
  int64_t run = -1;
  if (!request.task_run_id().empty()) {
    ORCH_ASSIGN_OR_RETURN(const rows::TaskRun found,
                          ReadRun(store, request.execution_id(), request.task_run_id()));
    run = found.number();
  }
  ORCH_ASSIGN_OR_RETURN(const auto flow,
                        parts_.flows->GetRunnable(head.tenant(), head.namespace_(), head.flow_id(),
                                                  head.flow_revision()));
  ORCH_ASSIGN_OR_RETURN(store::ExecutionRows all, store.LoadExecution(request.execution_id()));
  ORCH_ASSIGN_OR_RETURN(
      engine::Execution execution,
      engine::Execution::FromRows(std::move(all.head), std::move(all.payload), std::move(all.runs),
                                  std::move(all.run_payloads), std::move(all.timers)));
  const absl::Time now = parts_.live.clock->Now();
  const uint64_t seed = parts_.random->Next();
  v1::Evaluation answer;
  for (int round = 0; round < kFactRoundsMax; ++round) {
    const expression::Outcome outcome = engine::Evaluate(execution, run, *flow, *parts_.environment,
                                                         request.expression(), now, seed);
    if (const auto* value = std::get_if<expression::Value>(&outcome)) {
      answer.set_result(TextOf(*value));
      return answer;
    }
    if (const auto* error = std::get_if<expression::Error>(&outcome)) {
      answer.set_error(error->message);
      answer.set_stack_trace(error->message);
      answer.set_code(std::string(expression::CodeName(error->code)));
      return answer;
    }
    const auto& need = std::get<expression::Need>(outcome);
    ORCH_ASSIGN_OR_RETURN(auto answers, Fetch({.tenant = head.tenant(),
                                               .namespace_ = head.namespace_(),
                                               .flow_id = head.flow_id(),
                                               .execution_id = head.id()},
                                              need.facts));
    engine::FetchedFacts& facts = execution.mutable_facts(run);
    for (size_t i = 0; i < need.facts.size(); ++i) {
      facts.Put(need.facts[i].Key(), std::move(answers[i]));
    }
  }
  answer.set_error("the expression needs more facts than can be fetched");
  answer.set_code("limit");
  return answer;
}

void ExecutionService::Register(Operations* operations) {
  operations->Async<v1::CreateExecutionRequest, v1::Execution>(
      "ExecutionService.CreateExecution",
      [this](const auto& request, auto call, auto done) { Create(request, call, done); });
  operations->Async<v1::KillExecutionRequest, v1::Execution>(
      "ExecutionService.KillExecution",
      [this](const auto& request, auto call, auto done) { Kill(request, call, done); });
  operations->Unary<v1::CreateExecutionRequest, v1::InputsValidation>(
      "ExecutionService.ValidateInputs",
      [this](const auto& request, Call& call) { return Validate(request, call); });
  operations->Unary<v1::EvaluateExpressionRequest, v1::Evaluation>(
      "ExecutionService.EvaluateExpression",
      [this](const auto& request, Call&) { return Evaluate(request); });
  operations->Events<v1::FollowExecutionRequest>(
      "ExecutionService.FollowExecution",
      [this](const auto& request, const Call&, std::shared_ptr<EventStream> stream) {
        FollowExecution(parts_.live, request, std::move(stream));
      });
  RegisterReads(operations);
}

void ExecutionService::RegisterReads(Operations* operations) {
  store::Store& store = *parts_.live.store;
  Clock& clock = *parts_.live.clock;

  operations->Unary<v1::GetExecutionRequest, v1::Execution>(
      "ExecutionService.GetExecution", [&store, &clock](const v1::GetExecutionRequest& r, Call&) {
        return ReadExecution(store, r.tenant(), r.execution_id(),
                             r.head() ? Runs::kNone : Runs::kShown, clock.Now());
      });

  operations->Unary<v1::SearchExecutionsRequest, v1::ExecutionPage>(
      "ExecutionService.SearchExecutions",
      [&store, &clock](const v1::SearchExecutionsRequest& r,
                       Call&) -> absl::StatusOr<v1::ExecutionPage> {
        const absl::Time now = clock.Now();
        ORCH_ASSIGN_OR_RETURN(const store::ExecutionFilter filter, FilterOf(r, now));
        ORCH_ASSIGN_OR_RETURN(const store::Page wanted,
                              api::PageOf(r.page(), r.size(), r.cursor()));
        ORCH_ASSIGN_OR_RETURN(const store::ExecutionPage page,
                              store.ListExecutions(filter, wanted));
        return PageOf(page, now);
      });

  operations->Unary<v1::ListFlowExecutionsRequest, v1::ExecutionPage>(
      "ExecutionService.ListFlowExecutions",
      [&store, &clock](const v1::ListFlowExecutionsRequest& r,
                       Call&) -> absl::StatusOr<v1::ExecutionPage> {
        if (r.namespace_().empty()) return BadField("namespace", "is missing");
        if (r.flow_id().empty()) return BadField("flowId", "is missing");
        store::ExecutionFilter filter;
        filter.tenant = r.tenant();
        filter.namespace_ = r.namespace_();
        filter.flow_id = r.flow_id();
        ORCH_ASSIGN_OR_RETURN(const store::Page wanted,
                              api::PageOf(r.page(), r.size(), r.cursor()));
        ORCH_ASSIGN_OR_RETURN(const store::ExecutionPage page,
                              store.ListExecutions(filter, wanted));
        return PageOf(page, clock.Now());
      });

  operations->Unary<v1::ListTaskRunsRequest, v1::TaskRunPage>(
      "ExecutionService.ListTaskRuns",
      [&store, &clock](const v1::ListTaskRunsRequest& r, Call&) -> absl::StatusOr<v1::TaskRunPage> {
        ORCH_ASSIGN_OR_RETURN(const auto head, ReadHead(store, r.tenant(), r.execution_id()));
        const int size = r.size() == 0 ? 100 : r.size();
        if (size < 1 || size > kReadCount) return BadField("size", "must be between 1 and 1000");
        int64_t first = 0;
        if (!r.cursor().empty()) {
          const auto number = RunOf(r.execution_id(), r.cursor());
          if (!number.ok()) return BadField("cursor", "is none of this list");
          first = *number;
        }
        std::vector<bool> states(v1::State_MAX + 1, r.state().empty());
        for (const int state : r.state()) states[static_cast<size_t>(state)] = true;
        v1::TaskRunPage page;
        page.set_total(head.run_count());
        const absl::Time now = clock.Now();
        while (true) {
          ORCH_ASSIGN_OR_RETURN(const auto runs,
                                store.ListRuns(r.execution_id(), first, kReadCount));
          for (const rows::TaskRun& run : runs) {
            if (!states[static_cast<size_t>(run.state())]) continue;
            if (!r.task_id().empty() && run.task_id() != r.task_id()) continue;
            if (page.results_size() == size) {
              page.set_next_cursor(engine::RunId(r.execution_id(), run.number()));
              return page;
            }
            v1::TaskRunView* view = page.add_results();
            *view = ViewOf(head, run, now);
            ORCH_RETURN_IF_ERROR(JoinOutputs(store, run, view));
          }
          if (runs.size() < static_cast<size_t>(kReadCount)) return page;
          first = runs.back().number() + 1;
        }
      });

  operations->Unary<v1::ListOutputsRequest, v1::OutputList>(
      "ExecutionService.ListOutputs",
      [&store](const v1::ListOutputsRequest& r, Call&) -> absl::StatusOr<v1::OutputList> {
        ORCH_RETURN_IF_ERROR(ReadHead(store, r.tenant(), r.execution_id()).status());
        v1::OutputList answer;
        for (int64_t first = 0;;) {
          ORCH_ASSIGN_OR_RETURN(const auto runs,
                                store.ListRuns(r.execution_id(), first, kReadCount));
          for (const rows::TaskRun& run : runs) {
            if (run.outputs().utf8().empty() && !run.outputs_apart()) continue;
            v1::OutputEntry* entry = answer.add_outputs();
            entry->set_task_id(run.task_id());
            entry->set_task_run_id(engine::RunId(r.execution_id(), run.number()));
            if (run.has_value()) entry->set_value(run.value());
            if (run.iteration() >= 0) entry->set_iteration(run.iteration());
            entry->set_inline_(!run.outputs_apart());
          }
          if (runs.size() < static_cast<size_t>(kReadCount)) return answer;
          first = runs.back().number() + 1;
        }
      });

  operations->Unary<v1::GetOutputsRequest, v1::Outputs>(
      "ExecutionService.GetOutputs",
      [&store](const v1::GetOutputsRequest& r, Call&) -> absl::StatusOr<v1::Outputs> {
        ORCH_RETURN_IF_ERROR(ReadHead(store, r.tenant(), r.execution_id()).status());
        ORCH_ASSIGN_OR_RETURN(const rows::TaskRun run,
                              ReadRun(store, r.execution_id(), r.task_run_id()));
        v1::TaskRunView view;
        *view.mutable_outputs() = run.outputs();
        ORCH_RETURN_IF_ERROR(JoinOutputs(store, run, &view));
        v1::Outputs answer;
        answer.mutable_outputs()->set_utf8(view.outputs().utf8().empty() ? "{}"
                                                                         : view.outputs().utf8());
        return answer;
      });

  storage::FileStore* const files = parts_.files;
  operations->Bytes<v1::GetFileRequest>(
      "ExecutionService.GetFile",
      [&store, files](const v1::GetFileRequest& r, Call&) -> absl::StatusOr<BytesAnswer> {
        ORCH_ASSIGN_OR_RETURN(const auto head, ReadHead(store, r.tenant(), r.execution_id()));
        ORCH_ASSIGN_OR_RETURN(const storage::FileUri uri, UriOf(head, r.path()));
        BytesAnswer answer;
        ORCH_ASSIGN_OR_RETURN(const storage::FileInfo info, files->Stat(r.tenant(), uri));
        ORCH_ASSIGN_OR_RETURN(answer.source, files->Open(r.tenant(), uri));
        answer.size = info.size;
        answer.file_name = uri.segments().back();
        return answer;
      });
  operations->Unary<v1::GetFileRequest, v1::FileMetas>(
      "ExecutionService.GetFileMetas",
      [&store, files](const v1::GetFileRequest& r, Call&) -> absl::StatusOr<v1::FileMetas> {
        ORCH_ASSIGN_OR_RETURN(const auto head, ReadHead(store, r.tenant(), r.execution_id()));
        ORCH_ASSIGN_OR_RETURN(const storage::FileUri uri, UriOf(head, r.path()));
        ORCH_ASSIGN_OR_RETURN(const storage::FileInfo info, files->Stat(r.tenant(), uri));
        v1::FileMetas answer;
        answer.set_size(info.size);
        return answer;
      });
}

}  // namespace orch::api
