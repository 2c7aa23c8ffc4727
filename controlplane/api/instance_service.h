#pragma once

#include <functional>
#include <string>

#include "controlplane/api/operations.h"
#include "orch/v1/instance_service.pb.h"

namespace orch::api {

// InstanceService tells what this server is.
//
// Threads     Thread-safe.
class InstanceService {
 public:
  struct Options {
    std::string uuid;  // Of this installation.
    std::string version;
    std::string commit_id;
    std::string store;  // As Store::Describe says it, without a path.
    std::string environment_name;
    std::string environment_color;
    bool basic_auth = false;
    int64_t upload_bytes_max = 0;
    // The sessions that workers hold now; on the pool.
    std::function<v1::WorkerList()> workers;
  };
  explicit InstanceService(Options options) : options_(std::move(options)) {}

  // Adds its handlers; it must outlive the table.
  void Register(Operations* operations);

 private:
  const Options options_;
};

}  // namespace orch::api
