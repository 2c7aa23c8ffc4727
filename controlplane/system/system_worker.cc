#include "controlplane/system/system_worker.h"

#include <utility>

namespace orch::system {

namespace {
constexpr char kQueue[] = "system";
constexpr absl::Duration kReopenDelay = absl::Milliseconds(100);
}  // namespace

SystemWorker::SystemWorker(Options options, Executor& executor, Executor& background,
                           dispatch::Dispatch& dispatch, catalog::KeyValues& keys)
    : options_(std::move(options)),
      executor_(executor),
      background_(background),
      dispatch_(dispatch),
      keys_(keys) {}

SystemWorker::~SystemWorker() {
  *alive_ = false;
  if (renewal_timer_ != kNoTimer) executor_.Cancel(renewal_timer_);
}

void SystemWorker::Start() {
  if (open_) return;
  open_ = true;
  received_ = 0;
  connection_ = dispatch_.Open(*this);
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol(dispatch::kProtocolVersion);
  hello.set_worker_id("system:" + options_.owner);
  hello.set_session("system:" + options_.owner + "." + std::to_string(++session_number_));
  hello.set_sdk("orch-controlplane (system worker)");
  hello.add_groups(kQueue);
  hello.set_slots(options_.slots);
  for (const char* type : {"kv.Set", "kv.Get", "kv.Delete"}) hello.add_types()->set_type(type);
  for (const auto& [attempt, result] : held_) {
    v1::HeldLease& held = *hello.add_held();
    *held.mutable_token() = result.token();
    held.set_finished(result.state() != v1::STATE_UNSPECIFIED);
  }
  dispatch_.OnMessage(connection_, message);
  Renew();
}

void SystemWorker::Close() {
  open_ = false;
  executor_.PostAt(kReopenDelay, [this, alive = alive_] {
    if (*alive) Start();
  });
}

// Called from within dispatch; handled after it has returned.
void SystemWorker::Send(v1::ControlMessage message) {
  executor_.Post([this, alive = alive_, message = std::move(message)] {
    if (*alive) Handle(message);
  });
}

void SystemWorker::Handle(const v1::ControlMessage& message) {
  switch (message.message_case()) {
    case v1::ControlMessage::kWelcome:
      for (const v1::Verdict& verdict : message.welcome().verdicts()) {
        if (verdict.word() == v1::Verdict::STOP) held_.erase(verdict.token().attempt());
      }
      Credit();
      for (const auto& [attempt, result] : std::map(held_)) {
        if (result.state() != v1::STATE_UNSPECIFIED) Report(result);
      }
      break;
    case v1::ControlMessage::kAssignments:
      for (const v1::Assign& assign : message.assignments().assigns()) Run(assign);
      break;
    case v1::ControlMessage::kAcks:
      for (const v1::Ack& ack : message.acks().acks()) held_.erase(ack.token().attempt());
      Credit();
      break;
    case v1::ControlMessage::kRenewalAnswer:
      for (const v1::LeaseToken& token : message.renewal_answer().ended()) {
        held_.erase(token.attempt());
      }
      break;
    default: break;  // A task that was killed ends by itself; its result is fenced.
  }
}

void SystemWorker::Run(const v1::Assign& assign) {
  ++received_;
  v1::Result& held = held_[assign.token().attempt()];
  *held.mutable_token() = assign.token();
  background_.Post([this, alive = alive_, assign] {
    v1::Result result = RunSystemTask(assign, keys_);
    executor_.Post([this, alive, result = std::move(result)]() mutable {
      if (!*alive) return;
      const auto held = held_.find(result.token().attempt());
      if (held == held_.end()) return;  // It ended meanwhile.
      held->second = result;
      Report(std::move(result));
    });
  });
}

void SystemWorker::Report(v1::Result result) {
  if (!open_) return;  // Hello presents it, and Welcome asks for it.
  v1::WorkerMessage message;
  *message.mutable_results()->add_results() = std::move(result);
  dispatch_.OnMessage(connection_, message);
}

void SystemWorker::Credit() {
  if (!open_) return;
  v1::WorkerMessage message;
  v1::Credit& credit = *message.mutable_credit();
  credit.set_queue(kQueue);
  credit.set_slots(options_.slots - static_cast<int>(held_.size()));
  credit.set_received(received_);
  dispatch_.OnMessage(connection_, message);
}

void SystemWorker::Renew() {
  if (renewal_timer_ != kNoTimer) executor_.Cancel(renewal_timer_);
  renewal_timer_ = executor_.PostAt(options_.renewal, [this, alive = alive_] {
    if (!*alive) return;
    renewal_timer_ = kNoTimer;
    if (open_) {
      v1::WorkerMessage message;
      v1::Renewal& renewal = *message.mutable_progress()->mutable_renewal();
      renewal.set_number(++renewal_number_);
      for (const auto& [attempt, result] : held_) *renewal.add_held() = result.token();
      dispatch_.OnMessage(connection_, message);
      // A result whose answer was lost is told again.
      for (const auto& [attempt, result] : std::map(held_)) {
        if (result.state() != v1::STATE_UNSPECIFIED) Report(result);
      }
    }
    Renew();
  });
}

}  // namespace orch::system
