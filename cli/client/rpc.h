#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "cli/client/http.h"
#include "google/protobuf/message_lite.h"

namespace orch::cli {

// Who asks: goes with every request.
struct Credential {
  std::string token;  // "" where the server needs none.

  // The headers that carry it.
  std::vector<std::pair<std::string, std::string>> Headers() const;
};

// Rpc calls the methods of the API with their own messages, over the HTTP port.
class Rpc {
 public:
  Rpc(const HttpClient& http, Credential credential)
      : http_(http), credential_(std::move(credential)) {}

  // Calls `method`, as "FlowService/GetFlow". Errors are those of HttpClient::Send and ServerError.
  absl::Status Call(std::string_view method, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite* answer) const;

 private:
  const HttpClient& http_;
  Credential credential_;
};

}  // namespace orch::cli
