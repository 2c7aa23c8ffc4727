#include "tests/load/ping_pong.h"

#include <grpcpp/grpcpp.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "orch/v1/worker.grpc.pb.h"

namespace orch::load {
namespace {

using Steady = std::chrono::steady_clock;

int64_t MicrosSince(Steady::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count();
}

// Acks each message, one at a time.
class Echo final : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ControlMessage> {
 public:
  Echo() { StartRead(&in_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    out_.Clear();
    for (const v1::Result& result : in_.results().results()) {
      v1::Ack* ack = out_.mutable_acks()->add_acks();
      *ack->mutable_token() = result.token();
      ack->set_word(v1::Ack::ACCEPTED);
    }
    StartWrite(&out_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) StartRead(&in_);
  }
  void OnDone() override { delete this; }

 private:
  v1::WorkerMessage in_;
  v1::ControlMessage out_;
};

class Service final : public v1::WorkerService::CallbackService {
  grpc::ServerBidiReactor<v1::WorkerMessage, v1::ControlMessage>* Session(
      grpc::CallbackServerContext*) override {
    return new Echo;
  }
};

}  // namespace

absl::StatusOr<std::vector<int64_t>> PingPongMicros(int count) {
  Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("no gRPC server can be started");
  const auto stub = v1::WorkerService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->Session(&context);

  v1::WorkerMessage message;
  v1::Result* result = message.mutable_results()->add_results();
  result->mutable_token()->set_attempt("01k0000000000000000000000-0/1");
  result->mutable_outputs()->set_utf8(R"({"value":1,"at":1700000000000000})");
  v1::ControlMessage answer;
  std::vector<int64_t> micros;
  const int warm = count / 10;
  for (int i = 0; i < warm + count; ++i) {
    const Steady::time_point start = Steady::now();
    if (!stream->Write(message) || !stream->Read(&answer)) break;
    if (i >= warm) micros.push_back(MicrosSince(start));
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  server->Shutdown();
  if (!status.ok() || static_cast<int>(micros.size()) != count) {
    return absl::UnavailableError(absl::StrCat("the stream broke: ", status.error_message()));
  }
  return micros;
}

absl::StatusOr<std::vector<int64_t>> SpawnMicros(int count) {
  std::vector<int64_t> micros;
  for (int i = 0; i < count; ++i) {
    char path[] = "/bin/true";
    char* arguments[] = {path, nullptr};
    char* environment[] = {nullptr};
    const Steady::time_point start = Steady::now();
    pid_t child = 0;
    if (const int error = ::posix_spawn(&child, path, nullptr, nullptr, arguments, environment);
        error != 0) {
      return absl::UnavailableError(absl::StrCat("posix_spawn of /bin/true: error ", error));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    micros.push_back(MicrosSince(start));
    if (status != 0) return absl::UnavailableError("/bin/true failed");
  }
  return micros;
}

}  // namespace orch::load
