// EnvironmentSecrets are the secrets that a server's environment holds: SECRET_NAME, base64.
//
// Names are found in any case of letters; line breaks inside a value are dropped. A value that is
// no base64 is no secret: asking for it says so.
//
// Threads     Immutable.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::facts {

class EnvironmentSecrets {
 public:
  // `environment` holds lines NAME=value.
  explicit EnvironmentSecrets(const std::vector<std::string>& environment);

  //   kNotFound         there is no such secret.
  //   kInvalidArgument  it is no base64.
  absl::StatusOr<std::string> Get(std::string_view name) const;

 private:
  std::map<std::string, std::string> encoded_;  // Upper-case name -> base64
};

}  // namespace orch::facts
