#include "cli/command/follow.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "cli/client/errors.h"
#include "cli/client/sse.h"
#include "cli/exit_code.h"
#include "cli/output/execution_tree.h"
#include "cli/output/live_lines.h"
#include "expression/json.h"

namespace orch::cli {
namespace {

constexpr absl::Duration kFrame = absl::Milliseconds(100);  // Between two drawings.
constexpr absl::Duration kSilence = absl::Seconds(60);      // Of a stream that is believed to live.
constexpr absl::Duration kBackoffMax = absl::Seconds(2);

absl::StatusOr<Followed> Read(std::string json) {
  ORCH_ASSIGN_OR_RETURN(const expression::Value value, expression::ParseJson(json));
  ORCH_ASSIGN_OR_RETURN(ExecutionView view, ExecutionView::Of(value));
  return Followed{std::move(view), std::move(json)};
}

// Shows what it is given: on a terminal as a tree that a thread of its own draws again, so that the
// times go on between two events; elsewhere a line per change.
class Display {
 public:
  Display(const Session& session, bool show) : session_(session), show_(show) {
    if (show_ && session_.console.options().live) thread_ = std::thread([this] { Draw(); });
  }

  ~Display() { Stop(); }

  void Show(const ExecutionView& view) {
    if (!show_) return;
    if (thread_.joinable()) {
      MutexLock lock(&mutex_);
      view_ = view;
      return;
    }
    for (const std::string& line : teller_.Tell(view, session_.console.options().talk_colors)) {
      session_.console.Say(line);
    }
  }

  // Draws the last look once more and leaves it there.
  void Stop() {
    if (!thread_.joinable()) return;
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      stop_.Signal();
    }
    thread_.join();
  }

 private:
  void Draw() {
    const Console::Options& console = session_.console.options();
    const TreeOptions tree{
        .colors = console.talk_colors,
        .width = static_cast<size_t>(std::max(console.width - 1, 20)),
        .line_count_max = static_cast<size_t>(std::max(console.height - 1, 4)),
    };
    LiveLines lines;
    for (bool last = false; !last;) {
      std::optional<ExecutionView> view;
      {
        MutexLock lock(&mutex_);
        if (!stopping_) stop_.WaitWithTimeout(&mutex_, kFrame);
        last = stopping_;
        view = view_;
      }
      if (view) session_.console.Draw(lines.Redraw(TreeLines(*view, session_.clock.Now(), tree)));
    }
  }

  const Session& session_;
  const bool show_;
  ChangeTeller teller_;
  Mutex mutex_;
  CondVar stop_;
  std::optional<ExecutionView> view_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

class Follower {
 public:
  Follower(const Server& server, const std::string& execution_id, const Session& session,
           const FollowOptions& options)
      : server_(server),
        id_(execution_id),
        clock_(session.clock),
        options_(options),
        deadline_(session.clock.Now() + options.timeout),
        display_(session, options.show) {}

  absl::StatusOr<Followed> ToEnd() {
    absl::Time reached = clock_.Now();
    absl::Duration backoff = absl::Milliseconds(100);
    while (true) {
      // Reading first makes every new connection begin with the truth.
      absl::StatusOr<Followed> look = LookAt(server_, id_);
      if (look.ok()) {
        reached = clock_.Now();
        backoff = absl::Milliseconds(100);
        display_.Show(look->view);
        if (IsEnd(look->view.state)) {
          display_.Stop();
          return look;
        }
        const absl::Status status = Stream();
        if (!status.ok() && status.code() != absl::StatusCode::kUnavailable &&
            status.code() != absl::StatusCode::kDeadlineExceeded &&
            status.code() != absl::StatusCode::kUnknown) {
          return status;
        }
        if (ended_) continue;
      } else if (look.status().code() != absl::StatusCode::kUnavailable &&
                 look.status().code() != absl::StatusCode::kDeadlineExceeded) {
        return look.status();
      } else if (clock_.Now() - reached > options_.patience) {
        return look.status();
      }
      if (clock_.Now() >= deadline_) {
        return absl::DeadlineExceededError(
            absl::StrCat("execution ", id_, " had not ended in time; it goes on"));
      }
      std::this_thread::sleep_for(
          absl::ToChronoMilliseconds(std::min(backoff, deadline_ - clock_.Now())));
      backoff = std::min(backoff * 2, kBackoffMax);
    }
  }

 private:
  absl::Status Stream() {
    HttpRequest request;
    request.target = server_.Api(absl::StrCat("/executions/", UrlEscape(id_), "/follow"));
    request.headers = server_.credential.Headers();
    request.headers.emplace_back("Accept", "text/event-stream");
    HttpClient::Options limits;
    limits.idle_timeout = std::clamp(deadline_ - clock_.Now(), absl::Milliseconds(10), kSilence);
    const HttpClient http(server_.http->server(), limits);
    SseParser parser;
    absl::Status unreadable;
    ORCH_ASSIGN_OR_RETURN(const HttpResponse response,
                          http.Stream(request, [&](std::string_view piece) {
                            for (SseEvent& event : parser.Feed(piece)) {
                              if (event.data.empty()) continue;
                              absl::StatusOr<Followed> look = Read(std::move(event.data));
                              if (!look.ok()) {
                                unreadable = UnreadableAnswer("an event of the execution");
                                return false;
                              }
                              display_.Show(look->view);
                              ended_ = IsEnd(look->view.state);
                              if (ended_ || event.id == "end" || event.name == "end") return false;
                            }
                            return clock_.Now() < deadline_;
                          }));
    ORCH_RETURN_IF_ERROR(unreadable);
    if (response.status < 200 || response.status > 299) {
      return ServerError(response.status, response.body, response.Header("x-request-id"));
    }
    return absl::OkStatus();
  }

  const Server& server_;
  const std::string id_;
  Clock& clock_;
  const FollowOptions& options_;
  const absl::Time deadline_;
  Display display_;
  bool ended_ = false;
};

void Detach(int) {
  constexpr char kText[] = "\norch: detached; the execution goes on\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
  _exit(kInterrupted);
}

}  // namespace

absl::StatusOr<Followed> LookAt(const Server& server, const std::string& execution_id) {
  HttpRequest request;
  request.target = server.Api("/executions/" + UrlEscape(execution_id));
  request.headers = server.credential.Headers();
  ORCH_ASSIGN_OR_RETURN(HttpResponse response, server.http->Send(request));
  if (response.status < 200 || response.status > 299) {
    return ServerError(response.status, response.body, response.Header("x-request-id"));
  }
  absl::StatusOr<Followed> look = Read(std::move(response.body));
  if (!look.ok()) return UnreadableAnswer("an execution");
  return look;
}

absl::StatusOr<Followed> FollowToEnd(const Server& server, const std::string& execution_id,
                                     const Session& session, const FollowOptions& options) {
  return Follower(server, execution_id, session, options).ToEnd();
}

void DetachOnInterrupt() { std::signal(SIGINT, Detach); }

}  // namespace orch::cli
