// How an execution is started: its flow, labels, files and inputs; then the order, and the wait for
// it.
#include "controlplane/api/execution_start.h"

#include <openssl/evp.h>

#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/execution_service.h"
#include "controlplane/api/execution_view.h"
#include "controlplane/api/filters.h"
#include "controlplane/api/json/json_text.h"
#include "controlplane/engine/execution.h"
#include "controlplane/engine/sealed.h"
#include "expression/json.h"

namespace orch::api {
namespace {

using expression::Value;

constexpr int kFactRoundsMax = 16;
constexpr char kSystemPrefix[] = "system.";
constexpr char kCorrelationId[] = "system.correlationId";

std::string Sha256(std::string_view text) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), sum, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sum), size));
}

absl::Status CheckLabels(const std::vector<v1::Label>& labels) {
  std::set<std::string> keys;
  for (const v1::Label& label : labels) {
    if (!keys.insert(label.key()).second)
      return BadField("labels", "the key " + label.key() + " comes twice");
    if (label.key().rfind(kSystemPrefix, 0) == 0 && label.key() != kCorrelationId) {
      return BadField("labels", "the label " + label.key() + " is the system's own");
    }
  }
  return absl::OkStatus();
}

const flow::Input* FindInput(const flow::Flow& flow, const std::string& id) {
  for (const flow::Input& input : flow.inputs) {
    if (input.id == id) return &input;
  }
  return nullptr;
}

// One answer of a request, whoever is first: its commit, or the deadline.
struct Pending {
  Mutex mutex;
  bool answered ABSL_GUARDED_BY(mutex) = false;
  bool Claim() {
    MutexLock lock(&mutex);
    return !std::exchange(answered, true);
  }
};

}  // namespace

absl::Status ExecutionService::TakeFiles(const v1::CreateExecutionRequest& request, Call& call,
                                         Files files, Start* start) const {
  struct Given {
    std::string input, file_name;
    int64_t size;
    std::function<absl::StatusOr<std::unique_ptr<storage::ByteSource>>()> open;
  };
  std::vector<Given> all;
  for (const FormFile& file : call.files) {
    // The old form names every part `files`, and the input by its file name.
    const bool old_form = file.name == "files" && FindInput(*start->flow, "files") == nullptr;
    all.push_back({old_form ? file.file_name : file.name, file.file_name, file.size, file.open});
  }
  for (const v1::InputFile& file : request.files()) {
    all.push_back({file.input(), file.file_name(), static_cast<int64_t>(file.content().size()),
                   [&file]() -> absl::StatusOr<std::unique_ptr<storage::ByteSource>> {
                     return std::make_unique<storage::TextSource>(file.content());
                   }});
  }
  for (const Given& file : all) {
    const flow::Input* input = FindInput(*start->flow, file.input);
    if (input == nullptr) {
      call.warnings.push_back("the flow has no input " + file.input);
      continue;
    }
    if (input->type != "FILE") return BadField("inputs." + file.input, "is no input of type FILE");
    if (file.size == 0) return BadField("inputs." + file.input, "the file is empty");
    std::string name = file.file_name;
    if (name.empty()) name = input->id + input->extension;
    const storage::FileUri uri = storage::FileUri::OfExecution(
        start->flow->namespace_, start->flow->id, start->execution_id, {"inputs", input->id, name});
    if (files == Files::kKeep) {
      ORCH_ASSIGN_OR_RETURN(const auto source, file.open());
      ORCH_RETURN_IF_ERROR(
          parts_.files->Put(request.tenant(), uri, *source, parts_.file_bytes_max).status());
      start->stored.push_back(uri);
    }
    start->supplied[input->id] = Value::String(uri.ToString());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<absl::StatusOr<Value>>> ExecutionService::Fetch(
    const conductor::FactPlace& place, const std::vector<expression::Fact>& facts) const {
  struct Waited {
    Mutex mutex;
    CondVar changed;
    std::optional<std::vector<absl::StatusOr<Value>>> answers ABSL_GUARDED_BY(mutex);
  };
  auto waited = std::make_shared<Waited>();
  parts_.facts->Fetch(place, facts, [waited](std::vector<absl::StatusOr<Value>> answers) {
    MutexLock lock(&waited->mutex);
    waited->answers = std::move(answers);
    waited->changed.SignalAll();
  });
  MutexLock lock(&waited->mutex);
  while (!waited->answers.has_value()) {
    if (waited->changed.WaitWithTimeout(&waited->mutex, absl::Seconds(15))) break;
  }
  if (!waited->answers.has_value())
    return absl::UnavailableError("what an expression needs did not come");
  if (waited->answers->size() != facts.size()) return absl::InternalError("facts without answers");
  return *std::move(waited->answers);
}

absl::Status ExecutionService::Resolve(const v1::CreateExecutionRequest& request,
                                       Start* start) const {
  const flow::Flow& flow = *start->flow;
  const engine::Environment& environment = *parts_.environment;
  expression::MapBuilder about_flow;
  about_flow.Set("id", Value::String(flow.id))
      .Set("namespace", Value::String(flow.namespace_))
      .Set("revision", Value::Integer(flow.revision))
      .Set("tenantId", Value::String(request.tenant()));
  expression::MapBuilder about_execution;
  about_execution.Set("id", Value::String(start->execution_id));
  expression::MapBuilder variables;
  variables.Set("flow", about_flow.Build())
      .Set("execution", about_execution.Build())
      .Set("vars", flow.variables)
      .Set("envs", environment.envs)
      .Set("globals", environment.globals);
  const expression::MapVariables seen(variables.Build());
  engine::FetchedFacts facts;
  expression::EvaluationContext context;
  context.variables = &seen;
  context.facts = &facts;
  context.now = parts_.live.clock->Now();
  context.seed = parts_.random->Next();
  context.recursive = environment.recursive_rendering;
  for (int round = 0; round < kFactRoundsMax; ++round) {
    flow::InputsOutcome outcome =
        flow::ResolveInputs(flow.inputs, start->supplied, *environment.renderer, context);
    if (auto* resolved = std::get_if<flow::ResolvedInputs>(&outcome)) {
      start->resolved = std::move(*resolved);
      return absl::OkStatus();
    }
    const auto& need = std::get<expression::Need>(outcome);
    ORCH_ASSIGN_OR_RETURN(auto answers, Fetch({.tenant = request.tenant(),
                                               .namespace_ = flow.namespace_,
                                               .flow_id = flow.id,
                                               .execution_id = start->execution_id},
                                              need.facts));
    for (size_t i = 0; i < need.facts.size(); ++i) {
      facts.Put(need.facts[i].Key(), std::move(answers[i]));
    }
  }
  return BadField("inputs", "they need more facts than can be fetched");
}

absl::StatusOr<ExecutionService::Start> ExecutionService::Prepare(
    const v1::CreateExecutionRequest& request, Call& call, Files files) const {
  Start start;
  std::optional<int> revision;
  if (request.revision() != 0) revision = request.revision();
  ORCH_ASSIGN_OR_RETURN(
      const catalog::StoredFlow stored,
      parts_.flows->Get(request.tenant(), request.namespace_(), request.flow_id(), revision));
  if (stored.row.deleted) return NoSuch("flow", request.namespace_() + "." + request.flow_id());
  if (stored.row.disabled) return absl::FailedPreconditionError("Cannot execute a disabled flow");
  if (stored.flow == nullptr) {
    return absl::FailedPreconditionError("the flow cannot be run by this release: " +
                                         std::string(flow::StatusOf(stored.complaints).message()));
  }
  start.flow = stored.flow;
  start.execution_id = NewTimeId(*parts_.live.clock, *parts_.random);
  ORCH_ASSIGN_OR_RETURN(start.labels, LabelsOf(request.labels()));
  ORCH_RETURN_IF_ERROR(CheckLabels(start.labels));
  if (!request.breakpoints().empty()) return BadField("breakpoints", "are not served");
  if (!request.kind().empty() && request.kind() != "NORMAL") {
    return BadField("kind", "only NORMAL executions are served");
  }
  if (!request.inputs().utf8().empty()) {
    json::Cursor inputs(request.inputs().utf8());
    if (inputs.kind() != json::Cursor::Kind::kObject)
      return BadField("inputs", "must be an object");
    inputs.Enter();
    std::string id;
    while (inputs.NextKey(&id)) {
      const std::string_view raw = inputs.TakeRaw();
      auto value = expression::ParseJson(raw);
      if (!value.ok()) return BadField("inputs." + id, std::string(value.status().message()));
      start.supplied[id] = *std::move(value);
    }
  }
  ORCH_RETURN_IF_ERROR(TakeFiles(request, call, files, &start));
  ORCH_RETURN_IF_ERROR(Resolve(request, &start));
  for (const std::string& id : start.resolved.unknown) {
    call.warnings.push_back("the flow has no input " + id);
  }
  return start;
}

void ExecutionService::Create(const v1::CreateExecutionRequest& request, std::shared_ptr<Call> call,
                              Done done) const {
  absl::StatusOr<Start> start = Prepare(request, *call, Files::kKeep);
  if (!start.ok()) return done(start.status());
  // Files of a start that is refused belong to nobody.
  const auto refuse = [this, tenant = request.tenant(), stored = start->stored](
                          const absl::Status& status, const Done& answer) {
    for (const storage::FileUri& uri : stored) {
      parts_.files->Delete(tenant, uri)
          .IgnoreError();  // What stays is found with its execution's folder.
    }
    answer(status);
  };
  const std::vector<std::string> errors = start->resolved.Errors();
  if (!errors.empty()) return refuse(BadField("inputs", "Invalid entity: " + errors.front()), done);
  for (size_t i = 0; i < start->resolved.inputs.size(); ++i) {
    flow::ResolvedInput& input = start->resolved.inputs[i];
    const flow::Input* declared = FindInput(*start->flow, input.id);
    if (declared == nullptr || declared->type != "SECRET" || input.value.is_null()) continue;
    auto sealed = engine::SealWhole(input.value, parts_.environment->sealer, parts_.random->Next());
    if (!sealed.ok()) {
      return refuse(BadField("inputs." + input.id, std::string(sealed.status().message())), done);
    }
    input.value = *std::move(sealed);
  }
  conductor::CreateRequest order;
  order.execution_id = start->execution_id;
  order.tenant = request.tenant();
  order.namespace_ = start->flow->namespace_;
  order.flow_id = start->flow->id;
  order.flow_revision = start->flow->revision;
  order.flow = start->flow;
  order.labels = start->labels;
  if (!start->flow->inputs.empty()) {
    order.inputs_json = expression::ToJson(start->resolved.Values(), expression::NullPolicy::kKeep);
  }
  if (request.has_schedule_date()) {
    order.schedule_at = absl::FromUnixMicros(request.schedule_date().micros());
  }
  order.idempotency_key = request.idempotency_key();
  order.request_digest = Sha256(call->body_digest + "\n" + request.SerializeAsString());
  order.principal = call->principal.name;

  auto pending = std::make_shared<Pending>();
  const TimerId timer = parts_.live.executor->PostAt(parts_.commit_deadline, [pending, done] {
    if (pending->Claim()) done(NoAnswerYet("start the execution"));
  });
  const bool wait = request.wait();
  const std::string url_base = call->base_url;
  parts_.live.requests->Create(std::move(order), [this, pending, done, refuse, timer, wait,
                                                  url_base, tenant = request.tenant()](
                                                     absl::StatusOr<conductor::Created> created) {
    if (!pending->Claim()) return;
    auto result = std::make_shared<absl::StatusOr<conductor::Created>>(std::move(created));
    parts_.live.executor->Cancel(timer);
    // Called on a strand: hand over.
    const absl::Status queued = parts_.live.pool->Run([this, result, done, refuse, wait, url_base,
                                                       tenant] {
      if (!result->ok()) {
        absl::Status status = result->status();
        // Unknown is not failed: the files may be needed.
        if (absl::IsUnknown(status) || absl::IsUnavailable(status)) return done(status);
        return refuse(status, done);
      }
      const conductor::Snapshot& snapshot = (*result)->snapshot;
      const std::string url = url_base + "/ui/" + tenant + "/executions/" +
                              snapshot.head.namespace_() + "/" + snapshot.head.flow_id() + "/" +
                              snapshot.head.id();
      if (wait) {
        return AwaitEnd(tenant, snapshot.head.id(), [done, url](absl::StatusOr<v1::Execution> e) {
          if (e.ok()) e->set_url(url);
          done(std::move(e));
        });
      }
      v1::Execution view = ViewOf(snapshot.head, snapshot.payload, parts_.live.clock->Now());
      view.set_url(url);
      done(std::move(view));
    });
    if (!queued.ok()) done(absl::UnavailableError("the server is busy; the execution was started"));
  });
}

void ExecutionService::AwaitEnd(const std::string& tenant, const std::string& execution_id,
                                Done done) const {
  struct Waiting {
    Pending once;
    std::atomic<conductor::Watch::Id> id{0};
  };
  auto waiting = std::make_shared<Waiting>();
  const auto answer = [this, waiting, tenant, execution_id, done] {
    if (!waiting->once.Claim()) return;
    // Posted so that it comes after Subscribe has returned, and from no strand.
    parts_.live.executor->Post([this, waiting, tenant, execution_id, done] {
      parts_.live.watch->Unsubscribe(waiting->id);
      const absl::Status queued = parts_.live.pool->Run([this, tenant, execution_id, done] {
        done(ReadExecution(*parts_.live.store, tenant, execution_id, Runs::kShown,
                           parts_.live.clock->Now()));
      });
      if (!queued.ok()) done(absl::UnavailableError("the server is busy; the execution has ended"));
    });
  };
  parts_.live.executor->Post([this, waiting, tenant, execution_id, answer, done] {
    waiting->id =
        parts_.live.watch->Subscribe(execution_id, [answer](const conductor::Update& update) {
          if (update.ended || engine::IsTerminal(update.snapshot.head.state())) answer();
        });
    // It may have ended before anyone listened.
    parts_.live.pool
        ->Run([this, tenant, execution_id, answer] {
          const auto head = ReadHead(*parts_.live.store, tenant, execution_id);
          if (!head.ok() || engine::IsTerminal(head->state())) answer();
        })
        .IgnoreError();
  });
}

void ExecutionService::Kill(const v1::KillExecutionRequest& request, std::shared_ptr<Call> call,
                            Done done) const {
  const auto head = ReadHead(*parts_.live.store, request.tenant(), request.execution_id());
  if (!head.ok()) return done(head.status());
  auto pending = std::make_shared<Pending>();
  const TimerId timer = parts_.live.executor->PostAt(parts_.commit_deadline, [pending, done] {
    if (pending->Claim()) done(NoAnswerYet("kill the execution"));
  });
  const bool cascade = !request.has_is_on_kill_cascade() || request.is_on_kill_cascade();
  parts_.live.requests->Kill(
      request.execution_id(), cascade, call->principal.name,
      [this, pending, done, timer](absl::StatusOr<conductor::Snapshot> snapshot) {
        if (!pending->Claim()) return;
        parts_.live.executor->Cancel(timer);
        auto result = std::make_shared<absl::StatusOr<conductor::Snapshot>>(std::move(snapshot));
        const absl::Status queued = parts_.live.pool->Run([this, result, done] {
          if (!result->ok()) return done(result->status());
          done(ViewOf((*result)->head, (*result)->payload, parts_.live.clock->Now()));
        });
        if (!queued.ok()) done(absl::UnavailableError("the server is busy; the order was given"));
      });
}

absl::StatusOr<v1::InputsValidation> ExecutionService::Validate(
    const v1::CreateExecutionRequest& request, Call& call) const {
  ORCH_ASSIGN_OR_RETURN(const Start start, Prepare(request, call, Files::kOnlyNamed));
  v1::InputsValidation answer;
  answer.set_id(start.flow->id);
  answer.set_namespace_(start.flow->namespace_);
  for (const flow::ResolvedInput& input : start.resolved.inputs) {
    v1::InputValidation* shown = answer.add_inputs();
    const flow::Input* declared = FindInput(*start.flow, input.id);
    if (declared != nullptr) {
      shown->mutable_input()->set_utf8(expression::ToJson(declared->as_written));
    }
    if (!input.value.is_null()) {
      const bool secret = declared != nullptr && declared->type == "SECRET";
      shown->mutable_value()->set_utf8(
          secret || input.value.tainted()
              ? "\"******\""
              : expression::ToJson(input.value, expression::NullPolicy::kKeep));
    }
    shown->set_enabled(input.enabled);
    shown->set_is_default(input.is_default);
    for (const std::string& error : input.errors) shown->add_errors()->set_message(error);
  }
  for (const std::string& id : start.resolved.unknown) answer.add_unknown(id);
  return answer;
}

}  // namespace orch::api
