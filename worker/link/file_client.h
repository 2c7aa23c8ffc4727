// FileClient is the runner's Files over gRPC streams, in chunks of 256 KiB.
//
// While the control plane cannot be reached it tries again, for `patience`: a finished script's
// files should not be lost to a line that is cut for a while.
//
// Threads     Thread-safe; all calls block.
// Memory      A chunk per call.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "worker/link/channel.h"
#include "worker/session/files.h"

namespace orch::worker {

class FileClient final : public Files {
 public:
  struct Options {
    absl::Duration patience = absl::Minutes(10);
    absl::Duration transfer_timeout = absl::Hours(1);
  };
  FileClient(Options options, std::shared_ptr<Channel> channel);
  ~FileClient() override;

  absl::StatusOr<std::string> Upload(const v1::LeaseToken& token, const std::string& path,
                                     const std::string& name) override;
  absl::Status Download(const v1::LeaseToken& token, const std::string& uri,
                        const std::string& path) override;

  // Ends all calls, those to come as well: kCancelled.
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orch::worker
