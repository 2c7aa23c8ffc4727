#include "tests/simulation/worker_host.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "expression/json.h"

namespace orch::simulation {

// What a running worker process is made of. Its work dies with it; the attempts do not.
struct WorkerHost::Process {
  explicit Process(SimExecutor& world) : executor(world) {}
  ProcessExecutor executor;
  worker::SessionObserver observer;
  std::unique_ptr<worker::Link> link;
  std::unique_ptr<SimSpawn> spawn;
  std::unique_ptr<worker::Session> session;
};

class WorkerHost::SimSpawn final : public worker::Spawn {
 public:
  SimSpawn(WorkerHost& host, Executor& executor) : host_(host), executor_(executor) {}

  std::vector<Found> Recover(Listener* listener) override {
    listener_ = listener;
    std::vector<Found> found;
    for (auto it = host_.attempts_.begin(); it != host_.attempts_.end();) {
      Attempt& attempt = it->second;
      if (!attempt.ended && attempt.deadline <= host_.clock_.Boottime()) {
        it = host_.attempts_.erase(it);  // The shim has killed it at its deadline.
        continue;
      }
      host_.sometimes_.Reach("a restarted worker found an attempt");
      found.push_back({attempt.assign, attempt.deadline});
      attempt.told = 0;
      Watch(it->first, attempt);
      ++it;
    }
    return found;
  }

  absl::Status Start(const v1::Assign& assign, absl::Duration deadline,
                     Listener* listener) override {
    listener_ = listener;
    const worker::TokenKey key(assign.token());
    host_.checker_.Started(assign.token());
    Attempt& attempt = host_.attempts_[key];
    attempt.assign = assign;
    attempt.deadline = deadline;
    absl::Duration work = host_.options_.work_max * host_.random_.Unit();
    if (host_.random_.Unit() < host_.options_.slow_rate) {
      work = absl::Minutes(10) * host_.random_.Unit();
      host_.sometimes_.Reach("a task outlasted its lease's first term");
    }
    const absl::Duration timeout = absl::Microseconds(assign.timeout().micros());
    attempt.ends_at = host_.clock_.Boottime() + work;
    attempt.result = ResultOf(assign, work, timeout);
    if (timeout > absl::ZeroDuration() && work > timeout) {
      attempt.ends_at = host_.clock_.Boottime() + timeout;
    }
    for (uint64_t i = host_.random_.Below(4); i > 0; --i) {
      v1::LogLine line;
      line.set_level(v1::INFO);
      line.set_text(absl::StrCat("line ", i, " of ", assign.token().attempt()));
      line.set_micros(absl::ToUnixMicros(host_.clock_.Now()));
      attempt.lines.push_back(std::move(line));
    }
    Watch(key, attempt);
    return absl::OkStatus();
  }

  void Stop(const v1::LeaseToken& token, v1::Stop::Reason) override {
    const auto found = host_.attempts_.find(worker::TokenKey(token));
    if (found == host_.attempts_.end() || found->second.ended) return;
    found->second.stopped = true;
    found->second.ends_at = host_.clock_.Boottime() + absl::Milliseconds(50);
    found->second.result.set_state(v1::KILLED);
    found->second.result.clear_outputs();
    Watch(found->first, found->second);
  }

  void Abandon(const v1::LeaseToken& token) override {
    host_.attempts_.erase(worker::TokenKey(token));
  }

  void SetDeadline(const v1::LeaseToken& token, absl::Duration deadline) override {
    const auto found = host_.attempts_.find(worker::TokenKey(token));
    if (found != host_.attempts_.end()) found->second.deadline = deadline;
  }

  void Release(const v1::LeaseToken& token) override {
    host_.attempts_.erase(worker::TokenKey(token));
  }

 private:
  // What a task of the world does is written in its configuration: {"result": …, "state": …}.
  static v1::Result ResultOf(const v1::Assign& assign, absl::Duration work,
                             absl::Duration timeout) {
    v1::Result result;
    *result.mutable_token() = assign.token();
    result.set_state(v1::SUCCESS);
    const auto config = expression::ParseJson(assign.config().utf8());
    if (config.ok()) {
      if (const expression::Value* state = config->Find("state"); state != nullptr) {
        result.set_state(state->is_string() && state->AsString() == "FAILED"    ? v1::FAILED
                         : state->is_string() && state->AsString() == "WARNING" ? v1::WARNING
                                                                                : v1::SUCCESS);
      }
      if (const expression::Value* value = config->Find("result"); value != nullptr) {
        result.mutable_outputs()->set_utf8(
            expression::ToJson(expression::MapBuilder().Set("value", *value).Build()));
      }
    }
    if (result.state() == v1::FAILED) result.mutable_error()->set_message("told to fail");
    if (timeout > absl::ZeroDuration() && work > timeout) {
      result.set_state(v1::FAILED);
      result.clear_outputs();
      result.mutable_error()->set_code("TIMEOUT");
      result.mutable_error()->set_message("Timeout");
    }
    return result;
  }

  void Watch(const worker::TokenKey& key, Attempt& attempt) {
    executor_.PostAt(attempt.ends_at - host_.clock_.Boottime(), [this, key] { Look(key); });
  }

  void Look(const worker::TokenKey& key) {
    const auto found = host_.attempts_.find(key);
    if (found == host_.attempts_.end()) return;
    Attempt& attempt = found->second;
    if (attempt.ends_at > host_.clock_.Boottime()) return;
    attempt.ended = true;
    if (attempt.told < attempt.lines.size()) {
      attempt.told = attempt.lines.size();
      listener_->OnLines(attempt.assign.token(), attempt.lines);
    }
    listener_->OnEnd(attempt.result);
  }

  WorkerHost& host_;
  Executor& executor_;
  Listener* listener_ = nullptr;
};

WorkerHost::WorkerHost(Options options, ManualClock& clock, SimExecutor& world, Network& network,
                       Checker& checker, Sometimes& sometimes, uint64_t seed)
    : options_(std::move(options)),
      clock_(clock),
      world_(world),
      network_(network),
      checker_(checker),
      sometimes_(sometimes),
      random_(seed) {}

WorkerHost::~WorkerHost() { Kill(); }

void WorkerHost::Start() {
  if (up()) return;
  process_ = std::make_unique<Process>(world_);
  if (spool_ == nullptr) {
    spool_ = std::make_unique<worker::MemorySpool>(process_->executor);
  } else {
    spool_->SetExecutor(process_->executor);
  }
  process_->link = network_.NewLink(options_.name, process_->executor);
  process_->spawn = std::make_unique<SimSpawn>(*this, process_->executor);
  worker::Session::Options session;
  session.worker_id = options_.name;
  session.session = absl::StrCat(options_.name, ".", ++starts_);
  session.slots = options_.slots;
  session.offline = options_.offline;
  for (const std::string& type : options_.types) {
    v1::TypeOffer offer;
    offer.set_type(type);
    session.types.push_back(std::move(offer));
  }
  process_->session = std::make_unique<worker::Session>(
      std::move(session), clock_, random_, process_->executor, *process_->link, *process_->spawn,
      *spool_, process_->observer);
  process_->session->Start();
}

void WorkerHost::Kill() {
  if (process_ == nullptr) return;
  process_->session.reset();
  process_->spawn.reset();
  process_->link.reset();
  process_.reset();
}

void WorkerHost::Crash() {
  Kill();
  attempts_.clear();
}

}  // namespace orch::simulation
