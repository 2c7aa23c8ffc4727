#include "worker/link/file_client.h"

#include <errno.h>
#include <fcntl.h>
#include <grpcpp/client_context.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/errors.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "orch/v1/worker.grpc.pb.h"
#include "worker/link/channel_internal.h"
#include "worker/link/errors.h"

namespace orch::worker {
namespace {

constexpr size_t kChunkBytes = 256 << 10;
constexpr absl::Duration kRetryMin = absl::Milliseconds(200);
constexpr absl::Duration kRetryMax = absl::Seconds(5);

}  // namespace

struct FileClient::State {
  State(Options options, std::shared_ptr<Channel> channel)
      : options(options),
        channel(std::move(channel)),
        stub(v1::FileService::NewStub(GrpcOf(this->channel))) {}

  // Calls `once` until it gives something else than kUnavailable, or patience ends.
  absl::Status Persist(const std::function<absl::Status(grpc::ClientContext&)>& once) {
    const absl::Duration start = clock.Boottime();
    absl::Duration delay = kRetryMin;
    while (true) {
      absl::Status status;
      {
        grpc::ClientContext context;
        context.set_deadline(absl::ToChronoTime(clock.Now() + options.transfer_timeout));
        {
          MutexLock lock(&mutex);
          if (stopped) return TransferStopped();
          contexts.insert(&context);
        }
        status = once(context);
        MutexLock lock(&mutex);
        contexts.erase(&context);
      }
      if (!absl::IsUnavailable(status) || clock.Boottime() - start > options.patience)
        return status;
      MutexLock lock(&mutex);
      const absl::Duration until = clock.Boottime() + delay;
      while (!stopped && clock.Boottime() < until) {
        changed.WaitWithTimeout(&mutex, until - clock.Boottime());
      }
      delay = std::min(delay * 2, kRetryMax);
    }
  }

  absl::Status UploadOnce(grpc::ClientContext& context, const v1::LeaseToken& token,
                          const std::string& path, const std::string& name, std::string* uri) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return ErrnoError(errno, "open " + path);
    v1::UploadAnswer answer;
    const auto writer = stub->Upload(&context, &answer);
    v1::UploadMessage message;
    *message.mutable_header()->mutable_token() = token;
    message.mutable_header()->set_name(name);
    bool open = writer->Write(message);
    std::string chunk(kChunkBytes, '\0');
    absl::Status read_error;
    while (open) {
      const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {  // Half a file must not become visible.
        read_error = ErrnoError(errno, "read " + path);
        context.TryCancel();
        break;
      }
      if (n == 0) break;
      message.set_chunk(chunk.data(), static_cast<size_t>(n));
      open = writer->Write(message);
    }
    if (open && read_error.ok()) writer->WritesDone();
    const grpc::Status status = writer->Finish();
    ORCH_RETURN_IF_ERROR(read_error);
    if (!status.ok()) return ToStatus(status);
    *uri = answer.uri();
    return absl::OkStatus();
  }

  absl::Status DownloadOnce(grpc::ClientContext& context, const v1::LeaseToken& token,
                            const std::string& uri, int fd, int64_t* offset) {
    v1::DownloadRequest request;
    *request.mutable_token() = token;
    request.set_uri(uri);
    request.set_offset(*offset);
    const auto reader = stub->Download(&context, request);
    v1::FileChunk chunk;
    while (reader->Read(&chunk)) {
      std::string_view data = chunk.data();
      while (!data.empty()) {
        const ssize_t n = ::pwrite(fd, data.data(), data.size(), *offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
          const int error = n == 0 ? ENOSPC : errno;
          context.TryCancel();
          reader->Finish();
          return ErrnoError(error, "write what was downloaded");
        }
        data.remove_prefix(static_cast<size_t>(n));
        *offset += n;
      }
    }
    return ToStatus(reader->Finish());
  }

  const Options options;
  const std::shared_ptr<Channel> channel;
  const std::unique_ptr<v1::FileService::Stub> stub;
  RealClock clock;
  Mutex mutex;
  CondVar changed;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  std::set<grpc::ClientContext*> contexts ABSL_GUARDED_BY(mutex);
};

FileClient::FileClient(Options options, std::shared_ptr<Channel> channel)
    : state_(std::make_unique<State>(options, std::move(channel))) {}

FileClient::~FileClient() = default;

absl::StatusOr<std::string> FileClient::Upload(const v1::LeaseToken& token, const std::string& path,
                                               const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) return NotAFileName(name);
  std::string uri;
  ORCH_RETURN_IF_ERROR(state_->Persist([&](grpc::ClientContext& context) {
    return state_->UploadOnce(context, token, path, name, &uri);
  }));
  return uri;
}

absl::Status FileClient::Download(const v1::LeaseToken& token, const std::string& uri,
                                  const std::string& path) {
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return ErrnoError(errno, "create " + path);
  int64_t offset = 0;
  return state_->Persist([&](grpc::ClientContext& context) {
    return state_->DownloadOnce(context, token, uri, fd.get(), &offset);
  });
}

void FileClient::Stop() {
  MutexLock lock(&state_->mutex);
  state_->stopped = true;
  for (grpc::ClientContext* context : state_->contexts) context->TryCancel();
  state_->changed.SignalAll();
}

}  // namespace orch::worker
