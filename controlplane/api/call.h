// A Call is one request as its handler sees it, beside the message.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/storage/byte_source.h"

namespace orch::api {

// Who asks.
struct Principal {
  std::string name;  // "local" where no credential is configured.
};

// A part of a form that came with a file name. Its bytes are held elsewhere until the call is over.
struct FormFile {
  std::string name;  // Of the part: the input's id.
  std::string file_name;
  std::string content_type;
  int64_t size = 0;
  // Begins to read it; may be called again.
  std::function<absl::StatusOr<std::unique_ptr<storage::ByteSource>>()> open;
};

struct Call {
  Principal principal;
  std::string request_id;
  std::string base_url;     // "http://host:port", as the caller named us; may be empty.
  std::string body_digest;  // sha256 of the request as it came; with an idempotency key.
  std::vector<FormFile> files;
  std::vector<std::string> warnings;  // Filled by the handler: told in a header of the answer.
};

}  // namespace orch::api
