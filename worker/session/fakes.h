// Ports of a session that a test works by hand.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/manual_clock.h"
#include "worker/session/link.h"
#include "worker/session/spawn.h"
#include "worker/session/token_key.h"

namespace orch::worker {

// Runs what is due when it is told to, and moves the clock to it.
class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}

  void Post(std::function<void()> work) override { Add(clock_.Boottime(), std::move(work)); }
  TimerId PostAt(absl::Duration delay, std::function<void()> work) override {
    return Add(clock_.Boottime() + std::max(delay, absl::ZeroDuration()), std::move(work));
  }
  bool Cancel(TimerId timer) override {
    for (auto it = queue_.begin(); it != queue_.end(); ++it) {
      if (it->first.second != timer) continue;
      queue_.erase(it);
      return true;
    }
    return false;
  }

  // Runs everything that is due within `span`, in order.
  void RunFor(absl::Duration span = absl::ZeroDuration()) {
    const absl::Duration until = clock_.Boottime() + span;
    while (!queue_.empty() && queue_.begin()->first.first <= until) {
      auto node = queue_.extract(queue_.begin());
      if (node.key().first > clock_.Boottime())
        clock_.Advance(node.key().first - clock_.Boottime());
      node.mapped()();
    }
    if (until > clock_.Boottime()) clock_.Advance(until - clock_.Boottime());
  }

 private:
  TimerId Add(absl::Duration due, std::function<void()> work) {
    queue_.emplace(std::make_pair(due, ++last_), std::move(work));
    return last_;
  }

  ManualClock& clock_;
  TimerId last_ = 0;
  std::map<std::pair<absl::Duration, TimerId>, std::function<void()>> queue_;
};

// Keeps what was sent; a message counts as written at once, unless `clogged`.
class FakeLink final : public Link {
 public:
  explicit FakeLink(Executor& executor) : executor_(executor) {}

  void Open(Listener* listener) override {
    listener_ = listener;
    ++generation_;
    ++open_count;
  }
  void Send(const v1::WorkerMessage& message) override {
    sent.push_back(message);
    waiting_ = true;
    if (!clogged) Written();
  }
  void Close() override {
    listener_ = nullptr;
    ++generation_;
  }

  // The message that is being written has left.
  void Written() {
    if (!std::exchange(waiting_, false)) return;
    executor_.Post([this, generation = generation_] {
      if (generation == generation_ && listener_ != nullptr) listener_->OnSent();
    });
  }
  void Receive(const v1::ControlMessage& message) {
    if (listener_ != nullptr) listener_->OnMessage(message);
  }
  void Cut() {
    Listener* listener = std::exchange(listener_, nullptr);
    ++generation_;
    waiting_ = false;
    if (listener != nullptr) listener->OnClosed(absl::UnavailableError("cut"));
  }
  bool open() const { return listener_ != nullptr; }

  // Takes out everything sent so far.
  std::vector<v1::WorkerMessage> TakeSent() { return std::exchange(sent, {}); }

  std::vector<v1::WorkerMessage> sent;
  bool clogged = false;
  int open_count = 0;

 private:
  Executor& executor_;
  Listener* listener_ = nullptr;
  uint64_t generation_ = 0;
  bool waiting_ = false;
};

// Remembers what it was told; the test prints and ends in its place.
class FakeSpawn final : public Spawn {
 public:
  std::vector<Found> Recover(Listener* listener) override {
    listener_ = listener;
    for (const Found& one : found) running.insert(TokenKey(one.assign.token()));
    return std::exchange(found, {});
  }
  absl::Status Start(const v1::Assign& assign, absl::Duration deadline,
                     Listener* listener) override {
    if (!refusal.ok()) return refusal;
    ++start_counts[TokenKey(assign.token())];
    running.insert(TokenKey(assign.token()));
    deadlines[TokenKey(assign.token())] = deadline;
    return absl::OkStatus();
  }
  void Stop(const v1::LeaseToken& token, v1::Stop::Reason reason) override {
    stopped.push_back(TokenKey(token));
  }
  void Abandon(const v1::LeaseToken& token) override {
    abandoned.push_back(TokenKey(token));
    running.erase(TokenKey(token));
  }
  void SetDeadline(const v1::LeaseToken& token, absl::Duration deadline) override {
    deadlines[TokenKey(token)] = deadline;
  }
  void Release(const v1::LeaseToken& token) override { released.insert(TokenKey(token)); }

  void Print(const v1::LeaseToken& token, const std::vector<std::string>& texts) {
    std::vector<v1::LogLine> lines;
    for (const std::string& text : texts) {
      v1::LogLine line;
      line.set_level(v1::INFO);
      line.set_text(text);
      lines.push_back(std::move(line));
    }
    listener_->OnLines(token, std::move(lines));
  }
  void Measure(const v1::LeaseToken& token, int count, const std::string& name) {
    for (int i = 0; i < count; ++i) {
      v1::Metric metric;
      *metric.mutable_token() = token;
      metric.set_name(name);
      listener_->OnMetric(std::move(metric));
    }
  }
  void End(const v1::LeaseToken& token, v1::State state = v1::SUCCESS,
           const std::string& outputs = "") {
    running.erase(TokenKey(token));
    v1::Result result;
    *result.mutable_token() = token;
    result.set_state(state);
    if (!outputs.empty()) result.mutable_outputs()->set_utf8(outputs);
    listener_->OnEnd(std::move(result));
  }

  std::vector<Found> found;
  absl::Status refusal;
  std::map<TokenKey, int> start_counts;
  std::set<TokenKey> running;
  std::set<TokenKey> released;
  std::map<TokenKey, absl::Duration> deadlines;
  std::vector<TokenKey> stopped;
  std::vector<TokenKey> abandoned;

 private:
  Listener* listener_ = nullptr;
};

}  // namespace orch::worker
