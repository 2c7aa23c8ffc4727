#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "worker/link/channel.h"

namespace orch::worker {

class GrpcChannel final : public Channel {
 public:
  explicit GrpcChannel(std::shared_ptr<grpc::Channel> channel) : channel(std::move(channel)) {}
  const std::shared_ptr<grpc::Channel> channel;
};

inline std::shared_ptr<grpc::Channel> GrpcOf(const std::shared_ptr<Channel>& channel) {
  return static_cast<GrpcChannel&>(*channel).channel;
}

absl::Status ToStatus(const grpc::Status& status);

}  // namespace orch::worker
