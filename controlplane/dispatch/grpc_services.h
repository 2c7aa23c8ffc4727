// The gRPC side of worker sessions and their files: streams in, calls on the strand out.
//
// Threads     gRPC's own call the reactors; everything that touches dispatch is posted to its executor,
//             which must outlive the server. Reads of a stream wait until the message before was handled.
// Memory      Per stream: one message that is read, and what waits to be written.
#pragma once

#include <memory>

#include "base/executor.h"
#include "controlplane/dispatch/attempt_files.h"
#include "controlplane/dispatch/dispatch.h"
#include "orch/v1/worker.grpc.pb.h"

namespace orch::dispatch {

class WorkerServiceImpl final : public v1::WorkerService::CallbackService {
 public:
  WorkerServiceImpl(Dispatch& dispatch, Executor& executor)
      : dispatch_(dispatch), executor_(executor) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::ControlMessage>* Session(
      grpc::CallbackServerContext* context) override;

 private:
  Dispatch& dispatch_;
  Executor& executor_;
};

class FileServiceImpl final : public v1::FileService::CallbackService {
 public:
  struct Options {
    int64_t file_bytes_max = int64_t{10} << 30;
  };
  FileServiceImpl(Options options, Dispatch& dispatch, Executor& executor, AttemptFiles& files)
      : options_(options), dispatch_(dispatch), executor_(executor), files_(files) {}

  grpc::ServerReadReactor<v1::UploadMessage>* Upload(grpc::CallbackServerContext* context,
                                                     v1::UploadAnswer* answer) override;
  grpc::ServerWriteReactor<v1::FileChunk>* Download(grpc::CallbackServerContext* context,
                                                    const v1::DownloadRequest* request) override;

 private:
  const Options options_;
  Dispatch& dispatch_;
  Executor& executor_;
  AttemptFiles& files_;
};

}  // namespace orch::dispatch
