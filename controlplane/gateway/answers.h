// Answers: what errors and results look like in HTTP.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/gateway/http.h"

namespace orch::gateway {

// {"message","_links":{"self":{"href"}},"_embedded":{"errors":[{message,path}]},"code","requestId"}
// with the status that the error asks for. What is an error of ours is told without its insides.
HttpAnswer ErrorAnswer(const absl::Status& status, std::string_view path,
                       std::string_view request_id);

// "NOT_FOUND": the code's name.
std::string CodeWord(absl::StatusCode code);

// What every answer carries: no sniffing, no store of answers of the API.
void AddCommonHeaders(std::string_view request_id, const std::vector<std::string>& warnings,
                      HttpAnswer* answer);

// A value as it may stand in a header: one line of visible ASCII.
std::string HeaderText(std::string_view text);

}  // namespace orch::gateway
