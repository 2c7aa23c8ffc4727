// World is one execution of one flow, driven by hand, for tests.
//
// Every step is decided three times: twice on the execution, and once on a copy read back from its rows;
// all must be equal. After each, the invariants are counted again, and the fold of all records is compared
// with the rows.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/engine/decide.h"
#include "controlplane/flow/flow.h"

namespace orch::engine {

class World {
 public:
  struct Options {
    bool encryption_key = true;
    bool check_every_step = true;  // Costs a look at every row; large tests check at the end.
    bool keep_steps = true;        // records() and steps(); large runs drop them.
    bool auto_continue = true;     // Continue events follow at once.
    bool answer_facts = true;      // Facts are answered at once from `kv` and `secrets`.
  };
  explicit World(std::string_view yaml) : World(yaml, Options()) {}
  World(std::string_view yaml, Options options);
  ~World();

  std::map<std::string, std::string> kv;       // Answers of kv('…'): JSON.
  std::map<std::string, std::string> secrets;  // Answers of secret('…').

  // A type that a worker brought.
  bool AddType(std::string_view json);

  // Each sends an event. Runs are named "task", or "task@v1/v2" with the values of the enclosing loops.
  Step Create(std::string_view inputs_json = "", std::vector<v1::Label> labels = {});
  Step Send(const v1::Event& event);
  Step Lease(std::string_view run) { return LeaseRun(Run(run)); }
  Step End(std::string_view run, v1::State state, std::string_view outputs = "",
           std::string_view error = "", std::string_view code = "") {
    return EndRun(Run(run), state, outputs, error, code);
  }
  Step Succeed(std::string_view run, std::string_view outputs = "") {
    return End(run, v1::SUCCESS, outputs);
  }
  Step Fail(std::string_view run, std::string_view error = "boom") {
    return End(run, v1::FAILED, "", error);
  }
  Step Expire(std::string_view run);
  Step Return(std::string_view run, bool begun);
  Step Confirm(std::string_view run);
  Step Kill();
  Step Continue();
  // Time passes; timers that became due fire in their order.
  void Wait(absl::Duration span);
  // Leases every offered run and lets it succeed without outputs, in order, until none is offered.
  void WorkAll();

  // The newest run of that name; the test ends when there is none.
  const v1::TaskRun& Run(std::string_view run) const;
  bool HasRun(std::string_view run) const;
  v1::State StateOf(std::string_view run) const { return Run(run).state(); }
  v1::State state() const { return execution_.head().state(); }
  int64_t run_count() const { return execution_.run_count(); }
  // "a SUCCESS, b@x FAILED, …" in order of creation.
  std::string States() const;
  // "RUNNING SUCCESS …": the history.
  static std::string History(const v1::TaskRun& run);
  std::string History() const;
  // Its name: "task@v1/v2".
  std::string NameOf(const v1::TaskRun& run) const;
  // Every line that the engine wrote: "a INFO text".
  std::vector<std::string> Lines() const;
  std::string Outputs(std::string_view run) const;  // JSON, "" for none.
  expression::Outcome Eval(std::string_view text, std::string_view run = "") const;
  Rendering Render(std::string_view run) const;

  const Execution& execution() const { return execution_; }
  Execution& mutable_execution() { return execution_; }
  const flow::Flow& flow() const { return *flow_; }
  const Environment& environment() const { return environment_; }
  const std::vector<v1::Record>& records() const { return records_; }
  const std::map<int64_t, OfferRun>& offers() const { return offers_; }
  const std::vector<Step>& steps() const { return steps_; }
  absl::Time now() const { return now_; }
  // The rows as a store would return them, read back.
  Execution ReadBack() const;
  // The fold of all records equals the rows.
  void CheckFold() const;

 private:
  Step LeaseRun(const v1::TaskRun& run);
  Step EndRun(const v1::TaskRun& run, v1::State state, std::string_view outputs,
              std::string_view error, std::string_view code);
  void CheckStep(const v1::Event& event, const Step& step, uint64_t seed);
  void Answer(const FetchFacts& fetch);

  Options options_;
  std::shared_ptr<const flow::Flow> flow_;
  std::unique_ptr<flow::TaskTypes> types_;
  std::unique_ptr<expression::Renderer> renderer_;
  std::unique_ptr<Sealer> sealer_;
  Environment environment_;
  Execution execution_;
  absl::Time now_;
  uint64_t seed_ = 1;
  uint64_t fence_ = 0;
  int depth_ = 0;
  std::vector<v1::Record> records_;
  std::vector<Step> steps_;
  std::map<int64_t, OfferRun> offers_;
};

}  // namespace orch::engine
