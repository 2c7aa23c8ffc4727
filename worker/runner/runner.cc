#include "worker/runner/runner.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "secrets/scrubber.h"
#include "worker/runner/errors.h"
#include "worker/runner/json.h"
#include "worker/runner/script.h"
#include "worker/runner/task_attempt.h"
#include "worker/runner/watcher.h"
#include "worker/session/token_key.h"

namespace orch::worker {
namespace {

// After a reboot, boot times of before mean nothing; what is found then has ended anyway.
constexpr absl::Duration kDeadlineUnknown = absl::Seconds(60);
constexpr size_t kErrorBytesMax = 8 << 10;

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(folder.c_str());
  if (dir == nullptr) return names;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  return names;
}

std::vector<std::string> SecretsOf(const v1::Assign& assign) {
  return {assign.secrets().begin(), assign.secrets().end()};
}

}  // namespace

struct Runner::State : std::enable_shared_from_this<Runner::State> {
  struct Attempt {
    std::shared_ptr<TaskAttempt> task;  // One of these.
    std::shared_ptr<ScriptJob> script;
    std::string workspace;  // Folder of a workspace lease.

    v1::LeaseToken token;
    bool stopping = false;
    bool timed_out = false;
    bool abandoned = false;
    bool ended = false;    // OnEnd was told.
    bool started = false;  // The shim runs.
    int64_t timeout_micros = 0;
    int64_t started_micros = 0;
    TimerId timer = kNoTimer;
    std::shared_ptr<OutputReader> reader;
  };

  // News for the strand, from the pool or the watcher.
  struct News {
    TokenKey key;
    std::vector<v1::LogLine> lines;
    int64_t bytes = 0;  // Of the watcher.
    std::optional<v1::Metric> metric;
    std::optional<v1::Result> result;
    std::optional<absl::StatusOr<int>> prepared;
    std::optional<ExitStatus> exit;
  };

  State(Options options, Clock& clock, Executor& executor, Files& files, const TypeRegistry& types)
      : options(std::move(options)), clock(clock), executor(executor), files(files), types(types) {}

  std::string AttemptsFolder() const { return options.folder + "/attempts"; }
  int64_t NowMicros() { return absl::ToUnixMicros(clock.Now()); }

  // From any thread. The strand takes everything in at once.
  void Tell(News news) {
    {
      MutexLock lock(&mutex);
      queue.push_back(std::move(news));
      if (posted) return;
      posted = true;
    }
    executor.Post([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->TakeNews();
    });
  }

  void TakeNews() {
    std::vector<News> taken;
    {
      MutexLock lock(&mutex);
      taken.swap(queue);
      posted = false;
    }
    for (News& news : taken) {
      if (news.bytes > 0 && watcher != nullptr) watcher->Took(news.bytes);
      auto it = attempts.find(news.key);
      if (it == attempts.end()) continue;
      Attempt& attempt = it->second;
      const bool heard = !attempt.abandoned && !attempt.ended;
      if (!news.lines.empty() && heard) listener->OnLines(attempt.token, std::move(news.lines));
      if (news.metric.has_value() && heard) listener->OnMetric(*std::move(news.metric));
      if (news.prepared.has_value()) OnPrepared(news.key, attempt, *std::move(news.prepared));
      if (news.exit.has_value()) OnExit(news.key, attempt, *news.exit);
      if (news.result.has_value()) OnResult(news.key, attempt, *std::move(news.result));
    }
  }

  void RunOnPool(std::function<void()> work) {
    // The pool takes two pieces of work per attempt; its queue has room for them.
    const absl::Status status = pool->Run(work);
    if (!status.ok() && absl::IsResourceExhausted(status)) {
      executor.PostAt(absl::Milliseconds(20), [weak = weak_from_this(), work] {
        if (auto self = weak.lock()) self->RunOnPool(work);
      });
    }
  }

  // ---- Tasks in C++ ----

  absl::Status StartTask(const v1::Assign& assign, const sdk::TaskType& type, const TokenKey& key) {
    TaskAttempt::Sinks sinks;
    sinks.now_micros = [this] { return NowMicros(); };  // The pool ends before the state does.
    sinks.lines = [this, key](std::vector<v1::LogLine> lines) {
      News news;
      news.key = key;
      news.lines = std::move(lines);
      Tell(std::move(news));
    };
    sinks.metric = [this, key](v1::Metric metric) {
      News news;
      news.key = key;
      news.metric = std::move(metric);
      Tell(std::move(news));
    };
    auto task = std::make_shared<TaskAttempt>(
        assign, AttemptsFolder() + "/" + AttemptFolder::NameFor(assign.token()), files,
        std::move(sinks));
    const absl::Status status = pool->Run([this, key, task, make = type.make] {
      News news;
      news.key = key;
      const std::unique_ptr<sdk::Task> made = make();
      news.result = task->Run(*made);
      Tell(std::move(news));
    });
    if (!status.ok()) return status;
    Attempt& attempt = attempts[key];
    attempt.task = std::move(task);
    attempt.token = assign.token();
    attempt.started_micros = NowMicros();
    attempt.timeout_micros = assign.timeout().micros();
    if (attempt.timeout_micros > 0) {
      attempt.timer = executor.PostAt(absl::Microseconds(attempt.timeout_micros),
                                      [weak = weak_from_this(), key] {
                                        auto self = weak.lock();
                                        if (self == nullptr) return;
                                        auto it = self->attempts.find(key);
                                        if (it == self->attempts.end() || it->second.ended) return;
                                        it->second.timed_out = true;
                                        it->second.timer = kNoTimer;
                                        self->StopTask(key, it->second);
                                      });
    }
    return absl::OkStatus();
  }

  void StopTask(const TokenKey& key, Attempt& attempt) {
    attempt.task->RequestStop();
    // A task that does not listen keeps its thread, but not its lease.
    executor.PostAt(options.stop_grace, [weak = weak_from_this(), key] {
      auto self = weak.lock();
      if (self == nullptr) return;
      auto it = self->attempts.find(key);
      if (it == self->attempts.end() || it->second.ended) return;
      v1::Result result;
      *result.mutable_token() = it->second.token;
      result.set_started_micros(it->second.started_micros);
      result.set_ended_micros(self->NowMicros());
      self->OnResult(key, it->second, std::move(result));
    });
  }

  // ---- Scripts ----

  absl::Status StartScript(const v1::Assign& assign, const ScriptType& type, const TokenKey& key,
                           absl::Duration deadline) {
    auto job = std::make_shared<ScriptJob>(
        assign, &type, AttemptsFolder() + "/" + AttemptFolder::NameFor(assign.token()));
    job->started_micros = NowMicros();
    job->deadline_ns = absl::ToInt64Nanoseconds(deadline);
    const absl::Duration now = clock.Boottime();
    const absl::Status status = pool->Run([this, key, job, now] {
      News news;
      news.key = key;
      news.prepared = Prepare(options.host, *job, files, now, &news.lines);
      Tell(std::move(news));
    });
    if (!status.ok()) return status;
    Attempt& attempt = attempts[key];
    attempt.script = std::move(job);
    attempt.token = assign.token();
    attempt.started_micros = attempt.script->started_micros;
    attempt.timeout_micros = assign.timeout().micros();
    return absl::OkStatus();
  }

  void Watch(const TokenKey& key, Attempt& attempt, int pid, const std::string& start) {
    attempt.started = true;
    attempt.reader =
        std::make_shared<OutputReader>(secrets::Scrubber(SecretsOf(attempt.script->assign)));
    Watcher::Subject subject;
    subject.folder = attempt.script->folder;
    subject.pid = pid;
    subject.start = start;
    subject.reader = attempt.reader;
    subject.lines = [this, key](std::vector<v1::LogLine> lines, int64_t bytes) {
      News news;
      news.key = key;
      news.lines = std::move(lines);
      news.bytes = bytes;
      Tell(std::move(news));
    };
    subject.ended = [this, key](ExitStatus exit) {
      News news;
      news.key = key;
      news.exit = std::move(exit);
      Tell(std::move(news));
    };
    watcher->Watch(std::move(subject));
  }

  void OnPrepared(const TokenKey& key, Attempt& attempt, absl::StatusOr<int> pid) {
    if (!pid.ok()) {
      if (attempt.abandoned) return Discard(key);
      v1::Result result;
      *result.mutable_token() = attempt.token;
      result.set_started_micros(attempt.started_micros);
      result.set_ended_micros(NowMicros());
      if (!attempt.stopping) {
        result.set_state(v1::FAILED);
        result.mutable_error()->set_code("START_FAILED");
        const secrets::Scrubber scrubber(SecretsOf(attempt.script->assign));
        result.mutable_error()->set_message(scrubber.Scrub(
            std::string_view(pid.status().message().data(), pid.status().message().size())));
      }
      return OnResult(key, attempt, std::move(result));
    }
    Watch(key, attempt, *pid, "");
    // What was ordered meanwhile.
    const AttemptFolder& folder = attempt.script->folder;
    if (attempt.abandoned) {
      folder.MarkAbandoned();
      return OrderUntilHeard(key, /*abandon=*/true);
    }
    if (attempt.stopping) return OrderUntilHeard(key, /*abandon=*/false);
    folder.SendDeadline(absl::Nanoseconds(attempt.script->deadline_ns.load()));
  }

  // A shim that has only just started does not listen yet: the order is given again until it is
  // over.
  void OrderUntilHeard(const TokenKey& key, bool abandon) {
    auto it = attempts.find(key);
    if (it == attempts.end() || !it->second.started || it->second.ended) return;
    const AttemptFolder& folder = it->second.script->folder;
    if (abandon) {
      folder.SendDeadline(absl::Nanoseconds(1));
    } else {
      folder.SendStop();
    }
    executor.PostAt(absl::Milliseconds(200), [weak = weak_from_this(), key, abandon] {
      if (auto self = weak.lock()) self->OrderUntilHeard(key, abandon);
    });
  }

  void OnExit(const TokenKey& key, Attempt& attempt, const ExitStatus& exit) {
    if (exit.reason == ExitStatus::Reason::kLost) {
      if (const auto shim = attempt.script->folder.ReadPid()) AttemptFolder::KillSession(shim->pid);
    }
    attempt.started = false;
    if (attempt.abandoned) return Discard(key);
    for (v1::Metric metric : attempt.reader->metrics()) {
      *metric.mutable_token() = attempt.token;
      listener->OnMetric(std::move(metric));
    }
    RunOnPool([this, key, job = attempt.script, exit, reader = attempt.reader,
               stopping = attempt.stopping] {
      News news;
      news.key = key;
      ExitStatus known = exit;
      if (known.ended_micros == 0) known.ended_micros = NowMicros();
      if (stopping && known.reason == ExitStatus::Reason::kLost) {
        known.reason = ExitStatus::Reason::kStopped;
      }
      news.result = Collect(options.host, *job, files, known, *reader);
      Tell(std::move(news));
    });
  }

  // ---- Both ----

  void OnResult(const TokenKey& key, Attempt& attempt, v1::Result result) {
    if (attempt.ended) {  // A task that came back after it was given up.
      if (attempt.task != nullptr) attempts.erase(key);
      return;
    }
    if (attempt.abandoned) return Discard(key);
    if (attempt.timer != kNoTimer) executor.Cancel(attempt.timer);
    const bool came_back = result.state() != v1::STATE_UNSPECIFIED;
    if (attempt.timed_out) {
      result.set_state(v1::FAILED);
      result.mutable_error()->set_code("TIMEOUT");
      result.mutable_error()->set_message("Timeout after " + IsoDuration(attempt.timeout_micros));
    } else if (attempt.stopping && attempt.script == nullptr) {
      result.set_state(v1::KILLED);
      result.clear_error();
    } else if (!came_back) {
      result.set_state(v1::KILLED);
    }
    if (result.has_error()) {  // It must be text, and small.
      std::string message = result.error().message().substr(0, kErrorBytesMax);
      result.mutable_error()->set_message(MendedUtf8(message));
    }
    attempt.ended = true;
    const bool forget = attempt.script == nullptr && came_back;
    listener->OnEnd(std::move(result));
    if (forget) attempts.erase(key);
  }

  // Nobody wants it, and nothing of it runs.
  void Discard(const TokenKey& key) {
    auto it = attempts.find(key);
    if (it == attempts.end()) return;
    const std::shared_ptr<ScriptJob> job = it->second.script;
    const std::string workspace = it->second.workspace;
    attempts.erase(it);
    if (job != nullptr) RunOnPool([job] { job->folder.Remove(); });
    if (!workspace.empty()) RunOnPool([workspace] { AttemptFolder(workspace).Remove(); });
  }

  const Options options;
  Clock& clock;
  Executor& executor;
  Files& files;
  const TypeRegistry& types;
  Listener* listener = nullptr;
  std::map<TokenKey, Attempt> attempts;  // Of the strand alone.

  Mutex mutex;
  std::vector<News> queue ABSL_GUARDED_BY(mutex);
  bool posted ABSL_GUARDED_BY(mutex) = false;

  std::unique_ptr<ThreadPool> pool;  // These two end first.
  std::unique_ptr<Watcher> watcher;
};

Runner::Runner(Options options, Clock& clock, Executor& executor, Files& files,
               const TypeRegistry& types) {
  options.host.workspaces = options.folder + "/workspaces";
  ThreadPool::Options pool;
  pool.name = "task";
  pool.thread_count = options.thread_count;
  pool.queue_count_max = options.attempt_count_max * 2;
  state_ = std::make_shared<State>(std::move(options), clock, executor, files, types);
  ::mkdir(state_->AttemptsFolder().c_str(), 0700);
  ::mkdir(state_->options.host.workspaces.c_str(), 0700);
  state_->pool = std::make_unique<ThreadPool>(pool);
  state_->watcher = std::make_unique<Watcher>();
}

Runner::~Runner() {
  for (auto& [key, attempt] : state_->attempts) {
    if (attempt.task != nullptr) attempt.task->RequestStop();
  }
  state_->watcher.reset();
  state_->pool.reset();
}

std::vector<Spawn::Found> Runner::Recover(Listener* listener) {
  State& state = *state_;
  state.listener = listener;
  std::vector<Found> all;
  std::set<std::string> workspaces;
  for (const std::string& name : NamesIn(state.AttemptsFolder())) {
    const AttemptFolder folder(state.AttemptsFolder() + "/" + name);
    const auto remove = [&] { state.RunOnPool([folder] { folder.Remove(); }); };
    auto assign = folder.ReadAssign();
    auto type = assign.ok() ? state.types.scripts.find(assign->type()) : state.types.scripts.end();
    if (!assign.ok() || type == state.types.scripts.end() || folder.Forbid()) {
      remove();  // Not begun, and now it never will be.
      continue;
    }
    const std::optional<ShimProcess> shim = folder.ReadPid();
    const bool alive = shim.has_value() && AttemptFolder::IsAlive(*shim);
    const bool exited = folder.ReadExit().has_value();
    if (!alive && !exited) {  // It died with the machine, or was killed: an attempt is lost.
      if (shim.has_value()) AttemptFolder::KillSession(shim->pid);
      remove();
      continue;
    }
    if (folder.IsAbandoned() && !alive) {
      remove();
      continue;
    }
    const TokenKey key(assign->token());
    State::Attempt& attempt = state.attempts[key];
    attempt.script = std::make_shared<ScriptJob>(*assign, &type->second, folder.path());
    attempt.token = assign->token();
    attempt.started_micros = attempt.script->started_micros = state.NowMicros();
    attempt.timeout_micros = assign->timeout().micros();
    const absl::Duration deadline =
        folder.ReadDeadline().value_or(state.clock.Boottime() + kDeadlineUnknown);
    attempt.script->deadline_ns = absl::ToInt64Nanoseconds(deadline);
    workspaces.insert(WorkFolderOf(state.options.host, *attempt.script));
    state.Watch(key, attempt, shim.has_value() ? shim->pid : 0,
                shim.has_value() ? shim->start : "0");
    if (folder.IsAbandoned()) {
      attempt.abandoned = true;
      state.OrderUntilHeard(key, /*abandon=*/true);
      continue;
    }
    all.push_back({*std::move(assign), deadline});
  }
  for (const std::string& name : NamesIn(state.options.host.workspaces)) {
    const std::string path = state.options.host.workspaces + "/" + name;
    if (!workspaces.contains(path)) {
      state.RunOnPool([path] { AttemptFolder(path).Remove(); });
    }
  }
  return all;
}

absl::Status Runner::Start(const v1::Assign& assign, absl::Duration deadline, Listener* listener) {
  State& state = *state_;
  state.listener = listener;
  const TokenKey key(assign.token());
  if (key.attempt.empty()) return absl::InvalidArgumentError("the assignment has no token");
  if (static_cast<int>(state.attempts.size()) >= state.options.attempt_count_max) {
    return absl::ResourceExhaustedError("the worker has too many attempts at hand");
  }
  if (assign.subject().has_workspace()) {
    State::Attempt& attempt = state.attempts[key];
    attempt.token = assign.token();
    attempt.started_micros = state.NowMicros();
    v1::Assign as_task;
    as_task.mutable_subject()->mutable_task_run()->set_workspace(
        assign.subject().workspace().task_run_id());
    attempt.workspace = WorkFolderOf(state.options.host, ScriptJob(as_task, nullptr, ""));
    ::mkdir(attempt.workspace.c_str(), 0700);
    return absl::OkStatus();
  }
  if (const sdk::TaskType* task = state.types.tasks.Find(assign.type())) {
    return state.StartTask(assign, *task, key);
  }
  const auto script = state.types.scripts.find(assign.type());
  if (script == state.types.scripts.end()) return TypeNotServed(assign.type());
  return state.StartScript(assign, script->second, key, deadline);
}

void Runner::Stop(const v1::LeaseToken& token, v1::Stop::Reason reason) {
  State& state = *state_;
  const TokenKey key(token);
  auto it = state.attempts.find(key);
  if (it == state.attempts.end() || it->second.ended || it->second.stopping) return;
  State::Attempt& attempt = it->second;
  attempt.stopping = true;
  attempt.timed_out = reason == v1::Stop::TIMED_OUT && attempt.task != nullptr;
  if (attempt.task != nullptr) return state.StopTask(key, attempt);
  if (attempt.script != nullptr) {
    attempt.script->stop = true;
    return state.OrderUntilHeard(key, /*abandon=*/false);
  }
  // A workspace: it ends well when it is told to.
  v1::Result result;
  *result.mutable_token() = token;
  result.set_state(v1::SUCCESS);
  result.set_started_micros(attempt.started_micros);
  result.set_ended_micros(state.NowMicros());
  state.RunOnPool([weak = state.weak_from_this(), key, result, folder = attempt.workspace] {
    AttemptFolder(folder).Remove();
    auto self = weak.lock();
    if (self == nullptr) return;
    State::News news;
    news.key = key;
    news.result = result;
    self->Tell(std::move(news));
  });
}

void Runner::Abandon(const v1::LeaseToken& token) {
  State& state = *state_;
  const TokenKey key(token);
  auto it = state.attempts.find(key);
  if (it == state.attempts.end()) return;
  State::Attempt& attempt = it->second;
  attempt.abandoned = true;
  if (attempt.timer != kNoTimer) state.executor.Cancel(attempt.timer);
  if (attempt.task != nullptr) {
    attempt.task->RequestStop();
    if (attempt.ended) state.attempts.erase(it);
    return;
  }
  if (attempt.script == nullptr) return state.Discard(key);
  attempt.script->stop = true;
  if (attempt.started) {
    attempt.script->folder.MarkAbandoned();
    state.OrderUntilHeard(key, /*abandon=*/true);
  } else if (attempt.ended) {
    state.Discard(key);
  }
}

void Runner::SetDeadline(const v1::LeaseToken& token, absl::Duration deadline) {
  auto it = state_->attempts.find(TokenKey(token));
  if (it == state_->attempts.end() || it->second.script == nullptr) return;
  it->second.script->deadline_ns = absl::ToInt64Nanoseconds(deadline);
  if (!it->second.started) return;
  it->second.script->folder.WriteDeadline(deadline);
  it->second.script->folder.SendDeadline(deadline);
}

void Runner::Release(const v1::LeaseToken& token) {
  const TokenKey key(token);
  auto it = state_->attempts.find(key);
  if (it == state_->attempts.end() || it->second.started) return;
  if (it->second.task != nullptr) return;  // It goes when its thread comes back.
  state_->Discard(key);
}

}  // namespace orch::worker
