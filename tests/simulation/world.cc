#include "tests/simulation/world.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/ids.h"

namespace orch::simulation {

namespace {

constexpr absl::Duration kConvergence = absl::Minutes(60);

// Facts of the world: kv('colour') is blue, after a while.
class SimFacts final : public conductor::FactSource {
 public:
  SimFacts(Executor& executor, Random& random, Sometimes& sometimes)
      : executor_(executor), random_(random), sometimes_(sometimes) {}

  void Fetch(const conductor::FactPlace&, const std::vector<expression::Fact>& facts,
             std::function<void(std::vector<absl::StatusOr<expression::Value>>)> done) override {
    sometimes_.Reach("a fact was fetched");
    std::vector<absl::StatusOr<expression::Value>> answers;
    for (size_t i = 0; i < facts.size(); ++i) {
      answers.push_back(expression::Value::String("blue"));
    }
    executor_.PostAt(absl::Milliseconds(50) * random_.Unit(),
                     [done, answers = std::move(answers)] { done(answers); });
  }

 private:
  Executor& executor_;
  Random& random_;
  Sometimes& sometimes_;
};

class SimFlows final : public conductor::Flows {
 public:
  absl::StatusOr<std::shared_ptr<const flow::Flow>> Get(const std::string&, const std::string&,
                                                        const std::string& id, int) override {
    const auto found = flows.find(id);
    if (found == flows.end()) return absl::NotFoundError("no such flow");
    return found->second;
  }
  std::map<std::string, std::shared_ptr<const flow::Flow>> flows;
};

std::vector<std::string> kTypes = {"sim.Work"};

}  // namespace

// One life of the control plane: what memory it has dies with it.
struct World::ControlPlane {
  ControlPlane(World& world, const std::string& owner)
      : executor(world.world_),
        facts(executor, world.random_, world.sometimes_),
        strand(conductor::Strand::Options{.owner = owner}, world.clock_, world.random_, executor,
               executor, world.store_, flows, facts, world.environment_),
        logs(
            {}, executor, executor, world.store_,
            [this](const std::string& session, const v1::LeaseToken& token, int64_t line) {
              dispatch.AckLines(session, token, line);
            },
            nullptr),
        dispatch({}, world.clock_, executor, strand, logs, {}) {
    strand.SetDispatcher(&dispatch);
    for (const auto& [id, started] : world.started_) {
      flows.flows[started.flow.flow->id] = started.flow.flow;
    }
  }

  ProcessExecutor executor;
  SimFacts facts;
  SimFlows flows;
  conductor::Strand strand;
  dispatch::LogIntake logs;
  dispatch::Dispatch dispatch;
};

WorldOptions WorldOptions::Draw(Random& random) {
  WorldOptions options;
  const auto maybe = [&](double rate) { return random.Unit() < 0.5 ? rate * random.Unit() : 0; };
  options.worker_count = 1 + static_cast<int>(random.Below(3));
  options.execution_count = 1 + static_cast<int>(random.Below(8));
  options.network.delay_max =
      absl::Milliseconds(1 + random.Below(random.Below(4) == 0 ? 2000 : 30));
  options.network.drop_rate = maybe(0.05);
  options.network.double_rate = maybe(0.1);
  options.network.reorder_rate = maybe(0.1);
  options.network.cut_rate = maybe(0.02);
  options.store.slow = 0.3 + 0.7 * random.Unit();
  options.store.slow_max = absl::Milliseconds(random.Below(3) == 0 ? 3000 : 20);
  options.store.refused = maybe(0.05);
  options.store.unknown_done = maybe(0.05);
  options.store.unknown_not_done = maybe(0.05);
  options.store.unknown_under_way = maybe(0.15);
  options.store.dropped = maybe(0.05);
  options.store.doubled = maybe(0.1);
  options.store.resolve_unavailable = maybe(0.3);
  options.store.read_unavailable = maybe(0.1);
  options.store.write_unavailable = maybe(0.1);
  options.kill_worker_rate = maybe(0.05);
  options.crash_worker_rate = maybe(0.08);
  options.kill_control_rate = maybe(0.05);
  options.pause_control_rate = maybe(0.03);
  options.partition_rate = maybe(0.02);
  options.kill_execution_rate = maybe(0.03);
  options.slow_rate = maybe(0.2);
  if (random.Below(3) == 0) options.offline = absl::Minutes(2);
  return options;
}

std::string WorldOptions::Describe() const {
  return absl::StrCat(
      "workers ", worker_count, ", executions ", execution_count, ", delay ",
      absl::FormatDuration(network.delay_max), ", drop ", network.drop_rate, ", double ",
      network.double_rate, ", reorder ", network.reorder_rate, ", cut ", network.cut_rate,
      ", unknown ",
      store.unknown_done + store.unknown_not_done + store.unknown_under_way + store.dropped,
      ", kill worker ", kill_worker_rate, ", crash worker ", crash_worker_rate, ", kill control ",
      kill_control_rate, ", pause control ", pause_control_rate, ", partition ", partition_rate,
      ", kill execution ", kill_execution_rate, ", slow ", slow_rate);
}

namespace {
WorldOptions DrawFrom(uint64_t seed) {
  SeededRandom random(seed * 7919 + 1);
  return WorldOptions::Draw(random);
}
}  // namespace

World::World(uint64_t seed, Sometimes& sometimes) : World(seed, DrawFrom(seed), sometimes) {}

World::World(uint64_t seed, WorldOptions options, Sometimes& sometimes)
    : seed_(seed),
      sometimes_(sometimes),
      random_(seed),
      options_(std::move(options)),
      below_(clock_, &world_),
      store_(below_, &world_, random_),
      network_(clock_, world_, random_, sometimes) {
  auto types = flow::TaskTypes::BuiltIn();
  if (!types.ok()) std::abort();  // A schema file of this release is broken.
  types_ = std::make_unique<flow::TaskTypes>(*std::move(types));
  environment_.renderer = &renderer_;
  environment_.types = types_.get();
  environment_.envs = expression::MapBuilder().Build();
  environment_.globals = expression::MapBuilder().Build();
  below_.OnCommitted([this](const store::Batch& batch) { checker_.Committed(batch); });
  below_.OnTaken([this](const store::Shard& shard) { checker_.Taken(shard); });
  store_.SetRates(options_.store);
  network_.SetFaults(options_.network);
  network_.on_delivered = [this](const v1::ControlMessage& message) {
    for (const v1::Assign& assign : message.assignments().assigns()) checker_.Assigned(assign);
    for (const v1::Ack& ack : message.acks().acks()) {
      if (ack.word() == v1::Ack::ACCEPTED) checker_.Accepted(ack.token());
      if (ack.word() == v1::Ack::DUPLICATE) sometimes_.Reach("a result was a duplicate");
      if (ack.word() == v1::Ack::FENCED) sometimes_.Reach("a result was fenced");
    }
  };
  for (int i = 0; i < options_.worker_count; ++i) {
    WorkerHost::Options host;
    host.name = absl::StrCat("worker-", i);
    host.slots = 1 + static_cast<int>(random_.Below(4));
    host.types = kTypes;
    host.offline = options_.offline;
    host.slow_rate = options_.slow_rate;
    workers_.push_back(std::make_unique<WorkerHost>(host, clock_, world_, network_, checker_,
                                                    sometimes_, random_.Next()));
  }
}

World::~World() {
  for (const auto& [kind, name] : std::map<store::CommitFault::Kind, const char*>{
           {store::CommitFault::Kind::kRefused, "a commit was refused"},
           {store::CommitFault::Kind::kUnknownDone, "a commit was lost and had happened"},
           {store::CommitFault::Kind::kUnknownNotDone, "a commit was lost and had not happened"},
           {store::CommitFault::Kind::kUnknownUnderWay, "a commit was lost while still under way"},
           {store::CommitFault::Kind::kDropped, "a commit was never answered"}}) {
    if (store_.counts()[static_cast<size_t>(kind)] > 0) sometimes_.Reach(name);
  }
  if (store_.doubled_count() > 0) sometimes_.Reach("a commit was told twice");
  workers_.clear();
  control_.reset();
}

void World::StartControlPlane() {
  control_ = std::make_unique<ControlPlane>(*this, absl::StrCat("replica.", ++control_starts_));
  control_->strand.Start();
  network_.Listen(&control_->dispatch, &control_->executor);
}

// What it had under way in the store may still land, so the dead are kept until the world ends.
void World::KillControlPlane() {
  if (control_ == nullptr) return;
  control_->executor.Die();
  network_.Listen(nullptr, nullptr);
  if (random_.Unit() < 0.5) below_.AllOwnersDied();  // Seen to have died; else its term runs out.
  graves_.push_back(std::move(control_));
}

void World::PauseControlPlane() {
  if (control_ == nullptr) return;
  ControlPlane* paused = control_.get();
  paused->executor.Pause();
  graves_.push_back(std::move(control_));
  network_.Listen(nullptr, nullptr);
  world_.PostAt(absl::Seconds(5) + absl::Seconds(40) * random_.Unit(), [this, paused] {
    sometimes_.Reach("a paused control plane woke up");
    paused->executor.Resume();
    // In time somebody notices.
    world_.PostAt(absl::Seconds(20), [paused] { paused->executor.Die(); });
  });
}

void World::StartExecutions() {
  for (int i = 0; i < options_.execution_count; ++i) {
    const std::string id = NewTimeId(clock_.Now() + absl::Milliseconds(i), random_);
    Started started;
    started.flow = DrawFlow(random_, *types_, absl::StrCat("flow-", i));
    if (control_ != nullptr) control_->flows.flows[started.flow.flow->id] = started.flow.flow;
    started_[id] = std::move(started);
    order_.push_back(id);
    world_.PostAt(absl::Seconds(30) * random_.Unit(), [this, id] { Submit(id); });
  }
}

// A client asks until it is answered, under the same id.
void World::Submit(const std::string& id) {
  Started& started = started_.at(id);
  if (started.acknowledged) return;
  world_.PostAt(absl::Seconds(5), [this, id] { Submit(id); });
  if (control_ == nullptr) return;
  conductor::CreateRequest request;
  request.execution_id = id;
  request.may_repeat = std::exchange(started.asked, true);
  request.namespace_ = "sim";
  request.flow_id = started.flow.flow->id;
  request.flow_revision = 1;
  request.flow = started.flow.flow;
  control_->strand.Create(request, [this, id](absl::StatusOr<conductor::Created> answer) {
    if (!answer.ok()) {
      sometimes_.Reach("a create was refused for a while");
      return;
    }
    started_.at(id).acknowledged = true;
    checker_.CreateAcknowledged(id);
  });
}

void World::KillExecution(const std::string& id) {
  Started& started = started_.at(id);
  if (control_ == nullptr || !started.acknowledged) return;
  started.killed = true;
  control_->strand.Kill(id, false, "tester",
                        [this, id](absl::StatusOr<conductor::Snapshot> answer) {
                          if (!answer.ok()) return;
                          sometimes_.Reach("an execution was killed");
                          checker_.KillAcknowledged(id);
                        });
}

void World::HurtForAWhile() {
  const absl::Duration until = clock_.Boottime() + options_.bad_phase;
  while (clock_.Boottime() < until && checker_.violation().empty()) {
    world_.RunFor(absl::Seconds(1));
    if (control_ != nullptr && random_.Unit() < options_.kill_control_rate) {
      sometimes_.Reach("the control plane died");
      KillControlPlane();
      if (random_.Unit() < 0.5) StartControlPlane();  // Whoever watches it starts it at once.
    } else if (control_ != nullptr && random_.Unit() < options_.pause_control_rate) {
      PauseControlPlane();
    } else if (control_ == nullptr && random_.Unit() < 0.5) {
      StartControlPlane();
    }
    for (const auto& worker : workers_) {
      if (worker->up() && random_.Unit() < options_.kill_worker_rate) {
        sometimes_.Reach("a worker died and its scripts went on");
        worker->Kill();
      } else if (worker->up() && random_.Unit() < options_.crash_worker_rate) {
        if (worker->running_count() > 0) sometimes_.Reach("a machine died with work on it");
        worker->Crash();
      } else if (!worker->up() && random_.Unit() < 0.2) {
        worker->Start();
      }
      if (random_.Unit() < options_.partition_rate) {
        const bool cut = random_.Unit() < 0.5;
        if (cut) sometimes_.Reach("a worker was cut off");
        network_.Partition(worker->name(), cut);
      }
    }
    if (!order_.empty() && random_.Unit() < options_.kill_execution_rate) {
      KillExecution(order_[random_.Below(order_.size())]);
    }
  }
}

void World::Heal() {
  store_.SetRates({});
  network_.SetFaults(NetworkFaults{});
  for (const auto& worker : workers_) {
    network_.Partition(worker->name(), false);
    worker->Start();
  }
  if (control_ == nullptr) StartControlPlane();
}

bool World::Settled() const {
  for (const auto& [id, started] : started_) {
    const auto head = checker_.heads().find(id);
    if (!started.acknowledged || head == checker_.heads().end() || head->second.live()) {
      return false;
    }
  }
  return true;
}

std::string World::WhyNotSettled() const {
  std::string why = "not settled an hour after the faults stopped:";
  if (control_ != nullptr) {
    for (const auto& worker : control_->dispatch.Workers()) {
      absl::StrAppend(&why, " [", worker.session, worker.connected ? "" : " cut off", ", leases ",
                      worker.leases, ", free ", worker.free, "]");
    }
    const auto counts = control_->strand.counts();
    absl::StrAppend(&why, " waiting ", counts.waiting, counts.ready ? "" : ", not ready");
  }
  for (const auto& [id, started] : started_) {
    const auto head = checker_.heads().find(id);
    if (head == checker_.heads().end()) {
      absl::StrAppend(&why, " ", id, " was never created;");
      continue;
    }
    if (!head->second.live()) continue;
    absl::StrAppend(&why, " ", id, " is ", v1::State_Name(head->second.state()),
                    head->second.continue_due() ? "+continue" : "", ":");
    for (const v1::TaskRun* run : checker_.Runs(id)) {
      if (!run->live()) continue;
      absl::StrAppend(&why, " ", run->number(), "/", run->task_id(), "=",
                      v1::State_Name(run->state()), run->has_lease() ? "+lease" : "",
                      run->ready() ? "+ready" : "", run->has_waiting() ? "+waiting" : "");
    }
    absl::StrAppend(&why, "\n", started.flow.yaml);
  }
  return why;
}

std::string World::CheckEnds() const {
  for (const auto& [id, started] : started_) {
    const v1::ExecutionHead& head = checker_.heads().at(id);
    const std::vector<const v1::TaskRun*> runs = checker_.Runs(id);
    bool lost = false;
    for (const v1::TaskRun* run : runs) {
      if (run->live()) return absl::StrCat("a live run in an ended execution: ", id);
      lost = lost || run->error_code() == "WORKER_LOST";
      if (run->lost_count() > 0) sometimes_.Reach("a worker was lost and its attempt repeated");
    }
    if (lost) sometimes_.Reach("a run lost its third worker");
    if (head.state() == v1::KILLED) {
      if (!started.killed) return absl::StrCat("killed by nobody: ", id);
      continue;
    }
    if (lost) continue;  // It counts as a failure wherever it happened.
    if (head.state() != started.flow.state) {
      return absl::StrCat("the oracle says ", v1::State_Name(started.flow.state), ", it ended ",
                          v1::State_Name(head.state()), ": ", id, "\n", started.flow.yaml);
    }
    if (started.flow.run_count >= 0 &&
        started.flow.run_count != static_cast<int64_t>(runs.size())) {
      return absl::StrCat("the oracle says ", started.flow.run_count, " runs, there are ",
                          runs.size(), ": ", id, "\n", started.flow.yaml);
    }
  }
  return "";
}

std::string World::Run() {
  StartControlPlane();
  for (const auto& worker : workers_) worker->Start();
  StartExecutions();
  HurtForAWhile();
  if (!checker_.violation().empty()) return checker_.violation();
  Heal();
  const absl::Duration until = clock_.Boottime() + kConvergence;
  while (!Settled() && clock_.Boottime() < until && checker_.violation().empty()) {
    world_.RunFor(absl::Seconds(10));
  }
  if (!checker_.violation().empty()) return checker_.violation();
  if (!Settled()) return WhyNotSettled();
  if (store_.promise_broken()) return "a batch that was called not done became durable by itself";
  const auto orphans = below_.Orphans(10);
  if (!orphans.ok()) return std::string(orphans.status().message());
  if (!orphans->empty()) return "invariant 20: an orphan: " + orphans->front();
  return CheckEnds();
}

}  // namespace orch::simulation
