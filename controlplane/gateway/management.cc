#include "controlplane/gateway/management.h"

#include <prometheus/text_serializer.h>

#include <utility>

#include "controlplane/api/json/json_text.h"
#include "controlplane/gateway/answers.h"
#include "controlplane/gateway/errors.h"

namespace orch::gateway {
namespace {

using Make = std::function<HttpAnswer()>;

class PoolExchange final : public HttpExchange {
 public:
  PoolExchange(Make make, ThreadPool* pool) : make_(std::move(make)), pool_(pool) {}
  bool wants_body() const override { return false; }
  absl::Status TakeBody(std::string_view) override { return absl::OkStatus(); }
  void Finish(std::function<void(HttpAnswer)> respond) override {
    const absl::Status queued = pool_->Run([make = make_, respond] { respond(make()); });
    if (!queued.ok()) respond(ErrorAnswer(absl::UnavailableError("the server is busy"), "", ""));
  }

 private:
  const Make make_;
  ThreadPool* pool_;
};

HttpAnswer StateAnswer(const absl::Status& status) {
  HttpAnswer answer;
  answer.content_type = "application/json";
  if (status.ok()) {
    answer.text = R"({"status":"UP"})";
    return answer;
  }
  answer.status = 503;
  answer.text =
      R"({"status":"DOWN","reason":)" + api::json::Quoted(std::string(status.message())) + "}";
  return answer;
}

}  // namespace

class Management::Handler final : public HttpHandler {
 public:
  Handler(Probes p, prometheus::Registry* r, ThreadPool* t)
      : probes(std::move(p)), registry(r), pool(t) {}

  std::unique_ptr<HttpExchange> Begin(HttpHead head) override {
    const std::string path = head.target.substr(0, head.target.find('?'));
    const bool reads = head.method == "GET" || head.method == "HEAD";
    Make make;
    if (path == "/health" || path == "/health/liveness" || path == "/live") {
      make = [probe = probes.health] { return StateAnswer(probe()); };
    } else if (path == "/ready" || path == "/health/readiness") {
      make = [probe = probes.ready] { return StateAnswer(probe()); };
    } else if (path == "/metrics" || path == "/prometheus") {
      make = [registry = registry] {
        HttpAnswer answer;
        answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
        answer.text = prometheus::TextSerializer().Serialize(registry->Collect());
        return answer;
      };
    } else {
      make = [path] { return ErrorAnswer(NoSuchRoute(path), path, ""); };
    }
    if (!reads)
      make = [m = head.method, path] { return ErrorAnswer(MethodNotAllowed(m), path, ""); };
    return std::make_unique<PoolExchange>(std::move(make), pool);
  }
  HttpAnswer Refuse(int status, std::string_view why) override {
    HttpAnswer answer;
    answer.status = status;
    answer.content_type = "text/plain";
    answer.text = std::string(why);
    return answer;
  }

  const Probes probes;
  prometheus::Registry* const registry;
  ThreadPool* const pool;
};

Management::Management(HttpServer::Options http, Probes probes, prometheus::Registry* registry,
                       ThreadPool* pool)
    : handler_(std::make_unique<Handler>(std::move(probes), registry, pool)),
      server_(std::make_unique<HttpServer>(std::move(http), handler_.get(), pool)) {}

Management::~Management() { Stop(); }

absl::StatusOr<int> Management::Start() { return server_->Start(); }

void Management::Stop() { server_->Stop(); }

}  // namespace orch::gateway
