// Bind fills a request from what is no body: the path, the query, headers.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/gateway/http.h"
#include "controlplane/gateway/router.h"

namespace orch::gateway {

// Query parameters have the JSON names of the request's fields; `filters[field][OP]=value` fills a
// field `filters`. An empty parameter is as good as none, unless its field is a text. What nobody
// knows is an error where there are filters (a list that ignored one would show too much);
// elsewhere it is appended to `warnings`.
//   kInvalidArgument  a value does not fit, or a parameter is unknown; the status names it.
absl::Status Bind(const Match& match, const Target& target, const Headers& headers,
                  google::protobuf::Message* request, std::vector<std::string>* warnings);

}  // namespace orch::gateway
