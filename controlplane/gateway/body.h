// Body takes a request's body in, piece by piece, and puts it into the request's message.
//
// Threads     Not thread-safe.
// Memory      Texts in memory up to their limits; files go to the spool.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/call.h"
#include "controlplane/api/json/json_text.h"
#include "controlplane/gateway/http.h"
#include "orch/v1/options.pb.h"

namespace orch::gateway {

namespace v1 = ::orch::v1;

struct BodyLimits {
  int64_t text_bytes_max = 16 * 1024 * 1024;  // JSON, YAML, text, and the texts of a form.
  int64_t form_bytes_max = int64_t{10} * 1024 * 1024 * 1024;  // A form with its files.
  int form_part_count_max = 1'000;
  api::json::JsonBudget json;
  std::string spool_folder;  // For files of forms; on the disk that keeps them.
};

class Body {
 public:
  virtual ~Body() = default;
  //   413, 400, or what the disk says.
  virtual absl::Status Take(std::string_view piece) = 0;
  // The body is complete: into the message and the call (its files, its digest, what it held that
  // is unknown as warnings).
  virtual absl::Status Finish(google::protobuf::Message* request, api::Call* call) = 0;

  // The body that an address takes, for this head.
  //   415  another media type.   413  it says that it is too large.   400  a form without boundary.
  static absl::StatusOr<std::unique_ptr<Body>> For(const v1::Rest& rest, const HttpHead& head,
                                                   const BodyLimits& limits);
};

// Checks each Json in a message that came as protobuf: its bytes are passed on unread later.
//   kInvalidArgument, kResourceExhausted  naming the field.
absl::Status CheckJsonFields(const google::protobuf::Message& message,
                             const api::json::JsonBudget& budget);

}  // namespace orch::gateway
