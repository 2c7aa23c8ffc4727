// Channel holds the connection to a control plane; header without gRPC, so that few files pay for
// it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace orch::worker {

struct ChannelOptions {
  std::string server;  // HOST:PORT, or unix:/PATH
  // PEM files; all empty: no TLS.
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
};

class Channel {
 public:
  // Does not connect yet.
  //   kInvalidArgument    the address cannot be one, or a certificate without its key.
  //   kNotFound, …        a PEM file cannot be read.
  static absl::StatusOr<std::shared_ptr<Channel>> Make(const ChannelOptions& options);
  virtual ~Channel() = default;
};

}  // namespace orch::worker
