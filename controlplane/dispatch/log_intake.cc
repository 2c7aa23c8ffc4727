#include "controlplane/dispatch/log_intake.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "controlplane/dispatch/lease_book.h"
#include "controlplane/engine/execution.h"
#include "expression/json.h"

namespace orch::dispatch {

namespace {
constexpr absl::Duration kRetryDelay = absl::Seconds(1);
constexpr int kFindPageSize = 200;

std::string Compress(const std::string& plain) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), /*level=*/3);
  packed.resize(ZSTD_isError(size) ? 0 : size);
  return packed;
}

store::LogChunkRow ChunkOf(const std::string& execution_id, const std::string& task_id,
                           const v1::LogLines& lines) {
  store::LogChunkRow chunk;
  chunk.execution_id = execution_id;
  chunk.attempt = lines.token().attempt();
  chunk.task_id = task_id;
  chunk.first_line = lines.first_line();
  chunk.line_count = lines.lines_size();
  chunk.gap_count = lines.gap_count();
  chunk.level_counts.assign(5, 0);
  for (const v1::LogLine& line : lines.lines()) {
    const int level = std::clamp(static_cast<int>(line.level()), 1, 5);
    ++chunk.level_counts[level - 1];
  }
  if (lines.lines_size() > 0) {
    chunk.first_micros = lines.lines(0).micros();
    chunk.last_micros = lines.lines(lines.lines_size() - 1).micros();
  }
  chunk.body = Compress(lines.SerializeAsString());
  return chunk;
}
}  // namespace

LogIntake::LogIntake(Options options, Executor& executor, Executor& background, store::Store& store,
                     Ack ack, Listener listener)
    : options_(options),
      executor_(executor),
      background_(background),
      store_(store),
      ack_(std::move(ack)),
      listener_(std::move(listener)) {}

LogIntake::~LogIntake() {
  *alive_ = false;
  if (timer_ != kNoTimer) executor_.Cancel(timer_);
}

LogIntake::Attempt* LogIntake::Find(const v1::LeaseToken& token) {
  const auto found = attempts_.find(KeyOf(token));
  return found == attempts_.end() ? nullptr : found->second.get();
}

LogIntake::Attempt& LogIntake::Insert(const conductor::LeasedRun& lease) {
  const std::string key = KeyOf(lease.token);
  const std::string run_key = engine::RunId(lease.execution_id, lease.run);
  const auto newest = newest_.find(run_key);
  if (newest != newest_.end() && newest->second != key) {
    const auto older = attempts_.find(newest->second);
    if (older != attempts_.end()) older->second->closed = true;
  }
  newest_[run_key] = key;
  auto& attempt = attempts_[key];
  attempt = std::make_unique<Attempt>();
  attempt->token = lease.token;
  attempt->execution_id = lease.execution_id;
  attempt->run_key = run_key;
  attempt->task_id = lease.task_id;
  attempt->session = lease.lease.session();
  order_.push_back(key);
  while (order_.size() > options_.attempt_count_max) {
    const auto oldest = attempts_.find(order_.front());
    if (oldest != attempts_.end()) {
      if (oldest->second->queued || oldest->second->storing || !oldest->second->held.empty()) {
        break;
      }
      const auto run = newest_.find(oldest->second->run_key);
      if (run != newest_.end() && run->second == order_.front()) newest_.erase(run);
      attempts_.erase(oldest);
    }
    order_.pop_front();
  }
  return *attempt;
}

void LogIntake::Open(const conductor::LeasedRun& lease) {
  Attempt& attempt = Insert(lease);
  attempt.secrets = lease.secrets;
  if (!attempt.secrets.empty()) {
    attempt.scrubber = std::make_unique<secrets::Scrubber>(attempt.secrets);
  }
}

void LogIntake::Reopen(const conductor::LeasedRun& lease) {
  Attempt& attempt = Insert(lease);
  attempt.known = false;
  attempt.secrets_due = lease.lease.secret_names_size() > 0;
  background_.Post([this, alive = alive_, token = lease.token, id = lease.execution_id] {
    // The chunks of one attempt follow each other in the store's order.
    int64_t last = 0;
    absl::Status status;
    while (status.ok()) {
      const auto chunks = store_.ListLogChunks(id, token.attempt(), last, kFindPageSize);
      if (!chunks.ok()) {
        status = chunks.status();
        break;
      }
      bool more = false;
      for (const store::LogChunkRow& chunk : *chunks) {
        if (chunk.attempt != token.attempt()) break;
        last = std::max(last, chunk.first_line + chunk.line_count - 1);
        more = true;
      }
      if (!more || static_cast<int>(chunks->size()) < kFindPageSize) break;
    }
    executor_.Post([this, alive, token, last, status] {
      if (!*alive) return;
      Attempt* attempt = Find(token);
      if (attempt == nullptr) return;
      if (!status.ok()) {
        Log(LogLevel::kWarning, "stored lines of an attempt could not be counted; lines may repeat",
            {{"attempt", token.attempt()}, {"error", std::string(status.message())}});
      }
      attempt->known = true;
      attempt->taken_line = last;
      ReleaseHeld(*attempt);
    });
  });
}

void LogIntake::SetSecrets(const v1::LeaseToken& token,
                           std::optional<std::vector<std::string>> values) {
  Attempt* attempt = Find(token);
  if (attempt == nullptr) return;
  attempt->secrets_lost = !values.has_value();
  attempt->secrets = std::move(values).value_or(std::vector<std::string>());
  attempt->scrubber = std::make_unique<secrets::Scrubber>(attempt->secrets);
  attempt->secrets_due = false;
  ReleaseHeld(*attempt);
}

bool LogIntake::SecretsDue(const v1::LeaseToken& token) const {
  const auto found = attempts_.find(KeyOf(token));
  return found != attempts_.end() && found->second->secrets_due;
}

bool LogIntake::SecretsLost(const v1::LeaseToken& token) const {
  const auto found = attempts_.find(KeyOf(token));
  return found != attempts_.end() && found->second->secrets_lost;
}

const std::vector<std::string>& LogIntake::Secrets(const v1::LeaseToken& token) const {
  static const auto& kNone = *new std::vector<std::string>();
  const auto found = attempts_.find(KeyOf(token));
  return found == attempts_.end() ? kNone : found->second->secrets;
}

void LogIntake::ReleaseHeld(Attempt& attempt) {
  if (!attempt.known || attempt.secrets_due) return;
  for (const auto& [session, lines] : std::exchange(attempt.held, {})) {
    Accept(attempt, session, lines);
  }
}

void LogIntake::Take(const std::string& session, const v1::LogLines& lines) {
  Attempt* attempt = Find(lines.token());
  const int64_t through = lines.first_line() + lines.lines_size() - 1;
  if (attempt == nullptr || attempt->closed) {
    // Nobody will ever read them; the worker may forget them.
    ack_(session, lines.token(), through);
    return;
  }
  attempt->session = session;
  if (!attempt->known || attempt->secrets_due) {
    attempt->held.push_back({session, lines});
    return;
  }
  Accept(*attempt, session, lines);
}

void LogIntake::Accept(Attempt& attempt, const std::string& session, const v1::LogLines& lines) {
  const int64_t through = lines.first_line() + lines.lines_size() - 1;
  if (through <= attempt.taken_line) {
    // What is not durable yet is acknowledged when it is.
    if (!attempt.queued && !attempt.storing) ack_(session, attempt.token, attempt.taken_line);
    return;
  }
  // A gap in the middle of a chunk begins a new one, since a chunk's lines are consecutive.
  const int64_t expected = attempt.taken_line + 1;
  const int64_t first = std::max(lines.first_line(), expected);
  const int64_t gap = first - expected;
  if (gap > 0 && attempt.buffer.lines_size() > 0) {
    if (storing_) {  // What is buffered cannot leave now; the worker tells these lines again.
      return;
    }
    Flush();
  }
  if (attempt.buffer.lines_size() == 0) {
    *attempt.buffer.mutable_token() = attempt.token;
    attempt.buffer.set_first_line(first);
    attempt.buffer.set_gap_count(gap);
  }
  for (int64_t number = first; number <= through; ++number) {
    const v1::LogLine& line = lines.lines(static_cast<int>(number - lines.first_line()));
    v1::LogLine& kept = *attempt.buffer.add_lines();
    kept = line;
    if (attempt.scrubber != nullptr) kept.set_text(attempt.scrubber->Scrub(line.text()));
    if (attempt.secrets_lost) kept.set_text(std::string(secrets::kMark));
    attempt.buffer_bytes += static_cast<int64_t>(kept.text().size()) + 16;
  }
  attempt.taken_line = through;
  if (!attempt.queued) {
    attempt.queued = true;
    dirty_.push_back(KeyOf(attempt.token));
  }
  if (attempt.buffer_bytes >= options_.chunk_bytes_max) {
    Flush();
  } else {
    FlushSoon();
  }
}

void LogIntake::TakeMetrics(const std::string& session, const std::vector<v1::Metric>& metrics) {
  for (const v1::Metric& metric : metrics) {
    const Attempt* attempt = Find(metric.token());
    if (attempt == nullptr || attempt->closed) continue;
    store::MetricRow row;
    row.execution_id = attempt->execution_id;
    row.attempt = metric.token().attempt();
    row.task_id = attempt->task_id;
    row.name = metric.name();
    row.type = metric.type();
    row.value = metric.value();
    row.micros = metric.micros();
    expression::MapBuilder tags;
    for (const v1::Label& tag : metric.tags()) {
      tags.Set(tag.key(), expression::Value::String(tag.value()));
    }
    row.tags = expression::ToJson(tags.Build());
    metrics_.push_back(std::move(row));
  }
  if (!metrics_.empty()) FlushSoon();
}

void LogIntake::FlushSoon() {
  if (timer_ != kNoTimer) return;
  timer_ = executor_.PostAt(options_.chunk_delay, [this, alive = alive_] {
    if (!*alive) return;
    timer_ = kNoTimer;
    Flush();
  });
}

void LogIntake::Flush() {
  if (storing_) {
    FlushSoon();
    return;
  }
  std::vector<store::LogChunkRow> chunks;
  std::vector<v1::LogLines> lines;
  std::vector<std::string> sessions;
  for (const std::string& key : std::exchange(dirty_, {})) {
    const auto found = attempts_.find(key);
    if (found == attempts_.end()) continue;
    Attempt& attempt = *found->second;
    if (attempt.buffer.lines_size() == 0) continue;
    chunks.push_back(ChunkOf(attempt.execution_id, attempt.task_id, attempt.buffer));
    lines.push_back(std::exchange(attempt.buffer, {}));
    sessions.push_back(attempt.session);
    attempt.buffer_bytes = 0;
    attempt.queued = false;
    attempt.storing = true;
  }
  std::vector<store::MetricRow> metrics = std::exchange(metrics_, {});
  if (chunks.empty() && metrics.empty()) return;
  storing_ = true;
  background_.Post([this, alive = alive_, chunks = std::move(chunks), lines = std::move(lines),
                    sessions = std::move(sessions), metrics = std::move(metrics)]() mutable {
    absl::Status status;
    if (!chunks.empty()) status = store_.AppendLogs(chunks);
    if (!metrics.empty()) {
      const absl::Status kept = store_.AppendMetrics(metrics);
      if (!kept.ok()) {
        Log(LogLevel::kWarning, "metrics could not be stored and are lost",
            {{"count", metrics.size()}, {"error", std::string(kept.message())}});
      }
    }
    executor_.Post([this, alive, status, chunks = std::move(chunks), lines = std::move(lines),
                    sessions = std::move(sessions)]() mutable {
      if (*alive) {
        Stored(status, std::move(chunks), std::move(lines), std::move(sessions));
      }
    });
  });
}

void LogIntake::Stored(const absl::Status& status, std::vector<store::LogChunkRow> chunks,
                       std::vector<v1::LogLines> lines, std::vector<std::string> sessions) {
  if (!status.ok()) {
    // Nothing was acknowledged: the same chunks again until the store takes them.
    Log(LogLevel::kWarning, "log lines could not be stored; trying each second",
        {{"chunks", chunks.size()}, {"error", std::string(status.message())}});
    executor_.PostAt(
        kRetryDelay, [this, alive = alive_, chunks = std::move(chunks), lines = std::move(lines),
                      sessions = std::move(sessions)]() mutable {
          if (!*alive) return;
          background_.Post([this, alive, chunks = std::move(chunks), lines = std::move(lines),
                            sessions = std::move(sessions)]() mutable {
            const absl::Status again = store_.AppendLogs(chunks);
            executor_.Post([this, alive, again, chunks = std::move(chunks),
                            lines = std::move(lines), sessions = std::move(sessions)]() mutable {
              if (*alive) Stored(again, std::move(chunks), std::move(lines), std::move(sessions));
            });
          });
        });
    return;
  }
  storing_ = false;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const int64_t through = chunks[i].first_line + chunks[i].line_count - 1;
    Attempt* attempt = Find(lines[i].token());
    if (attempt != nullptr) {
      attempt->storing = false;
      ack_(attempt->session, attempt->token, through);
    } else {
      ack_(sessions[i], lines[i].token(), through);
    }
    if (listener_) listener_(chunks[i], lines[i]);
  }
  if (!dirty_.empty() || !metrics_.empty()) FlushSoon();
}

void LogIntake::Forget() {
  attempts_.clear();
  order_.clear();
  newest_.clear();
  dirty_.clear();
}

}  // namespace orch::dispatch
