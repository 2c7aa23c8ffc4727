#include "cli/client/errors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/exit_code.h"
#include "expression/json.h"

namespace orch::cli {
namespace {

absl::StatusCode CodeOfHttp(int status) {
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422: return absl::StatusCode::kInvalidArgument;
    case 401: return absl::StatusCode::kUnauthenticated;
    case 403: return absl::StatusCode::kPermissionDenied;
    case 404:
    case 410: return absl::StatusCode::kNotFound;
    case 409:
    case 412: return absl::StatusCode::kFailedPrecondition;
    case 408:
    case 504: return absl::StatusCode::kDeadlineExceeded;
    case 429: return absl::StatusCode::kResourceExhausted;
    case 502:
    case 503: return absl::StatusCode::kUnavailable;
    case 501: return absl::StatusCode::kUnimplemented;
    default: return absl::StatusCode::kUnknown;
  }
}

std::string TextAt(const expression::Value& map, std::string_view key) {
  const expression::Value* value = map.Find(key);
  return value != nullptr && value->is_string() ? value->AsString() : "";
}

}  // namespace

absl::Status NotAnAddress(std::string_view url) {
  return UsageError(
      absl::StrCat("'", std::string(url), "' is no address of a server; write http://HOST:PORT"));
}

absl::Status Unreachable(std::string_view server, std::string_view reason) {
  return WithExitCode(
      absl::UnavailableError(absl::StrCat(
          "no server answers at ", std::string(server), " (", std::string(reason),
          ")\n  start one with `orch dev`, or name another with --server URL or ORCH_SERVER")),
      kUnreachable);
}

absl::Status ConnectionBroke(std::string_view server, std::string_view reason) {
  return WithExitCode(absl::UnavailableError(absl::StrCat(
                          "the connection to ", std::string(server), " broke (",
                          std::string(reason), "); what was asked may or may not have happened")),
                      kUnreachable);
}

absl::Status Silent(std::string_view server, absl::Duration idle_timeout) {
  return absl::DeadlineExceededError(
      absl::StrCat(std::string(server), " was silent for ", absl::FormatDuration(idle_timeout)));
}

absl::Status NotAFile(std::string_view path) {
  return UsageError(absl::StrCat(std::string(path), " is no file; only files can be sent"));
}

absl::Status AnswerTooLarge(size_t bytes_max) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the answer is larger than ", bytes_max, " bytes; ask for less at once"));
}

absl::Status ServerError(int http_status, std::string_view body, std::string_view request_id) {
  std::string message;
  std::string path;
  std::string id(request_id);
  if (const auto json = expression::ParseJson(body); json.ok() && json->is_map()) {
    message = TextAt(*json, "message");
    path = TextAt(*json, "path");
    if (const std::string told = TextAt(*json, "requestId"); !told.empty()) id = told;
    if (const expression::Value* embedded = json->Find("_embedded"); embedded != nullptr) {
      const expression::Value* errors = embedded->Find("errors");
      if (errors != nullptr && errors->is_sequence() && errors->size() > 0) {
        const expression::Value& first = errors->items().front();
        if (message.empty()) message = TextAt(first, "message");
        if (path.empty()) path = TextAt(first, "path");
      }
    }
  } else if (body.size() <= 2000 && body.find('<') == std::string_view::npos) {
    message = std::string(body);
  }
  message = std::string(absl::StripAsciiWhitespace(message));
  if (message.empty()) message = absl::StrCat("the server answered with status ", http_status);
  if (!path.empty()) absl::StrAppend(&message, "\n  at ", path);
  if (http_status == 401 || http_status == 403) {
    absl::StrAppend(&message, "\n  set ORCH_TOKEN to a token that may do this");
  }
  if (!id.empty()) absl::StrAppend(&message, "\n  request id ", id);
  const absl::Status status(CodeOfHttp(http_status), message);
  // The server was reached: whatever keeps it from working, exit 8 would point at the wrong thing.
  return http_status == 502 || http_status == 503 ? WithExitCode(status, kGeneric) : status;
}

absl::Status UnreadableAnswer(std::string_view what) {
  return absl::InternalError(absl::StrCat("the server's answer cannot be read (", std::string(what),
                                          "); compare both releases with `orch version`"));
}

}  // namespace orch::cli
