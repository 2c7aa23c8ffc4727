#include "worker/link/fake_control_plane.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <deque>
#include <utility>

#include "absl/time/time.h"
#include "orch/v1/worker.grpc.pb.h"

namespace orch::worker {

struct FakeControlPlane::Services final : v1::WorkerService::Service {
  using Stream = grpc::ServerReaderWriter<v1::ControlMessage, v1::WorkerMessage>;

  struct Files final : v1::FileService::Service {
    grpc::Status Upload(grpc::ServerContext* context, grpc::ServerReader<v1::UploadMessage>* reader,
                        v1::UploadAnswer* answer) override {
      v1::UploadMessage message;
      std::string name;
      std::string bytes;
      while (reader->Read(&message)) {
        if (message.has_header()) name = message.header().name();
        bytes += message.chunk();
        if (message.chunk().size() > 256 << 10) {
          return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "chunk too large");
        }
      }
      if (name == "refused") return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not yours");
      answer->set_uri("kestra:///up/" + name);
      answer->set_size(static_cast<int64_t>(bytes.size()));
      MutexLock lock(&mutex);
      stored[name] = bytes;
      stored[answer->uri()] = bytes;
      return grpc::Status::OK;
    }
    grpc::Status Download(grpc::ServerContext* context, const v1::DownloadRequest* request,
                          grpc::ServerWriter<v1::FileChunk>* writer) override {
      std::string bytes;
      {
        MutexLock lock(&mutex);
        const auto it = stored.find(request->uri());
        if (it == stored.end()) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such file");
        bytes = it->second;
      }
      for (size_t at = static_cast<size_t>(request->offset()); at < bytes.size(); at += 100'000) {
        v1::FileChunk chunk;
        chunk.set_data(bytes.substr(at, 100'000));
        if (!writer->Write(chunk)) break;
        // The line is cut once in the middle of this file.
        if (request->uri() == "kestra:///cut" && request->offset() == 0) {
          return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
        }
      }
      return grpc::Status::OK;
    }
    Mutex mutex;
    std::map<std::string, std::string> stored ABSL_GUARDED_BY(mutex);
  };

  grpc::Status Session(grpc::ServerContext* context, Stream* stream) override {
    {
      MutexLock lock(&mutex);
      newest = stream;
      newest_context = context;
    }
    v1::WorkerMessage message;
    while (stream->Read(&message)) {
      MutexLock lock(&mutex);
      if (message.has_hello() && plane->answer_hellos_) {
        v1::ControlMessage answer;
        answer.mutable_welcome()->set_session(message.hello().session());
        answer.mutable_welcome()->mutable_ttl()->set_micros(30'000'000);
        for (const v1::HeldLease& held : message.hello().held()) {
          v1::Verdict& verdict = *answer.mutable_welcome()->add_verdicts();
          *verdict.mutable_token() = held.token();
          verdict.set_word(v1::Verdict::CONTINUE);
        }
        stream->Write(answer);
      }
      heard.push_back(message);
      changed.SignalAll();
    }
    MutexLock lock(&mutex);
    if (newest == stream) newest = nullptr;
    return grpc::Status::OK;
  }

  FakeControlPlane* plane = nullptr;
  Files files;
  std::unique_ptr<grpc::Server> server;
  Mutex mutex;
  CondVar changed;
  std::deque<v1::WorkerMessage> heard ABSL_GUARDED_BY(mutex);
  Stream* newest ABSL_GUARDED_BY(mutex) = nullptr;
  grpc::ServerContext* newest_context ABSL_GUARDED_BY(mutex) = nullptr;
};

FakeControlPlane::FakeControlPlane(std::string socket) : socket_(std::move(socket)) { ComeUp(); }
FakeControlPlane::~FakeControlPlane() { GoDown(); }

void FakeControlPlane::ComeUp() {
  ::unlink(socket_.c_str());
  services_ = std::make_unique<Services>();
  services_->plane = this;
  services_->files.stored = files_;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
  builder.RegisterService(services_.get());
  builder.RegisterService(&services_->files);
  services_->server = builder.BuildAndStart();
}

void FakeControlPlane::GoDown() {
  if (services_ == nullptr) return;
  services_->server->Shutdown(absl::ToChronoTime(absl::UnixEpoch()));
  services_->server->Wait();
  files_ = services_->files.stored;
  services_.reset();
}

v1::WorkerMessage FakeControlPlane::WaitFor(
    const std::function<bool(const v1::WorkerMessage&)>& is) {
  MutexLock lock(&services_->mutex);
  for (int seconds = 0; seconds < 30;) {
    while (!services_->heard.empty()) {
      v1::WorkerMessage message = std::move(services_->heard.front());
      services_->heard.pop_front();
      if (is(message)) return message;
    }
    if (services_->changed.WaitWithTimeout(&services_->mutex, absl::Seconds(1))) ++seconds;
  }
  return v1::WorkerMessage();
}

void FakeControlPlane::Say(const v1::ControlMessage& message) {
  MutexLock lock(&services_->mutex);
  if (services_->newest != nullptr) services_->newest->Write(message);
}

void FakeControlPlane::Cut() {
  MutexLock lock(&services_->mutex);
  if (services_->newest != nullptr) services_->newest_context->TryCancel();
}

std::map<std::string, std::string> FakeControlPlane::files() {
  MutexLock lock(&services_->files.mutex);
  return services_->files.stored;
}

void FakeControlPlane::PutFile(const std::string& uri, const std::string& bytes) {
  MutexLock lock(&services_->files.mutex);
  services_->files.stored[uri] = bytes;
}

}  // namespace orch::worker
