#include "controlplane/gateway/gateway.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "controlplane/api/declarations.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/codec.h"
#include "controlplane/gateway/answers.h"
#include "controlplane/gateway/bind.h"
#include "controlplane/gateway/errors.h"
#include "controlplane/gateway/openapi.h"
#include "controlplane/gateway/origin.h"
#include "controlplane/gateway/router.h"
#include "controlplane/gateway/sse_stream.h"
#include "controlplane/gateway/target.h"

namespace orch::gateway {
namespace {

namespace pb = ::google::protobuf;

constexpr char kProtobuf[] = "application/x-protobuf";
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'";

using Respond = std::function<void(HttpAnswer)>;

// The field of that name as text, "" when the request has none.
std::string TextField(const pb::Message& message, const std::string& name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING) {
    return "";
  }
  return message.GetReflection()->GetString(message, field);
}

// `attachment; filename="a.csv"; filename*=UTF-8''a.csv`
std::string Disposition(const std::string& file_name) {
  std::string plain, encoded;
  for (const char c : file_name) {
    const bool safe =
        std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
    plain.push_back(safe || c == ' ' ? c : '_');
    encoded += safe ? std::string(1, c) : absl::StrFormat("%%%02X", static_cast<unsigned char>(c));
  }
  return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + encoded;
}

}  // namespace

class Gateway::Handler final : public HttpHandler {
 public:
  Handler(Options o, const api::Operations* ops, const api::Access* a, ThreadPool* p, Clock* c,
          Random* r)
      : options(std::move(o)),
        operations(ops),
        access(a),
        pool(p),
        clock(c),
        random(r),
        router(api::ServedServices()),
        openapi(OpenApiOf(router)) {}

  std::unique_ptr<HttpExchange> Begin(HttpHead head) override;
  HttpAnswer Refuse(int status, std::string_view why) override {
    const std::string id = NewTimeId(*clock, *random);
    absl::Status error = absl::InvalidArgumentError(absl::string_view(why.data(), why.size()));
    if (status == 503) error = absl::UnavailableError(error.message());
    HttpAnswer answer = ErrorAnswer(api::WithHttpStatus(std::move(error), status), "", id);
    AddCommonHeaders(id, {}, &answer);
    return answer;
  }

  const Options options;
  const api::Operations* const operations;
  const api::Access* const access;
  ThreadPool* const pool;
  Clock* const clock;
  Random* const random;
  const Router router;
  const std::string openapi;
};

namespace {

// An answer that is known from the head alone.
class Known final : public HttpExchange {
 public:
  explicit Known(HttpAnswer answer) : answer_(std::move(answer)) {}
  bool wants_body() const override { return false; }
  absl::Status TakeBody(std::string_view) override { return absl::OkStatus(); }
  void Finish(Respond respond) override { respond(std::move(answer_)); }

 private:
  HttpAnswer answer_;
};

// Gathers the bytes of a message that comes by /rpc.
class RpcBody final : public Body {
 public:
  explicit RpcBody(int64_t bytes_max) : bytes_max_(bytes_max) {}
  absl::Status Take(std::string_view piece) override {
    if (static_cast<int64_t>(bytes_.size() + piece.size()) > bytes_max_) {
      return BodyTooLarge(bytes_max_);
    }
    bytes_.append(piece);
    return absl::OkStatus();
  }
  absl::Status Finish(pb::Message*, api::Call*) override { return absl::OkStatus(); }
  const std::string& bytes() const { return bytes_; }

 private:
  const int64_t bytes_max_;
  std::string bytes_;
};

// A call of one operation. What outlives the exchange (its connection may be gone before the
// handler is done) is shared.
class OperationExchange final : public HttpExchange {
 public:
  struct Work {
    const api::Operation* operation = nullptr;
    v1::Rest rest;
    bool rpc = false;
    std::string path;
    std::unique_ptr<pb::Message> request;
    api::Call call;
    Respond respond;
  };

  OperationExchange(std::shared_ptr<Work> work, std::unique_ptr<Body> body,
                    const api::json::JsonBudget& json, const api::Access* access, ThreadPool* pool)
      : work_(std::move(work)), body_(std::move(body)), json_(json), access_(access), pool_(pool) {}

  bool wants_body() const override { return body_ != nullptr; }
  absl::Status TakeBody(std::string_view piece) override {
    failure_ = body_->Take(piece);
    return failure_;
  }

  void Finish(Respond respond) override {
    work_->respond = std::move(respond);
    if (const absl::Status status = Complete(); !status.ok()) return Fail(*work_, status);
    if (work_->operation->events) return RunEvents();
    const absl::Status queued = pool_->Run([work = work_] {
      if (!work->operation->async) return RunBlocking(*work);
      work->operation->async(*work->request, std::shared_ptr<api::Call>(work, &work->call),
                             [work](absl::StatusOr<api::Operation::MessagePtr> result) {
                               AnswerResult(*work, result);
                             });
    });
    if (!queued.ok()) Fail(*work_, absl::UnavailableError("the server is busy: try again"));
  }

 private:
  absl::Status Complete() {
    ORCH_RETURN_IF_ERROR(failure_);
    if (body_ == nullptr) return absl::OkStatus();
    ORCH_RETURN_IF_ERROR(body_->Finish(work_->request.get(), &work_->call));
    if (!work_->rpc) return absl::OkStatus();
    // The message came as bytes in a field of its own; only now is it known what it is about.
    const std::string bytes = static_cast<RpcBody&>(*body_).bytes();
    if (!work_->request->ParseFromString(bytes)) {
      return absl::InvalidArgumentError("the body is no such message");
    }
    const auto* tenant = work_->request->GetDescriptor()->FindFieldByName("tenant");
    if (tenant != nullptr && TextField(*work_->request, "tenant").empty()) {
      work_->request->GetReflection()->SetString(work_->request.get(), tenant, "main");
    }
    ORCH_RETURN_IF_ERROR(CheckJsonFields(*work_->request, json_));
    return access_->Check(work_->call.principal, api::PermissionOf(*work_->operation->method),
                          tenant == nullptr ? "main" : TextField(*work_->request, "tenant"),
                          TextField(*work_->request, "namespace"));
  }

  static void Answer(Work& work, HttpAnswer answer) {
    AddCommonHeaders(work.call.request_id, work.call.warnings, &answer);
    std::exchange(work.respond, nullptr)(std::move(answer));
  }

  static void Fail(Work& work, const absl::Status& status) {
    HttpAnswer answer = ErrorAnswer(status, work.path, work.call.request_id);
    if (answer.status == 500) {
      Log(LogLevel::kError, "a call failed",
          {{"rpc", api::NameOf(*work.operation->method)},
           {"request", work.call.request_id},
           {"error", status.ToString()}});
    }
    if (work.rpc) {
      answer.headers.emplace_back("Grpc-Status", std::to_string(static_cast<int>(status.code())));
      answer.headers.emplace_back(
          "Grpc-Message",
          HeaderText(answer.status == 500 ? "internal" : std::string(status.message())));
    }
    Answer(work, std::move(answer));
  }

  static void RunBlocking(Work& work) {
    if (work.operation->bytes) {
      auto bytes = work.operation->bytes(*work.request, work.call);
      if (!bytes.ok()) return Fail(work, bytes.status());
      HttpAnswer answer;
      answer.content_type = bytes->content_type;
      answer.source = std::move(bytes->source);
      answer.source_size = bytes->size;
      if (!bytes->file_name.empty()) {
        answer.headers.emplace_back("Content-Disposition", Disposition(bytes->file_name));
      }
      // Whatever a user's file claims to be, it is no page of ours.
      answer.headers.emplace_back("Content-Security-Policy", "sandbox; default-src 'none'");
      return Answer(work, std::move(answer));
    }
    AnswerResult(work, work.operation->unary(*work.request, work.call));
  }

  static void AnswerResult(Work& work, const absl::StatusOr<api::Operation::MessagePtr>& result) {
    if (!result.ok()) return Fail(work, result.status());
    HttpAnswer answer;
    if (work.rpc) {
      answer.content_type = kProtobuf;
      answer.headers.emplace_back("Grpc-Status", "0");
      (*result)->SerializeToString(&answer.text);
      return Answer(work, std::move(answer));
    }
    answer.status = work.rest.status() == 0 ? 200 : work.rest.status();
    if (work.rest.result() != v1::Rest::RESULT_NONE) {
      answer.content_type = "application/json";
      if (work.rest.result_field().empty()) {
        api::json::Encode(**result, &answer.text);
      } else {
        api::json::EncodeField(
            **result, *(*result)->GetDescriptor()->FindFieldByName(work.rest.result_field()),
            &answer.text);
      }
    }
    const auto* estimated = (*result)->GetDescriptor()->FindFieldByName("total_estimated");
    if (estimated != nullptr && (*result)->GetReflection()->GetBool(**result, estimated)) {
      answer.headers.emplace_back("X-Total-Estimated", "true");
    }
    Answer(work, std::move(answer));
  }

  void RunEvents() {
    auto stream = std::make_shared<SseStream>(
        work_->rest.result_field(),
        [work = work_](const absl::Status& status, std::shared_ptr<EventQueue> queue) {
          if (!status.ok()) return Fail(*work, status);
          HttpAnswer answer;
          answer.content_type = "text/event-stream";
          answer.headers.emplace_back("X-Accel-Buffering", "no");
          answer.events = std::move(queue);
          Answer(*work, std::move(answer));
        });
    work_->operation->events(*work_->request, work_->call, std::move(stream));
  }

 private:
  std::shared_ptr<Work> work_;
  std::unique_ptr<Body> body_;
  const api::json::JsonBudget json_;
  const api::Access* access_;
  ThreadPool* pool_;
  absl::Status failure_;
};

}  // namespace

std::unique_ptr<HttpExchange> Gateway::Handler::Begin(HttpHead head) {
  const std::string id = NewTimeId(*clock, *random);
  const std::string path = head.target.substr(0, head.target.find('?'));
  const auto known = [&](HttpAnswer answer) {
    AddCommonHeaders(id, {}, &answer);
    return std::make_unique<Known>(std::move(answer));
  };
  const auto refuse = [&](const absl::Status& status) {
    return known(ErrorAnswer(status, path, id));
  };
  const bool guards = !access->NeedsCredentials();
  if (guards) {
    if (const auto s = CheckLocal(head.headers, Guarded::kNo); !s.ok()) return refuse(s);
  }
  const auto target = ParseTarget(head.target);
  if (!target.ok()) return refuse(target.status());
  const std::vector<std::string>& segments = target->segments;
  // HEAD is GET without the body, which the server leaves out.
  const std::string method = head.method == "HEAD" ? "GET" : head.method;

  auto work = std::make_shared<OperationExchange::Work>();
  work->path = path;
  work->call.request_id = id;
  work->call.base_url = "http://" + std::string(FindHeader(head.headers, "host"));
  Match match;
  work->rpc = segments.size() == 3 && segments[0] == "rpc";
  if (work->rpc) {
    std::string service = segments[1];
    if (service.rfind("orch.v1.", 0) == 0) service = service.substr(8);
    work->operation = operations->Find(service + "." + segments[2]);
    if (work->operation == nullptr) return refuse(NoSuchRoute(path));
    match.methods.insert("POST");
  } else {
    match = router.Find(method, segments);
    if (match.route != nullptr) {
      work->operation = operations->Find(api::NameOf(*match.route->method));
      work->rest = match.route->rest;
    }
  }
  if (match.methods.empty()) {
    HttpAnswer answer;
    answer.content_type = "application/json";
    const bool reads = method == "GET";
    if (reads && path == "/ping") {
      answer.content_type = "text/plain";
      answer.text = "pong";
      return known(std::move(answer));
    }
    if (reads && path == "/api/v1/openapi.json") {
      answer.text = openapi;
      return known(std::move(answer));
    }
    std::optional<Asset> asset;
    if (reads && options.assets && (segments.empty() || segments[0] != "api")) {
      asset = options.assets(path);
    }
    if (!asset) return refuse(NoSuchRoute(path));
    answer.content_type = asset->content_type;
    answer.text = std::string(asset->bytes);
    if (asset->gzipped) answer.headers.emplace_back("Content-Encoding", "gzip");
    answer.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
    answer.headers.emplace_back("X-Content-Type-Options", "nosniff");
    answer.headers.emplace_back("Referrer-Policy", "no-referrer");
    answer.headers.emplace_back(
        "Cache-Control", asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    return std::make_unique<Known>(std::move(answer));
  }
  if (match.methods.count("GET") > 0) match.methods.insert("HEAD");
  match.methods.insert("OPTIONS");
  if (method == "OPTIONS") {
    HttpAnswer answer;
    answer.status = 204;
    answer.headers.emplace_back("Allow", absl::StrJoin(match.methods, ", "));
    return known(std::move(answer));
  }
  if ((work->rpc && method != "POST") || (!work->rpc && match.route == nullptr)) {
    HttpAnswer answer = ErrorAnswer(MethodNotAllowed(head.method), path, id);
    answer.headers.emplace_back("Allow", absl::StrJoin(match.methods, ", "));
    return known(std::move(answer));
  }
  if (work->operation == nullptr) return refuse(absl::InternalError("an RPC has no handler"));
  const pb::MethodDescriptor& rpc = *work->operation->method;
  if (guards) {
    const bool guarded = method != "GET" || api::Changes(rpc) || rpc.server_streaming();
    const auto s = CheckLocal(head.headers, guarded ? Guarded::kYes : Guarded::kNo);
    if (!s.ok()) return refuse(s);
  }
  auto principal = access->Authenticate(
      {.authorization = std::string(FindHeader(head.headers, "authorization"))});
  if (!principal.ok()) return refuse(principal.status());
  work->call.principal = *std::move(principal);
  work->request = work->operation->new_request();

  std::unique_ptr<Body> body;
  if (work->rpc) {
    if (rpc.server_streaming()) return refuse(NoStreamsHere(api::NameOf(rpc)));
    const std::string type(FindHeader(head.headers, "content-type"));
    if (type != kProtobuf && type != "application/protobuf") {
      return refuse(WrongMediaType(type, kProtobuf));
    }
    if (head.content_length > options.body.text_bytes_max) {
      return refuse(BodyTooLarge(options.body.text_bytes_max));
    }
    body = std::make_unique<RpcBody>(options.body.text_bytes_max);
  } else {
    const absl::Status bound =
        Bind(match, *target, head.headers, work->request.get(), &work->call.warnings);
    // Who may not ask is not told what is wrong with the question: the path's fields are bound
    // first.
    const absl::Status allowed =
        access->Check(work->call.principal, api::PermissionOf(rpc),
                      rpc.input_type()->FindFieldByName("tenant") == nullptr
                          ? "main"
                          : TextField(*work->request, "tenant"),
                      TextField(*work->request, "namespace"));
    if (!allowed.ok()) return refuse(allowed);
    if (!bound.ok()) return refuse(bound);
    if (work->rest.body() != v1::Rest::BODY_NONE) {
      auto made = Body::For(work->rest, head, options.body);
      if (!made.ok()) return refuse(made.status());
      body = *std::move(made);
    }
  }
  return std::make_unique<OperationExchange>(std::move(work), std::move(body), options.body.json,
                                             access, pool);
}

Gateway::Gateway(Options options, const api::Operations* operations, const api::Access* access,
                 ThreadPool* pool, Clock* clock, Random* random) {
  const HttpServer::Options http = options.http;
  handler_ = std::make_unique<Handler>(std::move(options), operations, access, pool, clock, random);
  server_ = std::make_unique<HttpServer>(http, handler_.get(), pool);
}

Gateway::~Gateway() { Stop(); }

absl::StatusOr<int> Gateway::Start() { return server_->Start(); }

void Gateway::Stop() { server_->Stop(); }

}  // namespace orch::gateway
