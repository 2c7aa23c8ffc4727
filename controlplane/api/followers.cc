#include "controlplane/api/followers.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "controlplane/api/execution_view.h"
#include "controlplane/api/log_reader.h"
#include "controlplane/engine/execution.h"

namespace orch::api {
namespace {

constexpr absl::Duration kProgressInterval = absl::Milliseconds(500);
// Lines that another replica took in ring no bell here; they are found by looking.
constexpr absl::Duration kLookInterval = absl::Seconds(5);
constexpr absl::Duration kSettleInterval = absl::Milliseconds(200);
constexpr absl::Duration kLateLinesMax = absl::Seconds(10);
constexpr absl::Duration kBusyRetry = absl::Milliseconds(100);
constexpr size_t kUnsentMax = 1'000;
constexpr size_t kReadEntriesMax = 100'000;

// The common life: everything below runs on the executor, reads excepted.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
  Follower(const Live& live, std::string execution_id, std::shared_ptr<EventStream> stream)
      : live_(live), execution_id_(std::move(execution_id)), stream_(std::move(stream)) {}
  virtual ~Follower() = default;

  void Start() {
    Post([this] {
      watch_id_ = live_.watch->Subscribe(
          execution_id_, [weak = weak_from_this(), executor = live_.executor](const auto&) {
            executor->Post([weak] {
              if (const auto self = weak.lock()) self->Wake();
            });
          });
      Subscribe();
      const std::weak_ptr<Follower> weak = weak_from_this();
      Executor* const executor = live_.executor;
      stream_->Listen(
          [weak, executor] {
            executor->Post([weak] {
              if (const auto self = weak.lock()) self->Wake();
            });
          },
          // Holds the follower until the listener is gone.
          [self = shared_from_this(), executor] { executor->Post([self] { self->Close(); }); });
      Wake();
    });
  }

 protected:
  virtual void Subscribe() {}
  virtual void Unsubscribe() {}
  // Something may have changed, or can be sent again.
  virtual void Wake() = 0;

  void Post(std::function<void()> work) {
    live_.executor->Post([self = shared_from_this(), work = std::move(work)] {
      if (!self->closed_) work();
    });
  }
  void WakeIn(absl::Duration delay) {
    if (timer_ != kNoTimer) return;
    timer_ = live_.executor->PostAt(delay, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr || self->closed_) return;
      self->timer_ = kNoTimer;
      self->Wake();
    });
  }
  // Runs `read` on the pool, then `then` here. One at a time.
  template <typename T>
  void Read(std::function<absl::StatusOr<T>()> read, std::function<void(absl::StatusOr<T>)> then) {
    reading_ = true;
    const absl::Status queued = live_.pool->Run([self = shared_from_this(), read, then] {
      auto result = std::make_shared<absl::StatusOr<T>>(read());
      self->Post([self = self.get(), result, then] {
        self->reading_ = false;
        then(std::move(*result));
      });
    });
    if (queued.ok()) return;
    reading_ = false;
    WakeIn(kBusyRetry);
  }
  void End(const absl::Status& status) {
    Close();  // First: when the listener sees the end, nothing is left of its follower.
    stream_->End(status);
  }
  void Close() {
    if (closed_) return;
    closed_ = true;
    live_.watch->Unsubscribe(watch_id_);
    Unsubscribe();
    if (timer_ != kNoTimer) live_.executor->Cancel(timer_);
  }

  const Live live_;
  const std::string execution_id_;
  const std::shared_ptr<EventStream> stream_;
  bool reading_ = false;
  bool closed_ = false;

 private:
  conductor::Watch::Id watch_id_ = 0;
  TimerId timer_ = kNoTimer;
};

class ExecutionFollower final : public Follower {
 public:
  ExecutionFollower(const Live& live, const v1::FollowExecutionRequest& request,
                    std::shared_ptr<EventStream> stream)
      : Follower(live, request.execution_id(), std::move(stream)), tenant_(request.tenant()) {}

 private:
  void Wake() override {
    dirty_ = true;
    if (reading_ || stream_->pending() > 0) return;  // Woken again when that is over.
    const absl::Duration since = live_.clock->Boottime() - sent_at_;
    if (begun_ && since < kProgressInterval) return WakeIn(kProgressInterval - since);
    dirty_ = false;
    Read<v1::Execution>(
        [live = live_, tenant = tenant_, id = execution_id_] {
          return ReadExecution(*live.store, tenant, id, Runs::kShown, live.clock->Now());
        },
        [this](absl::StatusOr<v1::Execution> execution) {
          if (!execution.ok()) return End(execution.status());
          Send(*std::move(execution));
        });
  }

  void Send(v1::Execution execution) {
    const bool ended = engine::IsTerminal(execution.state().current());
    const std::string seen = Fingerprint(execution);
    const bool fresh = seen != last_seen_;
    if (begun_ && !ended && !fresh) {  // A wake without news, such as that of a drained stream.
      if (dirty_) WakeIn(kProgressInterval);
      return;
    }
    last_seen_ = seen;
    sent_at_ = live_.clock->Boottime();
    v1::ExecutionEvent event;
    *event.mutable_data() = std::move(execution);
    if (!begun_) {
      event.set_id("start");
      stream_->Send(event);
      begun_ = true;
    } else if (!ended) {
      event.set_id("progress");
      stream_->Send(event);
    }
    if (ended) {
      event.set_id("end");
      stream_->Send(event);
      return End(absl::OkStatus());
    }
    if (dirty_) WakeIn(kProgressInterval);
  }

  // Changes whenever something but the passing of time does.
  static std::string Fingerprint(v1::Execution execution) {
    execution.mutable_state()->clear_duration();
    for (v1::TaskRunView& run : *execution.mutable_task_run_list()) {
      run.mutable_state()->clear_duration();
      for (v1::AttemptView& attempt : *run.mutable_attempts()) {
        attempt.mutable_state()->clear_duration();
      }
    }
    return execution.SerializeAsString();
  }

  const std::string tenant_;
  bool begun_ = false;
  bool dirty_ = false;
  std::string last_seen_;
  absl::Duration sent_at_ = absl::ZeroDuration();
};

class LogFollower final : public Follower {
 public:
  LogFollower(const Live& live, const v1::LogsRequest& request, LogFilter filter,
              std::shared_ptr<EventStream> stream)
      : Follower(live, request.execution_id(), std::move(stream)),
        tenant_(request.tenant()),
        filter_(std::move(filter)),
        after_(request.last_event_id()) {}

 private:
  struct News {
    std::vector<v1::LogEntry> entries;
    LogPosition position;
    bool ended = false;
    bool complete = true;  // Every line that a result counted is read.
  };

  void Subscribe() override {
    bell_id_ = live_.bell->Subscribe(
        execution_id_,
        [weak = weak_from_this(), executor = live_.executor](const std::string& attempt) {
          executor->Post([weak, attempt] {
            const auto self = std::static_pointer_cast<LogFollower>(weak.lock());
            if (self == nullptr || self->closed_) return;
            self->rung_.insert(attempt);
            self->Look();
          });
        });
  }
  void Unsubscribe() override { live_.bell->Unsubscribe(bell_id_); }

  // A commit (lines of the engine, or the end), the timer, or a drained stream.
  void Wake() override {
    whole_ = true;
    Look();
  }

  void Look() {
    if (reading_ || stream_->pending() >= kUnsentMax) return;
    if (!whole_ && rung_.empty()) return;
    const bool whole = std::exchange(whole_, false);
    Read<News>(
        [live = live_, tenant = tenant_, id = execution_id_, whole, rung = std::exchange(rung_, {}),
         position = position_] { return ReadNews(live, tenant, id, whole, rung, position); },
        [this](absl::StatusOr<News> news) {
          if (!news.ok()) return End(news.status());
          Send(*std::move(news));
        });
  }

  static absl::StatusOr<News> ReadNews(const Live& live, const std::string& tenant,
                                       const std::string& id, bool whole,
                                       const std::set<std::string>& rung, LogPosition position) {
    News news;
    // The head first: lines that are there when it has ended are then not missed.
    ORCH_ASSIGN_OR_RETURN(const store::v1::ExecutionHead head, ReadHead(*live.store, tenant, id));
    news.ended = engine::IsTerminal(head.state());
    LogReader reader(*live.store, head);
    if (whole || news.ended) {
      bool truncated = false;
      ORCH_ASSIGN_OR_RETURN(news.entries, reader.ReadAll(&position, kReadEntriesMax, &truncated));
      news.complete = !truncated;
    } else {
      for (const std::string& attempt : rung) {
        ORCH_ASSIGN_OR_RETURN(auto entries, reader.ReadAttempt(attempt, &position));
        std::move(entries.begin(), entries.end(), std::back_inserter(news.entries));
      }
    }
    for (int64_t first = 0; news.ended && news.complete;) {
      ORCH_ASSIGN_OR_RETURN(const auto runs, live.store->ListRuns(id, first, 1'000));
      for (const store::v1::TaskRun& run : runs) {
        if (run.line_count() == 0) continue;
        const auto read =
            position.lines.find(engine::AttemptId(id, run.number(), run.attempt_count()));
        if (read == position.lines.end() || read->second < run.line_count()) news.complete = false;
      }
      if (runs.size() < 1'000) break;
      first = runs.back().number() + 1;
    }
    news.position = std::move(position);
    return news;
  }

  // By which a client goes on: lines of attempts have numbers, those of the engine a time.
  static std::string IdOf(const v1::LogEntry& entry) {
    return std::to_string(entry.timestamp().micros()) + "/" + entry.task_run_id() + "/" +
           std::to_string(entry.has_attempt_number() ? entry.attempt_number() : 0) + "/" +
           std::to_string(entry.line());
  }

  void Send(News news) {
    position_ = std::move(news.position);
    // A client that comes back has seen everything up to its last id; if that line is not there
    // (any more), it gets all again rather than nothing.
    auto begin = news.entries.begin();
    if (!after_.empty()) {
      for (auto it = news.entries.begin(); it != news.entries.end(); ++it) {
        if (IdOf(*it) == after_) begin = it + 1;
      }
      after_.clear();
    }
    for (; begin != news.entries.end(); ++begin) {
      if (!filter_.Wants(*begin)) continue;
      v1::LogEvent event;
      event.set_id(IdOf(*begin));
      *event.mutable_data() = std::move(*begin);
      stream_->Send(event);
    }
    if (news.ended) {
      const absl::Duration now = live_.clock->Boottime();
      if (!ended_at_) ended_at_ = now;
      if (news.complete || now - *ended_at_ >= kLateLinesMax) {
        v1::LogEvent event;
        event.set_id("end");
        stream_->Send(event);
        return End(absl::OkStatus());
      }
      return WakeIn(kSettleInterval);
    }
    if (whole_ || !rung_.empty()) return Look();
    WakeIn(kLookInterval);
  }

  const std::string tenant_;
  const LogFilter filter_;
  std::string after_;
  LogPosition position_;
  LogBell::Id bell_id_ = 0;
  std::set<std::string> rung_;  // Attempts with new lines.
  bool whole_ = false;          // Look at everything.
  std::optional<absl::Duration> ended_at_;
};

}  // namespace

void FollowExecution(const Live& live, const v1::FollowExecutionRequest& request,
                     std::shared_ptr<EventStream> stream) {
  std::make_shared<ExecutionFollower>(live, request, std::move(stream))->Start();
}

void FollowLogs(const Live& live, const v1::LogsRequest& request,
                std::shared_ptr<EventStream> stream) {
  auto filter = LogFilter::Of(request);
  if (!filter.ok()) return stream->End(filter.status());
  std::make_shared<LogFollower>(live, request, *std::move(filter), std::move(stream))->Start();
}

}  // namespace orch::api
