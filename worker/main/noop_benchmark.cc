// How many tasks that do nothing one worker gets through: session, runner and spool as they are,
// with a control plane in memory that assigns and acknowledges at once.
#include <benchmark/benchmark.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/thread_executor.h"
#include "worker/runner/fakes.h"
#include "worker/runner/runner.h"
#include "worker/session/session.h"
#include "worker/spool/file_spool.h"

namespace orch::worker {
namespace {

// Keeps `in_flight` assignments out until `total` have been given.
class EagerLink final : public Link {
 public:
  EagerLink(Executor& executor, int in_flight, int64_t total)
      : executor_(executor), in_flight_(in_flight), total_(total) {}

  void Open(Listener* listener) override { listener_ = listener; }
  void Close() override { listener_ = nullptr; }
  void Send(const v1::WorkerMessage& message) override {
    auto answer = std::make_shared<v1::ControlMessage>();
    if (message.has_hello()) {
      answer->mutable_welcome()->mutable_ttl()->set_micros(30'000'000);
      executor_.Post([this, answer] { listener_->OnMessage(*answer); });
      executor_.Post([this] { Assign(in_flight_); });
    } else if (message.has_results()) {
      for (const v1::Result& result : message.results().results()) {
        v1::Ack& ack = *answer->mutable_acks()->add_acks();
        *ack.mutable_token() = result.token();
        ack.set_word(v1::Ack::ACCEPTED);
      }
      const int count = message.results().results_size();
      executor_.Post([this, answer, count] {
        listener_->OnMessage(*answer);
        Done(count);
        Assign(count);
      });
    }
    executor_.Post([this] {
      if (listener_ != nullptr) listener_->OnSent();
    });
  }
  void WaitUntilDone() {
    MutexLock lock(&mutex_);
    while (done_ < total_) changed_.Wait(&mutex_);
  }

 private:
  void Assign(int count) {
    v1::ControlMessage message;
    for (int i = 0; i < count && given_ < total_; ++i) {
      v1::Assign& assign = *message.mutable_assignments()->add_assigns();
      assign.mutable_token()->set_attempt("01j00000000000000000000000-" + std::to_string(given_++) +
                                          "/1");
      assign.mutable_token()->set_fence(1);
      assign.set_type("bench.Noop");
      assign.mutable_config()->set_utf8("{}");
    }
    if (message.has_assignments()) listener_->OnMessage(message);
  }
  void Done(int count) {
    MutexLock lock(&mutex_);
    done_ += count;
    if (done_ >= total_) changed_.SignalAll();
  }

  Executor& executor_;
  const int in_flight_;
  const int64_t total_;
  int64_t given_ = 0;
  Listener* listener_ = nullptr;
  Mutex mutex_;
  CondVar changed_;
  int64_t done_ ABSL_GUARDED_BY(mutex_) = 0;
};

void Noops(benchmark::State& state) {
  constexpr int64_t kTotal = 10'000;
  struct Noop : sdk::Task {
    absl::StatusOr<sdk::TaskResult> Run(sdk::TaskContext&) override { return sdk::TaskResult{}; }
  };
  TypeRegistry types;
  sdk::TaskType noop;
  noop.type = "bench.Noop";
  noop.make = [] { return std::make_unique<Noop>(); };
  types.tasks.Add(noop);
  const std::string folder = std::filesystem::temp_directory_path() / "orch_noop_benchmark";
  const int in_flight = static_cast<int>(state.range(0));
  for (auto _ : state) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    RealClock clock;
    SystemRandom random;
    FakeFiles files;
    SessionObserver observer;
    ThreadExecutor executor("strand");
    EagerLink link(executor, in_flight, kTotal);
    std::unique_ptr<FileSpool> spool;
    std::unique_ptr<Runner> runner;
    std::unique_ptr<Session> session;
    executor.Post([&] {
      spool = *FileSpool::Open({.folder = folder + "/spool"}, executor);
      Runner::Options options;
      options.folder = folder;
      options.thread_count = 2;
      runner = std::make_unique<Runner>(options, clock, executor, files, types);
      Session::Options session_options;
      session_options.slots = in_flight;
      session = std::make_unique<Session>(session_options, clock, random, executor, link, *runner,
                                          *spool, observer);
      session->Start();
    });
    link.WaitUntilDone();
    Mutex mutex;
    CondVar changed;
    bool over = false;
    executor.Post([&] {
      session.reset();
      runner.reset();
      spool.reset();
      MutexLock lock(&mutex);
      over = true;
      changed.Signal();
    });
    MutexLock lock(&mutex);
    while (!over) changed.Wait(&mutex);
  }
  state.SetItemsProcessed(state.iterations() * kTotal);
}
BENCHMARK(Noops)->Arg(50)->Arg(1000)->UseRealTime()->MeasureProcessCPUTime()->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace orch::worker

BENCHMARK_MAIN();
