#include "controlplane/engine/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/engine/invariants.h"
#include "controlplane/flow/reader.h"
#include "expression/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "secrets/sealer.h"

namespace orch::engine {
namespace {

class TestSealer final : public Sealer {
 public:
  TestSealer()
      : sealer_(*secrets::AesSealer::FromKey("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")) {}
  absl::StatusOr<std::string> Seal(std::string_view plain, uint64_t seed) const override {
    return sealer_.Seal(plain, seed);
  }
  absl::StatusOr<std::string> Open(std::string_view sealed) const override {
    return sealer_.Open(sealed);
  }

 private:
  secrets::AesSealer sealer_;
};

void ExpectSame(const Execution& a, const Execution& b) {
  EXPECT_EQ(a.head().DebugString(), b.head().DebugString());
  EXPECT_EQ(a.payload().DebugString(), b.payload().DebugString());
  ASSERT_EQ(a.run_count(), b.run_count());
  for (int64_t i = 0; i < a.run_count(); ++i) {
    EXPECT_EQ(a.FindRun(i)->SerializeAsString(), b.FindRun(i)->SerializeAsString()) << i;
  }
  EXPECT_EQ(a.live_runs(), b.live_runs());
  EXPECT_EQ(a.ready_runs(), b.ready_runs());
  ASSERT_EQ(a.timers().size(), b.timers().size());
  for (const auto& [key, timer] : a.timers()) {
    ASSERT_TRUE(b.timers().contains(key));
    EXPECT_EQ(timer.SerializeAsString(), b.timers().at(key).SerializeAsString());
  }
}

}  // namespace

World::World(std::string_view yaml, Options options)
    : options_(options), now_(absl::FromUnixSeconds(1'767'268'800)) {
  types_ = std::make_unique<flow::TaskTypes>(*flow::TaskTypes::BuiltIn());
  flow::ReadOptions read;
  read.revision = 1;
  flow::ReadResult result = flow::ReadFlow(yaml, *types_, read);
  if (result.flow == nullptr) {
    std::string all;
    for (const flow::Complaint& complaint : result.complaints) {
      absl::StrAppend(&all, flow::ComplaintText(complaint), "\n");
    }
    ADD_FAILURE() << "the flow was refused:\n" << all;
    std::abort();
  }
  flow_ = result.flow;
  renderer_ = std::make_unique<expression::Renderer>();
  if (options_.encryption_key) sealer_ = std::make_unique<TestSealer>();
  environment_.renderer = renderer_.get();
  environment_.types = types_.get();
  environment_.sealer = sealer_.get();
  environment_.envs = expression::MapBuilder().Build();
  environment_.globals = expression::MapBuilder().Build();
}

World::~World() = default;

bool World::AddType(std::string_view json) {
  const absl::Status added = types_->Add(json);
  EXPECT_TRUE(added.ok()) << added;
  return added.ok();
}

Execution World::ReadBack() const {
  std::vector<v1::TaskRun> runs;
  std::vector<v1::TaskRunPayload> payloads;
  std::vector<v1::Timer> timers;
  for (int64_t i = execution_.run_count(); i-- > 0;) {
    runs.push_back(*execution_.FindRun(i));
    for (const auto kind : {v1::TaskRunPayload::OUTPUTS, v1::TaskRunPayload::VALUES}) {
      if (const auto* row = execution_.FindRunPayload(i, kind)) payloads.push_back(*row);
    }
  }
  for (const auto& [key, timer] : execution_.timers()) timers.push_back(timer);
  absl::StatusOr<Execution> read =
      Execution::FromRows(execution_.head(), execution_.payload(), std::move(runs),
                          std::move(payloads), std::move(timers));
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *std::move(read) : Execution();
}

void World::CheckFold() const {
  Execution folded;
  int64_t number = 0;
  for (const v1::Record& record : records_) {
    EXPECT_EQ(record.number(), ++number) << "record numbers have no gap";
    folded.Apply(record);
  }
  ExpectSame(folded, execution_);
}

void World::CheckStep(const v1::Event& event, const Step& step, uint64_t seed) {
  const Step again = Decide(execution_, event, *flow_, environment_, now_, seed);
  EXPECT_EQ(again.record.SerializeAsString(), step.record.SerializeAsString());
  EXPECT_TRUE(again.effects == step.effects);
  if (execution_.head().id().empty()) return;
  Execution read = ReadBack();
  for (int64_t run = -1; run < execution_.run_count(); ++run) {
    if (const FetchedFacts* facts = execution_.facts(run)) read.mutable_facts(run) = *facts;
  }
  const Step of_rows = Decide(read, event, *flow_, environment_, now_, seed);
  EXPECT_EQ(of_rows.record.DebugString(), step.record.DebugString());
  EXPECT_TRUE(of_rows.effects == step.effects);
}

Step World::Send(const v1::Event& event) {
  const uint64_t seed = ++seed_ * 0x9E3779B97F4A7C15u;
  const bool was_live = execution_.head().live();
  Step step = Decide(execution_, event, *flow_, environment_, now_, seed);
  if (options_.check_every_step) CheckStep(event, step, seed);
  if (!was_live && !execution_.head().id().empty() && !event.has_labels_changed()) {
    EXPECT_FALSE(step.changed) << "a terminal execution changed";
  }
  if (step.changed) {
    execution_.Apply(step.record);
    if (options_.keep_steps) records_.push_back(step.record);
    if (options_.check_every_step) {
      const absl::Status sound = CheckInvariants(execution_);
      EXPECT_TRUE(sound.ok()) << sound;
      CheckFold();
    }
  }
  if (!options_.keep_steps) steps_.clear();
  steps_.push_back(step);
  for (const Effect& effect : step.effects) {
    if (const auto* offer = std::get_if<OfferRun>(&effect)) offers_[offer->run] = *offer;
    if (const auto* withdraw = std::get_if<WithdrawRun>(&effect)) offers_.erase(withdraw->run);
  }
  // One line at a time, as a strand would take them.
  if (depth_ > 0) return step;
  ++depth_;
  std::vector<Effect> waiting = step.effects;
  bool owed = step.continue_due;
  while (true) {
    bool fetched = false;
    if (options_.answer_facts) {
      std::vector<Effect> effects = std::exchange(waiting, {});
      for (const Effect& effect : effects) {
        const auto* fetch = std::get_if<FetchFacts>(&effect);
        if (fetch == nullptr) continue;
        Answer(*fetch);
        const Step& last = steps_.back();
        waiting.insert(waiting.end(), last.effects.begin(), last.effects.end());
        owed = owed || last.continue_due;
        fetched = true;
      }
    }
    if (!fetched && !(owed && options_.auto_continue)) break;
    if (!fetched) {
      v1::Event next;
      next.mutable_continue_();
      owed = false;
      const Step more = Send(next);
      waiting = more.effects;
      owed = more.continue_due;
    }
  }
  --depth_;
  return step;
}

void World::Answer(const FetchFacts& fetch) {
  v1::Event event;
  event.mutable_fetched()->set_run(fetch.run);
  FetchedFacts& facts = execution_.mutable_facts(fetch.run);
  for (const expression::Fact& fact : fetch.facts) {
    const std::string name = fact.arguments.empty() ? "" : fact.arguments[0].AsString();
    v1::FetchedFact& answer = *event.mutable_fetched()->add_facts();
    if (!fact.tainted()) answer.set_key(fact.Key());
    if (fact.function == "secret" && secrets.contains(name)) {
      facts.PutSecret(fact.Key(), name, expression::Value::String(secrets[name]));
      answer.set_secret(true);
    } else if (fact.function == "kv" && kv.contains(name)) {
      facts.Put(fact.Key(), expression::ParseJson(kv[name]));
      answer.set_found(true);
      answer.mutable_value()->set_utf8(kv[name]);
    } else {
      facts.Put(fact.Key(),
                absl::NotFoundError(absl::StrCat("there is no ", fact.function, " '", name, "'")));
    }
  }
  Send(event);
}

Step World::Create(std::string_view inputs_json, std::vector<v1::Label> labels) {
  v1::Event event;
  v1::ExecutionCreated& created = *event.mutable_execution_created();
  created.set_execution_id("e1");
  created.set_tenant(flow_->tenant);
  created.set_namespace_(flow_->namespace_);
  created.set_flow_id(flow_->id);
  created.set_flow_revision(flow_->revision);
  if (!inputs_json.empty()) created.mutable_inputs()->set_utf8(std::string(inputs_json));
  for (v1::Label& label : labels) *created.add_labels() = std::move(label);
  return Send(event);
}

Step World::LeaseRun(const v1::TaskRun& run) {
  v1::Event event;
  v1::TaskRunLeased& leased = *event.mutable_task_run_leased();
  leased.set_run(run.number());
  leased.mutable_lease()->set_attempt(run.attempt_count() + 1);
  leased.mutable_lease()->set_fence(++fence_);
  leased.mutable_lease()->set_session("s1");
  leased.mutable_lease()->set_worker_id("w1");
  offers_.erase(run.number());
  return Send(event);
}

Step World::EndRun(const v1::TaskRun& run, v1::State state, std::string_view outputs,
                   std::string_view error, std::string_view code) {
  v1::Event event;
  v1::TaskRunEnded& ended = *event.mutable_task_run_ended();
  ended.set_run(run.number());
  ended.set_attempt(run.lease().attempt());
  ended.set_fence(run.lease().fence());
  ended.set_state(state);
  if (!outputs.empty()) ended.mutable_outputs()->set_utf8(std::string(outputs));
  ended.set_error(std::string(error));
  ended.set_error_code(std::string(code));
  ended.set_worker_id("w1");
  return Send(event);
}

Step World::Expire(std::string_view name) {
  const v1::TaskRun& run = Run(name);
  v1::Event event;
  v1::LeaseExpired& expired = *event.mutable_lease_expired();
  expired.set_run(run.number());
  expired.set_attempt(run.lease().attempt());
  expired.set_fence(run.lease().fence());
  return Send(event);
}

Step World::Return(std::string_view name, bool begun) {
  const v1::TaskRun& run = Run(name);
  v1::Event event;
  v1::LeaseReturnedByWorker& returned = *event.mutable_lease_returned();
  returned.set_run(run.number());
  returned.set_attempt(run.lease().attempt());
  returned.set_fence(run.lease().fence());
  returned.set_begun(begun);
  return Send(event);
}

Step World::Confirm(std::string_view name) {
  const v1::TaskRun& run = Run(name);
  v1::Event event;
  v1::StopConfirmed& confirmed = *event.mutable_stop_confirmed();
  confirmed.set_run(run.number());
  confirmed.set_attempt(run.lease().attempt());
  confirmed.set_fence(run.lease().fence());
  return Send(event);
}

Step World::Kill() {
  v1::Event event;
  event.mutable_kill_requested();
  return Send(event);
}

Step World::Continue() {
  v1::Event event;
  event.mutable_continue_();
  return Send(event);
}

void World::Wait(absl::Duration span) {
  const absl::Time end = now_ + span;
  while (true) {
    const v1::Timer* next = nullptr;
    for (const auto& [key, timer] : execution_.timers()) {
      if (next == nullptr || timer.due_micros() < next->due_micros()) next = &timer;
    }
    if (next == nullptr || absl::FromUnixMicros(next->due_micros()) > end) break;
    now_ = std::max(now_, absl::FromUnixMicros(next->due_micros()));
    v1::Event event;
    v1::TimerFired& fired = *event.mutable_timer_fired();
    fired.set_run(next->run());
    fired.set_kind(next->kind());
    fired.set_generation(next->generation());
    fired.set_attempt(next->attempt());
    const size_t count = execution_.timers().size();
    Send(event);
    if (execution_.timers().size() == count && !steps_.back().changed) {
      ADD_FAILURE() << "a timer fired and nothing happened";
      break;
    }
  }
  now_ = end;
}

void World::WorkAll() {
  while (!offers_.empty()) {
    const v1::TaskRun& run = *execution_.FindRun(offers_.begin()->first);
    LeaseRun(run);
    EndRun(run, v1::SUCCESS, "", "", "");
  }
}

std::string World::NameOf(const v1::TaskRun& run) const {
  std::vector<std::string> values;
  for (const v1::TaskRun* at = &run; at != nullptr; at = execution_.FindRun(at->parent())) {
    if (at->has_value()) values.push_back(at->value());
  }
  std::reverse(values.begin(), values.end());
  return values.empty() ? run.task_id()
                        : absl::StrCat(run.task_id(), "@", absl::StrJoin(values, "/"));
}

bool World::HasRun(std::string_view name) const {
  const std::string_view task = name.substr(0, name.find('@'));
  for (const int64_t number : execution_.RunsOfTask(task)) {
    if (NameOf(*execution_.FindRun(number)) == name) return true;
  }
  return false;
}

const v1::TaskRun& World::Run(std::string_view name) const {
  const std::string_view task = name.substr(0, name.find('@'));
  const std::vector<int64_t>& numbers = execution_.RunsOfTask(task);
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    const v1::TaskRun& run = *execution_.FindRun(*number);
    if (NameOf(run) == name) return run;
  }
  ADD_FAILURE() << "there is no run '" << name << "' among: " << States();
  std::abort();
}

std::string World::States() const {
  std::vector<std::string> words;
  for (int64_t i = 0; i < execution_.run_count(); ++i) {
    const v1::TaskRun& run = *execution_.FindRun(i);
    words.push_back(absl::StrCat(NameOf(run), " ", v1::State_Name(run.state())));
  }
  return absl::StrJoin(words, ", ");
}

namespace {
template <typename Row>
std::string HistoryOf(const Row& row) {
  std::vector<std::string> words;
  for (const v1::HistoryEntry& entry : row.history())
    words.push_back(v1::State_Name(entry.state()));
  return absl::StrJoin(words, " ");
}
}  // namespace

std::string World::History(const v1::TaskRun& run) { return HistoryOf(run); }
std::string World::History() const { return HistoryOf(execution_.head()); }

std::vector<std::string> World::Lines() const {
  std::vector<std::string> lines;
  for (const v1::Record& record : records_) {
    for (const v1::EngineLog& log : record.changes().logs()) {
      const v1::TaskRun* run = execution_.FindRun(log.run());
      for (const v1::EngineLogLine& line : log.lines()) {
        lines.push_back(absl::StrCat(run == nullptr ? "execution" : NameOf(*run), " ",
                                     v1::LogLevel_Name(line.level()), " ", line.text()));
      }
    }
  }
  return lines;
}

std::string World::Outputs(std::string_view name) const {
  const v1::TaskRun& run = Run(name);
  if (!run.outputs_apart()) return run.outputs().utf8();
  return execution_.FindRunPayload(run.number(), v1::TaskRunPayload::OUTPUTS)->body().utf8();
}

expression::Outcome World::Eval(std::string_view text, std::string_view run) const {
  return Evaluate(execution_, run.empty() ? -1 : Run(run).number(), *flow_, environment_, text,
                  now_, 7);
}

Rendering World::Render(std::string_view run) const {
  return RenderTask(execution_, Run(run).number(), *flow_, environment_, now_, 7);
}

}  // namespace orch::engine
