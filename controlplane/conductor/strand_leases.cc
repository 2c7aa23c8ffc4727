// Lending: waiting runs are matched with free slots before the commit, and leave after it.
#include <utility>

#include "base/museum.h"
#include "controlplane/conductor/strand.h"
#include "expression/json.h"
#include "secrets/scrubber.h"

namespace orch::conductor {

namespace {
// Tokens whose results were accepted, remembered so that a repeat is told so after its execution
// has left memory.
constexpr size_t kAcceptedCountMax = 100'000;
// A configuration beyond it does not fit a message beside others.
constexpr size_t kConfigBytesMax = 256 * 1024;
// Error code of a result that broke the contract; dispatch has turned it into a failure.
constexpr char kInvalidResult[] = "INVALID_RESULT";
constexpr char kSuperseded[] = "the attempt was killed or superseded";

std::string KeyOf(const v1::LeaseToken& token) {
  return token.attempt() + "#" + std::to_string(token.fence());
}
}  // namespace

void Strand::Offer(const std::string& id, Live& live, const engine::OfferRun& offer) {
  if (!TryLease(id, live, offer.run, offer.queue, offer.type)) {
    ready_queue_.Add(offer.queue, offer.type, {id, offer.run});
  }
}

void Strand::SlotsFreed(const std::string& queue) {
  if (!ready_) return;
  // Types take turns; each gives what its executions have waiting until slots or batch run out.
  bool any = true;
  while (any && !Stalled()) {
    any = false;
    for (const std::string& type : ready_queue_.Types(queue)) {
      const auto item = ready_queue_.Take(queue, type);
      if (!item.has_value()) continue;
      const auto found = live_.find(item->execution_id);
      if (found == live_.end()) {
        any = true;
        continue;
      }
      if (TryLease(item->execution_id, *found->second, item->run, queue, type)) {
        any = true;
      } else {
        ready_queue_.AddFirst(queue, type, *item);
      }
    }
  }
  if (Stalled()) starved_queues_.insert(queue);
  SchedulePump();
}

// True when the run needs a slot no more: it was leased, failed to render, or waits no longer.
bool Strand::TryLease(const std::string& id, Live& live, int64_t number, const std::string& queue,
                      const std::string& type) {
  const v1::TaskRun* run = live.execution.FindRun(number);
  if (run == nullptr || run->state() != v1::CREATED || run->has_lease()) return true;
  if (awaiting_render_.contains({id, number})) return true;  // Its facts are under way.
  if (stopping_) return false;                               // Whoever takes over gives it away.
  const auto slot = dispatcher_->Reserve(queue, type);
  if (!slot.has_value()) return false;

  const absl::Time now = store_clock_.Now();
  const uint64_t seed = random_.Next();
  engine::Rendering rendering =
      engine::RenderTask(live.execution, number, *live.flow, environment_, now, seed);
  const auto refuse = [&](const std::string& why) {
    dispatcher_->Cancel(*slot);
    v1::Event event;
    event.mutable_rendering_failed()->set_run(number);
    event.mutable_rendering_failed()->set_error(why);
    Enqueue(id, std::move(event));
  };
  if (auto* need = std::get_if<expression::Need>(&rendering)) {
    dispatcher_->Cancel(*slot);
    awaiting_render_[{id, number}] = {queue, type};
    Fetch(id, live, {number, std::move(need->facts)});
    return true;
  }
  if (const auto* error = std::get_if<expression::Error>(&rendering)) {
    refuse(error->message);
    return true;
  }
  auto& rendered = std::get<engine::RenderedTask>(rendering);
  if (rendered.config.size() > kConfigBytesMax) {
    refuse("the rendered configuration has " + std::to_string(rendered.config.size()) +
           " bytes, more than 262144: pass large values as files");
    return true;
  }

  v1::Event event;
  v1::TaskRunLeased& leased = *event.mutable_task_run_leased();
  leased.set_run(number);
  v1::Lease& lease = *leased.mutable_lease();
  lease.set_attempt(run->attempt_count() + 1);
  lease.set_fence(run->fence() + 1);
  lease.set_session(slot->session);
  lease.set_worker_id(slot->worker_id);
  lease.set_leased_micros(absl::ToUnixMicros(now));
  lease.set_timeout_micros(absl::ToInt64Microseconds(rendered.timeout));
  lease.set_ttl_micros(absl::ToInt64Microseconds(slot->ttl));
  lease.set_offline_micros(absl::ToInt64Microseconds(slot->offline));
  lease.set_render_micros(absl::ToUnixMicros(now));
  lease.set_render_seed(seed);
  for (const std::string& name : rendered.secret_names) lease.add_secret_names(name);
  lease.set_queue(queue);
  if (!Step(id, live, event)) {
    dispatcher_->Cancel(*slot);
    return true;
  }

  run = live.execution.FindRun(number);
  LeasedRun row = LeasedRow(id, live, *run);
  row.secrets = rendered.secret_values;
  dispatcher_->Grant(*slot, row);
  const v1::ExecutionHead& head = live.execution.head();
  v1::Assign assign;
  *assign.mutable_token() = row.token;
  v1::TaskRunSubject& subject = *assign.mutable_subject()->mutable_task_run();
  subject.set_tenant(head.tenant());
  subject.set_namespace_(head.namespace_());
  subject.set_flow_id(head.flow_id());
  subject.set_flow_revision(head.flow_revision());
  subject.set_execution_id(id);
  subject.set_task_run_id(engine::RunId(id, number));
  subject.set_task_id(run->task_id());
  subject.set_attempt_number(run->attempt_count());
  subject.set_value(run->value());
  assign.set_type(rendered.type);
  assign.mutable_config()->set_utf8(std::move(rendered.config));
  assign.mutable_timeout()->set_micros(lease.timeout_micros());
  assign.mutable_offline()->set_micros(lease.offline_micros());
  assign.set_marker_nonce(rendered.marker_nonce);
  for (std::string& value : rendered.secret_values) assign.add_secrets(std::move(value));
  assign.set_log_level(rendered.log_level);
  assign.set_queue(queue);
  {
    MutexLock lock(&mutex_);
    ++counts_.leases_granted;
  }
  if (HasBug("dispatch before the commit")) {
    dispatcher_->Assign(slot->session, std::move(assign));
    return true;
  }
  AfterCommitOf([this, session = slot->session, assign = std::move(assign)]() mutable {
    dispatcher_->Assign(session, std::move(assign));
  });
  return true;
}

LeasedRun Strand::LeasedRow(const std::string& id, const Live& live, const v1::TaskRun& run) const {
  LeasedRun leased;
  leased.token.set_attempt(engine::AttemptId(id, run.number(), run.lease().attempt()));
  leased.token.set_fence(run.lease().fence());
  const v1::ExecutionHead& head = live.execution.head();
  leased.tenant = head.tenant();
  leased.namespace_ = head.namespace_();
  leased.flow_id = head.flow_id();
  leased.execution_id = id;
  leased.run = run.number();
  leased.task_id = run.task_id();
  leased.lease = run.lease();
  return leased;
}

Strand::Held Strand::FindHeld(const v1::LeaseToken& token) const {
  const auto name = engine::ParseAttemptId(token.attempt());
  if (!name.ok()) return {};
  const auto found = live_.find(name->execution_id);
  if (found == live_.end()) return {};
  const v1::TaskRun* run = found->second->execution.FindRun(name->number);
  if (run == nullptr || !run->live() || !run->has_lease()) return {};
  const bool same_token =
      run->lease().attempt() == name->attempt && run->lease().fence() == token.fence();
  if (!same_token && !HasBug("results without a token check")) return {};
  return {found->second.get(), name->execution_id, run};
}

LeaseEvents::Standing Strand::Judge(const v1::LeaseToken& token) const {
  if (!ready_) return Standing::kNotYet;
  const Held held = FindHeld(token);
  if (held.run == nullptr) return Standing::kEnded;
  return held.run->state() == v1::KILLING ? Standing::kStopping : Standing::kHeld;
}

void Strand::Ended(const std::string& session, const v1::Result& result, const Secrets& secrets) {
  const Held held = FindHeld(result.token());
  if (held.run == nullptr) {
    // Not held: told before, or its lease ended by a loss or a kill. An answer about what is still
    // on its way to the disk waits for it.
    AfterCommitOf([this, session, token = result.token()] {
      const bool accepted = accepted_.contains(KeyOf(token));
      if (!accepted) {
        MutexLock lock(&mutex_);
        ++counts_.results_fenced;
      }
      dispatcher_->Ack(session, token, accepted ? v1::Ack::DUPLICATE : v1::Ack::FENCED,
                       accepted ? "" : "the lease of this attempt has ended");
    });
    SchedulePump();
    return;
  }
  const bool killing = held.run->state() == v1::KILLING;
  v1::Event event;
  if (killing) {
    v1::StopConfirmed& stopped = *event.mutable_stop_confirmed();
    stopped.set_run(held.run->number());
    stopped.set_attempt(held.run->lease().attempt());
    stopped.set_fence(held.run->lease().fence());
  } else {
    v1::TaskRunEnded& ended = *event.mutable_task_run_ended();
    ended.set_run(held.run->number());
    ended.set_attempt(held.run->lease().attempt());
    ended.set_fence(held.run->lease().fence());
    ended.set_state(result.state());
    if (result.has_outputs()) *ended.mutable_outputs() = result.outputs();
    ended.set_error(result.error().message());
    ended.set_error_code(result.error().code());
    ended.set_line_count(result.line_count());
    ended.set_worker_id(held.run->lease().worker_id());
    if (!SealOutputs(secrets, &ended)) {
      ended.set_state(v1::FAILED);
      ended.clear_outputs();
      ended.set_error_code("NO_ENCRYPTION_KEY");
      ended.set_error(
          "the outputs hold a secret and there is no key to seal them: set "
          "ORCH_ENCRYPTION_SECRET_KEY, or keep secrets out of outputs");
    }
  }
  const bool invalid = result.error().code() == kInvalidResult;
  Enqueue(held.execution_id, std::move(event),
          [this, session, token = result.token(), killing, invalid, why = result.error().message()](
              Live*, bool changed) {
            const bool accepted = changed && !killing;
            {
              MutexLock lock(&mutex_);
              ++(accepted ? counts_.results_accepted : counts_.results_fenced);
            }
            if (changed) dispatcher_->Release(token);
            const bool told = !accepted && accepted_.contains(KeyOf(token));
            const v1::Ack::Word word = accepted && invalid ? v1::Ack::INVALID
                                       : accepted          ? v1::Ack::ACCEPTED
                                       : told              ? v1::Ack::DUPLICATE
                                                           : v1::Ack::FENCED;
            const std::string reason = word == v1::Ack::INVALID  ? why
                                       : word == v1::Ack::FENCED ? kSuperseded
                                                                 : "";
            AfterCommitOf([this, session, token, word, reason, accepted] {
              if (accepted) RememberAccepted(token);
              dispatcher_->Ack(session, token, word, reason);
            });
          });
}

bool Strand::SealOutputs(const Secrets& secrets, v1::TaskRunEnded* ended) {
  const std::string& outputs = ended->outputs().utf8();
  if (outputs.empty()) return true;
  if (!secrets.lost &&
      (secrets.values.empty() || !secrets::Scrubber(secrets.values).Holds(outputs))) {
    return true;
  }
  if (environment_.sealer == nullptr) return false;
  const auto sealed = environment_.sealer->Seal(outputs, random_.Next());
  if (!sealed.ok()) return false;
  ended->set_sealed(true);
  ended->mutable_outputs()->set_utf8(expression::ToJson(
      expression::MapBuilder()
          .Set("type", expression::Value::String("io.kestra.datatype:aes_encrypted"))
          .Set("value", expression::Value::String(*sealed))
          .Build(),
      expression::NullPolicy::kKeep));
  return true;
}

// A takeover knows the names of the secrets that were rendered, not their values: ask again.
void Strand::FetchSecrets(const LeasedRun& lease, const v1::ExecutionHead& head) {
  std::vector<expression::Fact> facts;
  for (const std::string& name : lease.lease.secret_names()) {
    facts.push_back({"secret",
                     {expression::Value::String(name), expression::Value::String(head.namespace_()),
                      expression::Value::Bool(true)}});
  }
  if (facts.empty()) return;
  facts_.Fetch({head.tenant(), head.namespace_(), head.flow_id(), head.id()}, facts,
               [this, alive = alive_,
                token = lease.token](std::vector<absl::StatusOr<expression::Value>> answers) {
                 std::optional<std::vector<std::string>> values(std::in_place);
                 for (const auto& answer : answers) {
                   if (answer.ok() && answer->is_string()) {
                     if (values.has_value()) values->push_back(answer->AsString());
                   } else {
                     values.reset();  // One that is missing could stand anywhere.
                   }
                 }
                 executor_.Post([this, alive, token, values = std::move(values)] {
                   if (*alive) dispatcher_->SetSecrets(token, values);
                 });
               });
}

void Strand::RememberAccepted(const v1::LeaseToken& token) {
  std::string key = KeyOf(token);
  if (!accepted_.insert(key).second) return;
  accepted_order_.push_back(std::move(key));
  if (accepted_order_.size() > kAcceptedCountMax) {
    accepted_.erase(accepted_order_.front());
    accepted_order_.pop_front();
  }
}

void Strand::Expired(const v1::LeaseToken& token) {
  const Held held = FindHeld(token);
  dispatcher_->Release(token);
  if (held.run == nullptr) return;
  v1::Event event;
  if (held.run->state() == v1::KILLING) {
    event.mutable_stop_confirmed()->set_run(held.run->number());
    event.mutable_stop_confirmed()->set_attempt(held.run->lease().attempt());
    event.mutable_stop_confirmed()->set_fence(held.run->lease().fence());
  } else {
    event.mutable_lease_expired()->set_run(held.run->number());
    event.mutable_lease_expired()->set_attempt(held.run->lease().attempt());
    event.mutable_lease_expired()->set_fence(held.run->lease().fence());
  }
  Enqueue(held.execution_id, std::move(event));
}

void Strand::Returned(const v1::LeaseToken& token, bool begun, const std::string& reason) {
  const Held held = FindHeld(token);
  dispatcher_->Release(token);
  if (held.run == nullptr) return;
  v1::Event event;
  if (held.run->state() == v1::KILLING) {
    event.mutable_stop_confirmed()->set_run(held.run->number());
    event.mutable_stop_confirmed()->set_attempt(held.run->lease().attempt());
    event.mutable_stop_confirmed()->set_fence(held.run->lease().fence());
  } else {
    v1::LeaseReturnedByWorker& returned = *event.mutable_lease_returned();
    returned.set_run(held.run->number());
    returned.set_attempt(held.run->lease().attempt());
    returned.set_fence(held.run->lease().fence());
    returned.set_begun(begun);
    returned.set_reason(reason);
  }
  Enqueue(held.execution_id, std::move(event));
}

void Strand::TimedOut(const v1::LeaseToken& token) {
  const Held held = FindHeld(token);
  if (held.run == nullptr || held.run->state() != v1::RUNNING) return;
  v1::Event event;
  v1::TaskRunEnded& ended = *event.mutable_task_run_ended();
  ended.set_run(held.run->number());
  ended.set_attempt(held.run->lease().attempt());
  ended.set_fence(held.run->lease().fence());
  ended.set_state(v1::FAILED);
  ended.set_error("Timeout after " +
                  absl::FormatDuration(absl::Microseconds(held.run->lease().timeout_micros())) +
                  ": the worker did not end the attempt in time");
  // Without a worker that says so, the engine orders the stop.
  ended.set_error_code("TIMEOUT");
  Enqueue(held.execution_id, std::move(event), [this, token](Live*, bool changed) {
    if (changed) dispatcher_->Release(token);
  });
}

}  // namespace orch::conductor
