// The errors that cli/client/ itself gives birth to. Each carries the exit code it asks for.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace orch::cli {

// kInvalidArgument, exit 2: `url` is no address of a server.
absl::Status NotAnAddress(std::string_view url);

// kUnavailable, exit 8: nobody answers at `server`. Says how to start or name one.
absl::Status Unreachable(std::string_view server, std::string_view reason);

// kUnavailable, exit 8: the connection ended in the middle.
absl::Status ConnectionBroke(std::string_view server, std::string_view reason);

// kDeadlineExceeded, exit 7: nothing came for too long.
absl::Status Silent(std::string_view server, absl::Duration idle_timeout);

// kInvalidArgument, exit 2: what should be uploaded is a folder or a device.
absl::Status NotAFile(std::string_view path);

// kResourceExhausted: the answer is larger than this client holds.
absl::Status AnswerTooLarge(size_t bytes_max);

// What a server's answer of another status than 2xx means. Its message, the path it is about and
// the id of the request stand in the text.
absl::Status ServerError(int http_status, std::string_view body, std::string_view request_id);

// kInternal: a 2xx answer that cannot be read; server and client are of different releases.
absl::Status UnreadableAnswer(std::string_view what);

}  // namespace orch::cli
