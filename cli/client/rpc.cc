#include "cli/client/rpc.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/client/errors.h"

namespace orch::cli {

std::vector<std::pair<std::string, std::string>> Credential::Headers() const {
  if (token.empty()) return {};
  return {{"Authorization", "Bearer " + token}};
}

absl::Status Rpc::Call(std::string_view method, const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite* answer) const {
  HttpRequest http;
  http.method = "POST";
  http.target = absl::StrCat("/rpc/orch.v1.", std::string(method));
  http.headers = credential_.Headers();
  http.headers.emplace_back("Content-Type", "application/x-protobuf");
  http.headers.emplace_back("Accept", "application/x-protobuf");
  http.body.push_back({request.SerializeAsString(), ""});
  ORCH_ASSIGN_OR_RETURN(const HttpResponse response, http_.Send(http));
  if (response.status < 200 || response.status > 299) {
    return ServerError(response.status, response.body, response.Header("x-request-id"));
  }
  if (!answer->ParseFromString(response.body)) return UnreadableAnswer(method);
  return absl::OkStatus();
}

}  // namespace orch::cli
