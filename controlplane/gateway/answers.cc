#include "controlplane/gateway/answers.h"

#include "absl/strings/str_format.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/errors.h"
#include "controlplane/api/json/json_text.h"

namespace orch::gateway {

using api::json::Quoted;

std::string CodeWord(absl::StatusCode code) { return absl::StatusCodeToString(code); }

HttpAnswer ErrorAnswer(const absl::Status& status, std::string_view path,
                       std::string_view request_id) {
  HttpAnswer answer;
  answer.status = api::HttpStatusOf(status);
  answer.content_type = "application/json";
  const bool ours = answer.status == 500;
  const std::string message = ours ? "Internal Server Error: report it with the request's id"
                                   : std::string(status.message());
  const std::string field = api::json::PathOf(status);
  answer.text = absl::StrFormat(
      R"({"message":%s,"_links":{"self":{"href":%s,"templated":false}},"_embedded":{"errors":[{"message":%s%s}]},"code":%s,"requestId":%s})",
      Quoted(message), Quoted(path), Quoted(message),
      field.empty() ? "" : ",\"path\":" + Quoted(field), Quoted(CodeWord(status.code())),
      Quoted(request_id));
  if (answer.status == 429 || answer.status == 503) answer.headers.emplace_back("Retry-After", "1");
  if (answer.status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

std::string HeaderText(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, 1000)) line.push_back(c >= 0x20 && c < 0x7F ? c : '?');
  return line;
}

void AddCommonHeaders(std::string_view request_id, const std::vector<std::string>& warnings,
                      HttpAnswer* answer) {
  answer->headers.emplace_back("X-Request-Id", std::string(request_id));
  answer->headers.emplace_back("X-Content-Type-Options", "nosniff");
  answer->headers.emplace_back("Cache-Control", "no-store");
  for (size_t i = 0; i < warnings.size() && i < 20; ++i) {
    answer->headers.emplace_back("X-Orch-Warning", HeaderText(warnings[i]));
  }
}

}  // namespace orch::gateway
